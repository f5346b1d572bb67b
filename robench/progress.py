"""Progress reports of a run: bars on a terminal, lines in a log, or no progress when robench is used as a library.

Notes and warnings are no progress: every reporter shows them.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from robench.console import Console
from robench.escaping import shorten

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


class _Count:
    """The count of units that are done, with their rate since the start and a tally of outcomes."""

    def __init__(self, title: str, unit: str, total: int | None, done: int) -> None:
        self.title, self.unit, self.total, self.done = title, unit, total, done
        self.outcomes: Counter[str] = Counter()
        self.started = time.monotonic()
        self._done_before = done

    def add(self, count: int, outcome: str) -> None:
        self.done += count
        if outcome:
            self.outcomes[outcome] += count

    @property
    def rate(self) -> float:
        """Return the units per second since the start."""
        return (self.done - self._done_before) / max(time.monotonic() - self.started, 1e-9)

    @property
    def summary(self) -> str:
        """Return rate and tally as text."""
        tally = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return f"{self.rate:.1f} {self.unit}s/s" + (f", {tally}" if tally else "")

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds left at the current rate; None if the total is not known."""
        return (self.total - self.done) / self.rate if self.total and self.rate else None


class _Warner:
    """The part of all reporters that shows notes and warnings: each as a line, once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._warned: set[str] = set()

    def warn(self, text: str) -> None:
        """Print a line, unless the same was printed before."""
        if text not in self._warned:
            self._warned.add(text)
            self._console.print(shorten(text), soft_wrap=True, markup=False, highlight=False)


class PlainReporter(_Warner):
    """A reporter that prints lines for logs: one when work begins, one every 15 seconds, and one when it ends."""

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(shorten(text), soft_wrap=True, markup=False, highlight=False)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Print which stage begins."""
        self.say(f"[{number}/{count}] {label}")

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Print the progress every 15 seconds, and a summary at the end."""
        count = _Count(title, unit, total, done)
        yield _PlainWork(count, self)
        seconds = time.monotonic() - count.started
        self.say(f"    {title}: {count.done} {unit}s in {format_duration(seconds)}, {count.summary}")


class _PlainWork:
    def __init__(self, count: _Count, reporter: PlainReporter) -> None:
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


class RichReporter(_Warner):
    """A reporter that shows progress bars on a terminal, and leaves a line for each piece of finished work."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress: Progress | None = None  # a terminal has one place for bars, so all of them share it

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(shorten(text), highlight=False, markup=False)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Print which stage begins."""
        self._console.print(Text.assemble((f"{number}/{count}", "bold"), f" {label}"))

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Show a bar with rate and time left until the block ends, then print a summary."""
        count = _Count(title, unit, total, done)
        if self._progress is None:
            self._progress = self._start_bars()
        progress = self._progress
        bar = progress.add_task(title, total=total, completed=done, tail="")
        try:
            yield _RichWork(count, progress, bar)
        finally:
            progress.refresh()
            progress.remove_task(bar)
            if not progress.tasks:
                progress.stop()
                self._progress = None
        seconds = time.monotonic() - count.started
        line = f"  {title}: {count.done} {unit}s in {format_duration(seconds)}, {count.summary}"
        self._console.print(Text(line, "dim"))

    def _start_bars(self) -> Progress:
        columns = (
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[tail]}", style="dim", markup=False),
            TimeElapsedColumn(),
            TextColumn("left", style="dim"),
            TimeRemainingColumn(),
        )
        progress = Progress(*columns, console=self._console, transient=True)
        progress.start()
        return progress


class _RichWork:
    def __init__(self, count: _Count, progress: Progress, bar: TaskID) -> None:
        self._count, self._progress, self._bar = count, progress, bar

    def set_progress(self, done: int, total: int) -> None:
        self._count.total = total
        self.advance(done - self._count.done)

    def advance(self, count: int, outcome: str = "") -> None:
        self._count.add(count, outcome)
        self._progress.update(self._bar, completed=self._count.done, total=self._count.total, tail=self._count.summary)


class SilentReporter(_Warner):
    """A reporter, and a piece of work, that shows no progress, but notes and warnings on stderr."""

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

    def set_progress(self, done: int, total: int) -> None:
        """Do nothing."""

    def advance(self, count: int, outcome: str = "") -> None:
        """Do nothing."""


class LabelledReporter:
    """A reporter of one stage among several that are made at the same time: it names the stage in each line.

    Args:
        reporter: receives everything.
        label: the name of the stage.
    """

    def __init__(self, reporter: Reporter, label: str) -> None:
        self._reporter, self._label = reporter, label

    def say(self, text: str) -> None:
        """Show a line of text."""
        self._reporter.say(f"    {self._label}: {text.strip()}")

    def warn(self, text: str) -> None:
        """Show a note or warning, which names what it is about."""
        self._reporter.warn(text)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Show which stage begins."""
        self._reporter.announce_stage(number, count, label)

    def track(
        self, title: str, unit: str, total: int | None = None, done: int = 0
    ) -> contextlib.AbstractContextManager[Work]:
        """Show the progress of some work until the block ends."""
        return self._reporter.track(f"{self._label}: {title}", unit, total, done)


def choose_reporter(console: Console) -> Reporter:
    """Return a progress-bar reporter for a terminal, else a line reporter."""
    return RichReporter(console) if console.is_terminal else PlainReporter(console)


def format_duration(seconds: float) -> str:
    """Format seconds as ``8 s``, ``3 min 05 s`` or ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
