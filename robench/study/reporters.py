"""Reporters between a stage and the one that shows the progress: they name the stage, or note what it reports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from robench.progress import Reporter, Work
from robench.run_line import RunWork


class ForwardingReporter:
    """A reporter that passes everything on to another one; its subclasses change what they override.

    Args:
        reporter: receives everything.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def say(self, text: str) -> None:
        """Show a line of text."""
        self._reporter.say(text)

    def warn(self, text: str) -> None:
        """Show a note or warning."""
        self._reporter.warn(text)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Show which stage begins."""
        self._reporter.announce_stage(number, count, label)

    def track(
        self, title: str, unit: str, total: int | None = None, done: int = 0
    ) -> contextlib.AbstractContextManager[Work]:
        """Show the progress of some work until the block ends."""
        return self._reporter.track(title, unit, total, done)

    def track_run(self, count: int) -> contextlib.AbstractContextManager[RunWork]:
        """Show the progress of a whole run until the block ends."""
        return self._reporter.track_run(count)


class ForwardingWork:
    """A piece of work that passes its progress on to another one, and says what each report adds.

    Args:
        work: receives the progress.
        done: units that were done before.
        note: called after each report with the number of units that it adds, and the seconds since the last one.
    """

    def __init__(self, work: Work, done: int, note: Callable[[int, float], None]) -> None:
        self._work, self._done, self._note, self._last = work, done, note, time.monotonic()

    def set_progress(self, done: int, total: int) -> None:
        """Set the number of units that are done, and the total."""
        self._work.set_progress(done, total)
        self._count(done - self._done)

    def advance(self, count: int, outcome: str = "") -> None:
        """Add units that are done, and tally them under an outcome if it is not empty."""
        self._work.advance(count, outcome)
        self._count(count)

    def _count(self, count: int) -> None:
        last, self._last = self._last, time.monotonic()
        self._done += count
        self._note(count, self._last - last)


class LabelledReporter(ForwardingReporter):
    """A reporter of one stage among several that are made at the same time: it names the stage in each line.

    Args:
        reporter: receives everything.
        label: the name of the stage.
    """

    def __init__(self, reporter: Reporter, label: str) -> None:
        super().__init__(reporter)
        self._label = label

    def say(self, text: str) -> None:
        """Show a line of text; notes and warnings name themselves what they are about."""
        super().say(f"    {self._label}: {text.strip()}")

    def track(
        self, title: str, unit: str, total: int | None = None, done: int = 0
    ) -> contextlib.AbstractContextManager[Work]:
        """Show the progress of some work until the block ends."""
        return super().track(f"{self._label}: {title}", unit, total, done)
