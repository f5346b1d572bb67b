"""Progress reports of a run: bars on a terminal, lines in a log, or no progress when robench is used as a library.

Notes and warnings are no progress: every reporter shows them.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from robench.console import Console
from robench.escaping import shorten
from robench.run_line import RunLine, RunWork

PLAIN_INTERVAL = 15.0
"""Seconds between two lines about the same work if the output is not a terminal."""


class Work(Protocol):
    """A piece of work whose units are counted while they are done."""

    def set_progress(self, done: int, total: int) -> None:
        """Set the number of units that are done, and the total."""

    def advance(self, count: int, outcome: str = "") -> None:
        """Add ``count`` units that are done, and tally them under ``outcome`` if it is not empty."""


class Reporter(Protocol):
    """A receiver of a run's progress."""

    def say(self, text: str) -> None:
        """Show a line of text."""

    def warn(self, text: str) -> None:
        """Show a line that has to reach the user even if progress is not shown: a note or a warning, each once."""

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Show that stage ``number`` of ``count`` begins."""

    def track(
        self, title: str, unit: str, total: int | None = None, done: int = 0
    ) -> contextlib.AbstractContextManager[Work]:
        """Show the progress of some work until the block ends.

        Args:
            title: the work.
            unit: the name of a unit, in the singular.
            total: the number of units, if it is known.
            done: units that were done before.
        """

    def track_run(self, count: int) -> contextlib.AbstractContextManager[RunWork]:
        """Show the progress of a whole run until the block ends.

        Args:
            count: number of stages that are to be made.
        """


class Count:
    """The count of units that are done, with their rate since the start and a tally of outcomes.

    Args:
        title: the work.
        unit: the name of a unit.
        total: the number of units, if it is known.
        done: units that were done before.
    """

    def __init__(self, title: str, unit: str, total: int | None, done: int) -> None:
        self.title, self.unit, self.total, self.done = title, unit, total, done
        self.outcomes: Counter[str] = Counter()
        self.started = time.monotonic()
        self._done_before = done

    def add(self, count: int, outcome: str) -> None:
        """Add units that are done, and tally them under an outcome if it is not empty."""
        self.done += count
        if outcome:
            self.outcomes[outcome] += count

    @property
    def rate(self) -> float:
        """Return the units per second since the start."""
        return (self.done - self._done_before) / max(time.monotonic() - self.started, 1e-9)

    @property
    def is_idle(self) -> bool:
        """Return whether nothing was done since the start although there is something to do, as before a failure."""
        return self.done == self._done_before and self.done != self.total

    @property
    def summary(self) -> str:
        """Return rate and tally as text."""
        tally = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return f"{self.rate:.1f} {self.unit}s/s" + (f", {tally}" if tally else "")

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds left at the current rate; None if the total is not known."""
        return (self.total - self.done) / self.rate if self.total and self.rate else None


class Warner:
    """The part of all reporters that shows notes and warnings: each as a line, once.

    Args:
        console: prints them.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._warned: set[str] = set()

    def warn(self, text: str) -> None:
        """Print a line, unless the same was printed before."""
        if text not in self._warned:
            self._warned.add(text)
            self.console.print(shorten(text), soft_wrap=True, highlight=False)


class PlainReporter(Warner):
    """A reporter that prints lines for logs: one when work begins, one every 15 seconds, and one when it ends."""

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(shorten(text), soft_wrap=True, highlight=False)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Print which stage begins."""
        self.say(f"[{number}/{count}] {label}")

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Print the progress every 15 seconds, and a summary at the end."""
        count = Count(title, unit, total, done)
        yield _PlainWork(count, self)
        seconds = time.monotonic() - count.started
        if count.is_idle:
            return
        self.say(f"    {title}: {count.done} {unit}s in {format_duration(seconds)}, {count.summary}")

    @contextlib.contextmanager
    def track_run(self, count: int) -> Iterator[RunWork]:
        """Print a line when a stage is finished, unless it is the only one, and another one at the end."""
        line = RunLine(count)
        yield _PlainRun(line, self)
        if count > 1:
            self.say(summarise_run(line))


class _PlainWork:
    def __init__(self, count: Count, reporter: PlainReporter) -> None:
        self._count, self._reporter, self._last = count, reporter, time.monotonic()

    def set_progress(self, done: int, total: int) -> None:
        self._count.total = total
        self.advance(done - self._count.done)

    def advance(self, count: int, outcome: str = "") -> None:
        self._count.add(count, outcome)
        if time.monotonic() - self._last < PLAIN_INTERVAL or self._count.done == self._count.total:
            return
        self._last = time.monotonic()
        left = self._count.seconds_left
        of = f" of {self._count.total}" if self._count.total else ""
        end = f", {format_duration(left)} left" if left is not None else ""
        self._reporter.say(
            f"    {self._count.title}: {self._count.done}{of} {self._count.unit}s, {self._count.summary}{end}"
        )


class _PlainRun:
    def __init__(self, line: RunLine, reporter: PlainReporter) -> None:
        self._line, self._reporter, self._last = line, reporter, 0

    def update(self, done: int, seconds_left: float | None) -> None:
        self._line.update(done, seconds_left)
        if self._last < done < self._line.count and seconds_left != 0:  # at 0, the last line follows
            self._last = done
            self._reporter.say(self._line.text)


class SilentReporter(Warner):
    """A reporter, a piece of work, and a run, that shows no progress, but notes and warnings on stderr."""

    def __init__(self) -> None:
        super().__init__(Console(stderr=True))

    def say(self, text: str) -> None:
        """Do nothing."""

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Do nothing."""
        yield self

    @contextlib.contextmanager
    def track_run(self, count: int) -> Iterator[RunWork]:
        """Do nothing."""
        yield self

    def update(self, done: int, seconds_left: float | None) -> None:
        """Do nothing."""

    def set_progress(self, done: int, total: int) -> None:
        """Do nothing."""

    def advance(self, count: int, outcome: str = "") -> None:
        """Do nothing."""


def summarise_run(line: RunLine) -> str:
    """Return the line that is left of a run when it is finished, of which stages may have failed."""
    made = f"{line.count:,}" if line.done == line.count else f"{line.done:,} of {line.count:,}"
    return f"run: {made} stages in {format_duration(time.monotonic() - line.started)}"


def format_duration(seconds: float) -> str:
    """Format seconds as ``8 s``, ``3 min 05 s`` or ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
