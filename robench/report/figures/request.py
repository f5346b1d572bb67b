"""What a user asks of a figure."""

from __future__ import annotations

from dataclasses import dataclass

from robench.results.paper_contents import Paper, PaperFigure
from robench.results.selection import Selection


@dataclass(frozen=True)
class FigureRequest:
    """One figure of a paper, and the results that it is drawn from."""

    paper: Paper
    figure: PaperFigure
    selection: Selection

    @property
    def name(self) -> str:
        """The figure in an error: ``figure 4 on sst2``."""
        return f"figure {self.figure.number} on {self.selection.task}"

    def file_name(self, *parts: str) -> str:
        """Return the name of the figure's files: ``figure4-sst2``, with the name of any paper but the default."""
        return "-".join([f"{self.paper.file_prefix}figure{self.figure.number}", *parts])
