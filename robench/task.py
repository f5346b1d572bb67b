"""Another name of :mod:`robench.data.task`, for plug-ins that import this one."""

from robench.data.task import HubSource, Row, Splits, Task, hold_out

__all__ = ["HubSource", "Row", "Splits", "Task", "hold_out"]
