"""What a run says while it works: bars on a terminal, plain lines elsewhere, nothing when it is used as a library."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_INTERVAL = 15.0
"""Seconds between two lines about the same work where the output is not a terminal."""


class Work(Protocol):
    """Something that is counted while it is done."""

    def set_progress(self, done: int, total: int) -> None:
        """``done`` of ``total`` units are done."""

    def advance(self, count: int, outcome: str = "") -> None:
        """``count`` more units are done; ``outcome`` is tallied."""


class Reporter(Protocol):
    """Is told what a run does."""

    def say(self, text: str) -> None:
        """A line about the run."""

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Stage ``number`` of ``count`` begins."""

    def track(
        self, title: str, unit: str, total: int | None = None, done: int = 0
    ) -> contextlib.AbstractContextManager[Work]:
        """Something countable begins; ends with the block."""


class _Count:
    """Units done, the rate since the start, what came out."""

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
        """Units per second in this run."""
        return (self.done - self._done_before) / max(time.monotonic() - self.started, 1e-9)

    @property
    def tail(self) -> str:
        """Rate and tally, for people."""
        tally = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return f"{self.rate:.1f} {self.unit}s/s" + (f", {tally}" if tally else "")

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None where the end is not known."""
        return (self.total - self.done) / self.rate if self.total and self.rate else None


class PlainReporter:
    """Whole lines, for logs: one when a stage begins, one every 15 seconds of it, one when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Print which stage begins."""
        self.say(f"[{number}/{count}] {label}")

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Print how it goes now and then, and how it went."""
        count = _Count(title, unit, total, done)
        yield _PlainWork(count, self)
        seconds = time.monotonic() - count.started
        self.say(f"    {title}: {count.done} {unit}s in {format_duration(seconds)}, {count.tail}")


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
            f"    {self._count.title}: {self._count.done}{of} {self._count.unit}s, {self._count.tail}{end}"
        )


class RichReporter:
    """Progress bars on a terminal; what is finished stays as a line."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, highlight=False, markup=False)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Print which stage begins."""
        self._console.print(f"[bold]{number}/{count}[/] {label}", highlight=False)

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Show a bar with rate and time left until the block ends."""
        count = _Count(title, unit, total, done)
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[tail]}", style="dim"),
            TimeElapsedColumn(),
            TextColumn("left", style="dim"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            bar = progress.add_task(title, total=total, completed=done, tail="")
            yield _RichWork(count, progress, bar)
        seconds = time.monotonic() - count.started
        told = f"  [dim]{title}: {count.done} {unit}s in {format_duration(seconds)}, {count.tail}[/]"
        self._console.print(told, highlight=False)


class _RichWork:
    def __init__(self, count: _Count, progress: Progress, bar: TaskID) -> None:
        self._count, self._progress, self._bar = count, progress, bar

    def set_progress(self, done: int, total: int) -> None:
        self._count.total = total
        self.advance(done - self._count.done)

    def advance(self, count: int, outcome: str = "") -> None:
        self._count.add(count, outcome)
        self._progress.update(self._bar, completed=self._count.done, total=self._count.total, tail=self._count.tail)


class SilentReporter:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Nothing."""

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Nothing."""
        yield self

    def set_progress(self, done: int, total: int) -> None:
        """Nothing."""

    def advance(self, count: int, outcome: str = "") -> None:
        """Nothing."""


def choose_reporter(console: Console) -> Reporter:
    """Bars where a person watches, lines where a file does."""
    return RichReporter(console) if console.is_terminal else PlainReporter(console)


def format_duration(seconds: float) -> str:
    """Seconds for people: ``8 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
