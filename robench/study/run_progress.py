"""The progress of a whole run while its stages are made: how many are finished, and how long the rest will take."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from robench.progress import Reporter, Work
from robench.run_line import RunWork
from robench.study.reporters import ForwardingReporter, ForwardingWork
from robench.study.stages.stage import Stage
from robench.study.time_left import TimeLeft

PAUSE_SECONDS = 1.0
"""Least seconds between two estimates, which a plan of thousands of stages would otherwise spend its time on."""
PAUSE_FACTOR = 50
"""Least seconds between two estimates, as a multiple of what the last one took."""


class RunProgress:
    """The progress of a whole run.

    Args:
        work: shows it.
        left: estimates the time that is left; None shows no time.
    """

    def __init__(self, work: RunWork, left: TimeLeft | None) -> None:
        self._work, self._left, self._done = work, left, 0
        self._next_show = 0.0
        self._show()

    def begin(self, stage: Stage, done: float = 0.0) -> None:
        """Note that a stage begins, of which a share is done."""
        if self._left is not None:
            self._left.begin(stage.key, done)

    def advance(self, stage: Stage, count: int, seconds: float) -> None:
        """Note that a number of the units of :attr:`~robench.study.stages.stage.Stage.size` are done.

        Args:
            stage: the stage.
            count: the number.
            seconds: what one job took for them.
        """
        if self._left is not None:
            self._left.advance(stage.key, count / max(1, stage.size.count), seconds)
            if time.monotonic() >= self._next_show:
                self._show()

    def finish(self, key: str) -> None:
        """Note that a stage is finished."""
        self._done += 1
        if self._left is not None:
            self._left.finish(key)
        self._show()

    def drop(self, key: str) -> None:
        """Note that a stage will not be made."""
        if self._left is not None:
            self._left.drop(key)
        self._show()

    def watch(self, stage: Stage, reporter: Reporter) -> Reporter:
        """Return a reporter that also tells this one what is done of a stage."""
        return _WatchedReporter(reporter, stage, self)

    def _show(self) -> None:
        started = time.monotonic()
        self._work.update(self._done, self._left.estimate() if self._left is not None else None)
        ended = time.monotonic()
        self._next_show = ended + max(PAUSE_SECONDS, PAUSE_FACTOR * (ended - started))


class _WatchedReporter(ForwardingReporter):
    """A reporter of one stage, whose progress in the units of the stage's size is noted."""

    def __init__(self, reporter: Reporter, stage: Stage, run: RunProgress) -> None:
        super().__init__(reporter)
        self._stage, self._run = stage, run

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        with super().track(title, unit, total, done) as work:
            # Work without a total only says what other work sends to a function: its texts would count twice.
            if total is None or f"{unit}s" != self._stage.size.timing:
                yield work
                return
            self._run.begin(self._stage, done / max(1, self._stage.size.count))
            yield ForwardingWork(work, done, lambda count, seconds: self._run.advance(self._stage, count, seconds))
