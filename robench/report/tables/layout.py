"""Arrange results in blocks of rows: which row and column each belongs to, and which are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from robench.report.tables.captions import headings, setting_of
from robench.report.tables.cells import make_row
from robench.report.tables.model import Block, Cell, Column, Row
from robench.results.cells import Result, group
from robench.results.labels import Label, column_labels, row_labels
from robench.results.paper_contents import Paper, rank
from robench.study.commands import Gap, rename_defense

CellsOf: TypeAlias = Callable[[Sequence[Result], Sequence[str]], tuple[Cell, ...]]
"""Cells of a row, from its results and the identities of the attacks that have a column."""


@dataclass(frozen=True)
class Layout:
    """Results in the order in which they are shown.

    Attributes:
        paper: whose order that is.
        results: rows and columns of all blocks.
        rows: names of defenses by identity.
        columns: names of attacks by identity, in order.
        blocks: results by identity of their block.
        expected: names of defenses that every block should have.
        lead: what decides the order of the blocks and begins their headings: ``task`` or ``encoder``.
    """

    paper: Paper
    results: Sequence[Result]
    rows: Mapping[str, Label]
    columns: Mapping[str, Label]
    blocks: Mapping[str, list[Result]]
    expected: Sequence[str]
    lead: str

    @classmethod
    def of(
        cls,
        paper: Paper,
        results: Sequence[Result],
        *,
        lead: str = "task",
        expected: Sequence[str] = (),
        label: Callable[[Sequence[Result]], dict[str, Label]] = row_labels,
    ) -> Layout:
        """Sort results into rows, columns and blocks.

        Args:
            paper: as in :class:`Layout`.
            results: likewise.
            lead: likewise.
            expected: likewise.
            label: names the rows.
        """
        rows, columns = label(results), column_labels(results)

        def order(r: Result) -> tuple[Any, ...]:
            attack = r.info.training_attack
            trained = rank(attack.name, paper.attacks) if attack and label is not row_labels else ()
            row = *rank(r.defense.name, paper.defense_order), trained, rows[r.row].text, r.row
            return *_block_order(r, paper, lead), *row, r.seed

        def column_order(r: Result) -> tuple[Any, ...]:
            return *rank(r.attack.name, paper.attacks), columns[r.column].text, r.column

        results = sorted(results, key=order)
        ordered = {r.column: columns[r.column] for r in sorted(results, key=column_order)}
        return cls(paper, results, rows, ordered, group(results, lambda r: r.block), expected, lead)

    def arrange(self, cells_of: CellsOf, *, attacks: bool = True) -> tuple[list[Block], str]:
        """Return the blocks, and a caption of what they share.

        Args:
            cells_of: gives the cells of a row.
            attacks: whether accuracies under attack are shown.
        """
        settings = []
        for first, *_ in self.blocks.values():
            counted = {"attacked_n": first.attacked_n} if attacks else {}
            settings.append(setting_of(first.info, clean_n=first.info.clean.n, **counted))
        heads, caption = headings(settings, self.paper, self.lead)
        blocks = []
        for heading, setting, members in zip(heads, settings, self.blocks.values(), strict=True):
            rows = [self._row(found, cells_of, attacks) for found in group(members, lambda r: r.row).values()]
            rows += [Row(name, name, cells_of((), tuple(self.columns))) for name in self._missing(members)]
            rows.sort(key=lambda row: rank(row.name, self.paper.defense_order))
            met = self.list_attacks(members)
            blocks.append(Block(setting["task"], heading, tuple(rows), setting, attacks=met, identity=members[0].block))
        return blocks, caption

    def list_attacks(self, members: Sequence[Result]) -> tuple[str, ...]:
        """Return the titles of the attacks that some results are of, in the order of the columns."""
        met = {r.column for r in members}
        return tuple(label.text for column, label in self.columns.items() if column in met)

    def list_columns(self, better: Literal["higher", "lower"] = "higher") -> list[Column]:
        """Return a column of the table for each attack."""
        return [Column(label.text, better=better, attack=label.plain) for label in self.columns.values()]

    def gaps(self) -> list[Gap]:
        """Return the missing cells.

        A cell is missing if its row has another cell of that seed, or if its whole row is expected but absent.
        """
        example = {r.column: r for r in self.results}
        found = []
        for members in self.blocks.values():
            for row in group(members, lambda r: r.row).values():
                for column, label in self.columns.items():
                    named = not (label.ambiguous or self.rows[row[0].row].ambiguous)
                    missing = sorted({r.seed for r in row} - {r.seed for r in row if r.column == column})
                    found += [Gap(row[0], example[column], seed, named) for seed in missing]
            for name in self._missing(members):
                row_like = rename_defense(members[0], name)
                for column, label in self.columns.items():
                    seeds = sorted({r.seed for r in members})
                    found += [Gap(row_like, example[column], seed, not label.ambiguous) for seed in seeds]
        return found

    def _missing(self, members: Sequence[Result]) -> list[str]:
        there = {r.defense.name for r in members}
        return [name for name in self.expected if name not in there]

    def _row(self, found: Sequence[Result], cells_of: CellsOf, attacks: bool) -> Row:
        cells = cells_of(found, tuple(self.columns))
        return make_row(found, self.rows[found[0].row], cells, with_attacks=attacks)


def _block_order(result: Result, paper: Paper, lead: str) -> tuple[Any, ...]:
    info = result.info
    task = rank(info.task, paper.tasks)
    encoder = info.encoder.name
    setting = info.split != "test", info.train_rows, result.attacked_n, result.block
    if lead == "encoder":
        return *rank(encoder, paper.encoders), *task, *setting
    return *task, encoder, *setting
