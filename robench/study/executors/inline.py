"""Jobs that can only run in the coordinator's process, without keeping it from its workers.

How it works: such a job runs in this thread, because the user's code in it may depend on the thread, as connections to
databases do. It runs in a greenlet: whenever it takes rows, keeps a record or shows progress, and a worker has said
something or the time is over, the greenlet is left, and entered again when its executor waits the next time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from greenlet import getcurrent, greenlet

from robench.errors import ControlFlow
from robench.progress import Reporter, Work
from robench.results.records import Record
from robench.study.executors.job import AttackJob, Job, JobEnd, JobRows
from robench.study.executors.serial import SerialExecutor
from robench.study.reporters import ForwardingReporter, ForwardingWork
from robench.study.stages.context import Context


class _LeftError(ControlFlow):
    """Unwinds a job that is left for good."""


class InlineJobs:
    """Jobs that run in this process one after another, and can be left in the middle.

    Args:
        context: store, device and models in memory.
    """

    def __init__(self, context: Context) -> None:
        self._serial = SerialExecutor(context)
        self._originals: list[Job] = []
        self._current: Any = None  # greenlet is untyped here
        self._is_due: Callable[[], bool] = lambda: False

    @property
    def is_busy(self) -> bool:
        """Return whether there is a job."""
        return bool(self._originals)

    def submit(self, job: Job) -> None:
        """Put a job at the end of the queue."""
        self._originals.append(job)
        changes: dict[str, Any] = {"reporter": _PausingReporter(job.reporter, self._pause)}
        if isinstance(job, AttackJob):
            changes |= {"rows": _PausingRows(job.rows, self._pause)}
        self._serial.submit(replace(job, **changes))

    def run(self, is_wanted: Callable[[], bool], timeout: float | None) -> list[JobEnd]:
        """Run the first job until it ends, or can be left because something else is to be done.

        Args:
            is_wanted: returns whether somebody waits for this process.
            timeout: most seconds to run, if the job can be left then; None runs without limit.
        """
        last = None if timeout is None else time.monotonic() + timeout
        self._is_due = lambda: is_wanted() or (last is not None and time.monotonic() >= last)
        if self._current is None:
            self._current = greenlet(lambda: self._serial.wait(None))
        try:
            ends: list[JobEnd] | None = self._current.switch()
        except BaseException:
            self._current = None
            raise
        if ends is None:
            return []
        self._current = None
        return [replace(end, job=self._originals.pop(0)) for end in ends]

    def close(self) -> None:
        """End the job in the middle, and forget those that have not begun."""
        current, self._current = self._current, None
        if current is not None and current is not getcurrent():
            with contextlib.suppress(_LeftError):
                current.throw(_LeftError)
        self._serial.close()
        self._originals.clear()

    def _pause(self) -> None:
        """Leave the job if something else is to be done; in a search, which has a greenlet of its own, it goes on."""
        if getcurrent() is self._current and self._is_due():
            self._current.parent.switch(None)


class _PausingRows:
    """The rows of a job that may pause whenever it takes rows or gives a record."""

    def __init__(self, rows: JobRows, pause: Callable[[], None]) -> None:
        self._rows, self._pause = rows, pause
        self.give_back = rows.give_back

    def take(self) -> Sequence[int] | None:
        self._pause()
        return self._rows.take()

    def keep(self, record: Record) -> None:
        self._rows.keep(record)
        self._pause()


class _PausingReporter(ForwardingReporter):
    """A reporter of a job that may pause whenever it shows progress."""

    def __init__(self, reporter: Reporter, pause: Callable[[], None]) -> None:
        super().__init__(reporter)
        self._pause = pause

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        with super().track(title, unit, total, done) as work:
            yield ForwardingWork(work, done, lambda count, seconds: self._pause())
