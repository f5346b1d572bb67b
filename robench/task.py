"""An alias of :mod:`robench.data.task`, kept for plug-ins that import it by this name."""

from robench.data.task import HubSource, Row, Splits, Task, hold_out

__all__ = ["HubSource", "Row", "Splits", "Task", "hold_out"]
