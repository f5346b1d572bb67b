"""Arrange results in a block for each setting and attack, with a row for each defense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from robench.report.tables.captions import headings, setting_of
from robench.report.tables.cells import make_row
from robench.report.tables.model import Cell, Row
from robench.results.cells import Result, group, identity_text
from robench.results.labels import Label, column_labels, row_labels
from robench.results.paper_contents import Paper, rank


@dataclass(frozen=True)
class AttackBlock:
    """The results of one attack that can be compared.

    Attributes:
        heading: what sets it apart from others.
        setting: what its results share.
        results: the results, in the order of their rows.
        labels: names of the rows by identity.
    """

    heading: str
    setting: Mapping[str, Any]
    results: Sequence[Result]
    labels: Mapping[str, Label]

    def rows(self, cells_of: Callable[[Sequence[Result]], tuple[Cell, ...]]) -> tuple[Row, ...]:
        """Return a row for each defense; ``cells_of`` gives its cells."""
        return tuple(
            make_row(found, self.labels[row], cells_of(found))
            for row, found in group(self.results, lambda r: r.row).items()
        )


def arrange_by_attack(results: Sequence[Result], paper: Paper) -> tuple[list[AttackBlock], str]:
    """Return the blocks of some results, and a caption of what they share.

    Args:
        results: of any settings and attacks.
        paper: whose order they have.
    """
    attacks, labels = column_labels(results), row_labels(results)

    def order(r: Result) -> tuple[Any, ...]:
        block = *rank(r.info.task, paper.tasks), *rank(r.info.attack.name, paper.attacks)
        row = *rank(r.info.defense.name, paper.defense_order), labels[r.row].text, r.row
        return *block, attacks[r.column].text, r.block, *row, r.seed

    results = sorted((replace(r, block=identity_text([r.block, r.column])) for r in results), key=order)
    members = list(group(results, lambda r: r.block).values())
    settings = [_describe(first, attacks[first.column]) for first, *_ in members]
    heads, caption = headings(settings, paper)
    found = zip(heads, settings, members, strict=True)
    return [AttackBlock(head, setting, rows, labels) for head, setting, rows in found], caption


def _describe(result: Result, attack: Label) -> dict[str, Any]:
    counted = {"clean_n": result.info.clean.n, "attacked_n": result.attacked_n}
    return setting_of(result.info, attack=attack.text, attack_identity=result.column, **counted)
