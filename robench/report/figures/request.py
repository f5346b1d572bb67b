"""What a user asks of a figure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robench.escaping import escape_line
from robench.results.paper_contents import Paper, PaperFigure
from robench.results.sample_reader import SampleReader
from robench.results.selection import Selection
from robench.study.commands import make_table_command


@dataclass(frozen=True)
class FigureRequest:
    """One figure of a paper.

    Attributes:
        paper: which has it.
        figure: which one it is.
        selection: of the results that it is drawn from; it has one task.
        command_options: what to add to the commands that make what is missing, such as ``["--runs", "elsewhere"]``.
        reader: of the runs folder, if it has read something already.
        device: where a model runs, if the figure needs one.
    """

    paper: Paper
    figure: PaperFigure
    selection: Selection
    command_options: Sequence[str] = ()
    reader: SampleReader | None = None
    device: str = "auto"

    @property
    def task(self) -> str:
        """The task that it is drawn for."""
        (task,) = self.selection.tasks
        return task

    @property
    def name(self) -> str:
        """The figure in an error: ``figure 4 on sst2``."""
        return f"figure {self.figure.number} on {self.task}"

    @property
    def heading(self) -> str:
        """The figure's title and its task."""
        return f"{self.figure.title}: {self.task}"

    def file_name(self, *parts: str) -> str:
        """Return the name of the figure's files: ``figure4-sst2``, with the name of any paper but the default."""
        named = [re.sub(r"[/\\]", "-", escape_line(part)) for part in parts]
        number = self.figure.number
        return "-".join([f"{self.paper.file_prefix}{'figure' if number.isdigit() else ''}{number}", *named])

    def table_command(self, table: str) -> str:
        """Return the command that shows a table of the results that the figure is drawn from."""
        return f"`{make_table_command(table, self.selection, self.command_options)}`"
