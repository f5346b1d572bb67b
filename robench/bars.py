"""The reporter of a terminal or notebook, and the choice between it and that of a log.

Both show a bar for each piece of work at hand, and below them the line about the run.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterable, Iterator
from typing import Any

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

NOTEBOOK_SECONDS = 0.3
"""Shortest time between two pictures of the bars in a notebook: each is a message to the browser."""
NOTEBOOK_WIDTH = 110
"""Characters of a line of bars in a notebook."""


class ProgressBars(Progress):
    """Progress bars, and below them the line about the run, if there is one."""

    run: RunLine | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the table of bars, and the line."""
        yield from super().get_renderables()
        if self.run is not None:
            yield Text(f"  {self.run.text}", "bold", no_wrap=True, overflow="ellipsis")


class NotebookBars(ProgressBars):
    """Progress bars in the output of a notebook's cell.

    Rich's own need the package ipywidgets there. These are one output of the cell, which is written anew when work
    advances, by no thread of their own; so they also work where widgets do not, and leave nothing in a saved notebook.
    """

    _handle: Any = None
    _drawn = 0.0

    def start(self) -> None:
        """Show the bars in the output of the cell that is running."""
        from IPython.display import HTML, display

        self._handle = display(HTML(self.to_html()), display_id=True)  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Leave an empty output; what is finished has a line."""
        self._write("")

    def update(self, task_id: TaskID, **fields: Any) -> None:
        """Change a bar, and draw all of them if the last picture is old enough."""
        super().update(task_id, **fields)
        self.refresh()

    def refresh(self) -> None:
        """Draw the bars if the last picture is old enough."""
        now = time.monotonic()
        if self._handle is not None and now - self._drawn >= NOTEBOOK_SECONDS:
            self._drawn = now
            self._write(self.to_html())

    def to_html(self) -> str:
        """Return the bars as HTML in the notebook's own colours."""
        console = Console(file=io.StringIO(), width=NOTEBOOK_WIDTH, record=True, force_jupyter=False)
        console.print(self.get_renderable())
        return console.export_html(inline_styles=True, code_format='<pre style="line-height:normal">{code}</pre>')

    def _write(self, html: str) -> None:
        from IPython.display import HTML

        self._handle.update(HTML(html))  # type: ignore[no-untyped-call]


class RichReporter(Warner):
    """A reporter that shows progress bars, and leaves a line for each piece of finished work.

    Args:
        console: prints the lines.
        bars: the kind of bars.
    """

    def __init__(self, console: Console, bars: type[ProgressBars] = ProgressBars) -> None:
        super().__init__(console)
        self._kind = bars
        self._progress: ProgressBars | None = None  # a terminal has one place for bars, so all of them share it

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(shorten(text), highlight=False)

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
        if count.is_idle:
            return
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
            yield _RichRun(line, progress)
        finally:
            progress.run = None
            self._close_unused_bars(progress)
        if count > 1:
            self.console.print(Text(f"  {summarise_run(line)}", "dim"))

    def _close_unused_bars(self, progress: ProgressBars) -> None:
        if not progress.tasks and progress.run is None:
            progress.stop()
            self._progress = None

    def _open_bars(self) -> ProgressBars:
        if self._progress is None:
            self._progress = self._start_bars()
        return self._progress

    def _start_bars(self) -> ProgressBars:
        columns = (
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[tail]}", style="dim", markup=False),
            TimeElapsedColumn(),
            TextColumn("left", style="dim"),
            TimeRemainingColumn(),
        )
        progress = self._kind(*columns, console=self.console, transient=True)
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


class _RichRun:
    def __init__(self, line: RunLine, progress: Progress) -> None:
        self._line, self._progress = line, progress

    def update(self, done: int, seconds_left: float | None) -> None:
        self._line.update(done, seconds_left)
        self._progress.refresh()


def choose_reporter(console: Console) -> Reporter:
    """Return a progress-bar reporter for a terminal or a notebook, else a line reporter."""
    if console.is_jupyter:
        return RichReporter(console, NotebookBars)
    return RichReporter(console) if console.is_terminal else PlainReporter(console)
