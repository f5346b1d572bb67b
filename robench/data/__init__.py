"""Tasks: their declarations, and their rows from files, the Hub or the package index."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.data.load import Example, TaskData, load_task
    from robench.data.task import HubSource, Row, Splits, Task, hold_out

__all__ = [
    "Example",
    "HubSource",
    "Row",
    "Splits",
    "Task",
    "TaskData",
    "hold_out",
    "load_task",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
