"""The line about a whole run: how many of its stages are finished, and how long the rest will take."""

from __future__ import annotations

import time
from typing import Protocol

from robench.escaping import count_noun


class RunWork(Protocol):
    """A whole run, whose stages are counted while they are made."""

    def update(self, done: int, seconds_left: float | None) -> None:
        """Set the number of stages that are finished, and the estimated seconds until all are; None if not known."""


class RunLine:
    """The line about a run; between two updates, the time that is left runs down.

    Args:
        count: number of all stages.
    """

    def __init__(self, count: int) -> None:
        self.count, self.done = count, 0
        self.started = time.monotonic()
        self._end: float | None = None

    def update(self, done: int, seconds_left: float | None) -> None:
        """Set the number of stages that are finished, and the estimated seconds until all are; None if not known."""
        self.done = done
        self._end = None if seconds_left is None else time.monotonic() + seconds_left

    @property
    def text(self) -> str:
        """Return the line, such as ``run: 7 of 13 stages, about 4 min left``."""
        left = "time left not known yet" if self._end is None else describe_seconds_left(self._end - time.monotonic())
        return f"run: {self.done:,} of {count_noun(self.count, 'stage')}, {left}"


def describe_seconds_left(seconds: float) -> str:
    """Describe an estimate no more precisely than it is: ``about 40 s left``, ``about 4 min left``."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} s left"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"about {minutes} min left"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"about {hours} h {rest:02d} min left" if hours < 10 else f"about {round(minutes / 60):,} h left"
