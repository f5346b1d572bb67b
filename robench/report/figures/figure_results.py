"""The results that a figure shows, and what its caption says of them whatever the figure is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robench.report.figures.captions import begin_caption, describe_caveats, describe_forms, describe_others
from robench.report.figures.request import FigureRequest
from robench.results.cells import Result, group
from robench.results.labels import Label, row_labels
from robench.results.paper_contents import rank
from robench.results.selection import largest_block, prefer_unchanged


@dataclass(frozen=True)
class FigureResults:
    """The largest group of results that can be compared.

    Attributes:
        results: the group, in the order of the defenses that the user or the paper has.
        labels: of their rows.
        columns: the results of each attack, in the paper's order.
        candidates: all results that could be shown.
        others: number of other groups.
    """

    results: list[Result]
    labels: dict[str, Label]
    columns: list[list[Result]]
    candidates: Sequence[Result]
    others: int

    @classmethod
    def choose(cls, candidates: Sequence[Result], request: FigureRequest, *, every_form: bool = False) -> FigureResults:
        """Choose among results; of a defense with a plain form all others are left out, unless every form is wanted."""
        block, others = largest_block(candidates if every_form else prefer_unchanged(candidates))
        names, labels = list(request.selection.defenses) or list(request.paper.defense_order), row_labels(block)
        block.sort(key=lambda r: (*rank(r.defense.name, names), labels[r.row].text, r.seed))
        attacks = request.paper.attacks
        columns = group(block, lambda r: r.column).values()
        ordered = sorted(columns, key=lambda found: (rank(found[0].attack.name, attacks)[0], found[0].attack.title))
        return cls(block, labels, ordered, candidates, others)

    def make_caption(self, text: str, drawn: Sequence[Result] = ()) -> str:
        """Return a caption: the setting, a text that begins with a space, and what the results do not tell.

        Args:
            text: what this figure shows.
            drawn: the results that it draws, if they are not all.
        """
        drawn, info = drawn or self.results, self.results[0].info
        samples = f"{info.clean.n:,} clean and {self.results[0].attacked_n:,} attacked {info.split} samples"
        tail = describe_caveats(drawn) + describe_forms(self.candidates, drawn) + describe_others(self.others)
        return begin_caption(info, samples) + text + tail
