"""The reporter of a terminal, and the choice between it and that of a log.

A terminal shows a bar for each piece of work at hand, and below them the line about the run.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator

from rich.console import RenderableType
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
from robench.progress import Count, PlainReporter, Reporter, Warner, Work, format_duration, summarise_run
from robench.run_line import RunLine, RunWork


class Bars(Progress):
    """Progress bars, and below them the line about the run, if there is one."""

    run: RunLine | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the table of bars, and the line."""
        yield from super().get_renderables()
        if self.run is not None:
            yield Text(f"  {self.run.text}", "bold", no_wrap=True, overflow="ellipsis")


class RichReporter(Warner):
    """A reporter that shows progress bars on a terminal, and leaves a line for each piece of finished work."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress: Bars | None = None  # a terminal has one place for bars, so all of them share it

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(shorten(text), highlight=False, markup=False)

    def announce_stage(self, number: int, count: int, label: str) -> None:
        """Print which stage begins."""
        self.console.print(Text.assemble((f"{number}/{count}", "bold"), f" {label}"))

    @contextlib.contextmanager
    def track(self, title: str, unit: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Show a bar with rate and time left until the block ends, then print a summary."""
        count = Count(title, unit, total, done)
        progress = self._open_bars()
        bar = progress.add_task(title, total=total, completed=done, tail="")
        try:
            yield _RichWork(count, progress, bar)
        finally:
            progress.refresh()
            progress.remove_task(bar)
            self._close_unused_bars(progress)
        seconds = time.monotonic() - count.started
        line = f"  {title}: {count.done} {unit}s in {format_duration(seconds)}, {count.summary}"
        self.console.print(Text(line, "dim"))

    @contextlib.contextmanager
    def track_run(self, count: int) -> Iterator[RunWork]:
        """Show a line below the bars until the block ends, then print a summary, unless there is one stage only."""
        line = RunLine(count)
        progress = self._open_bars()
        progress.run = line
        try:
            yield line
        finally:
            progress.run = None
            self._close_unused_bars(progress)
        if count > 1:
            self.console.print(Text(f"  {summarise_run(line)}", "dim"))

    def _close_unused_bars(self, progress: Bars) -> None:
        if not progress.tasks and progress.run is None:
            progress.stop()
            self._progress = None

    def _open_bars(self) -> Bars:
        if self._progress is None:
            self._progress = self._start_bars()
        return self._progress

    def _start_bars(self) -> Bars:
        columns = (
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[tail]}", style="dim", markup=False),
            TimeElapsedColumn(),
            TextColumn("left", style="dim"),
            TimeRemainingColumn(),
        )
        progress = Bars(*columns, console=self.console, transient=True)
        progress.start()
        return progress


class _RichWork:
    def __init__(self, count: Count, progress: Progress, bar: TaskID) -> None:
        self._count, self._progress, self._bar = count, progress, bar

    def set_progress(self, done: int, total: int) -> None:
        self._count.total = total
        self.advance(done - self._count.done)

    def advance(self, count: int, outcome: str = "") -> None:
        self._count.add(count, outcome)
        self._progress.update(self._bar, completed=self._count.done, total=self._count.total, tail=self._count.summary)


def choose_reporter(console: Console) -> Reporter:
    """Return a progress-bar reporter for a terminal, else a line reporter."""
    return RichReporter(console) if console.is_terminal else PlainReporter(console)
