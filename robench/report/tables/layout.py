"""From results to blocks of rows: what stands where, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from robench.report.tables.captions import headings, setting_of
from robench.report.tables.cells import COMPARED, judged
from robench.report.tables.model import Block, Cell, Column, Row
from robench.report.tables.orders import PAPER_ENCODERS, PAPER_TASKS, defense_order, paper_order
from robench.results.cells import Result, group
from robench.results.labels import Label, column_labels, row_labels
from robench.study.commands import Gap, renamed
from robench.study.presets import PAPER_ATTACKS

CellsOf: TypeAlias = Callable[[Sequence[Result], Sequence[str]], tuple[Cell, ...]]
"""Cells of a row, from its results and the identities of the attacks that have a column."""


@dataclass(frozen=True)
class Layout:
    """Results in the order in which they are shown.

    Attributes:
        rows: names of defenses by identity.
        columns: names of attacks by identity, in order.
        blocks: results by identity of their block.
        expected: names of defenses that every block should have.
    """

    results: Sequence[Result]
    rows: Mapping[str, Label]
    columns: Mapping[str, Label]
    blocks: Mapping[str, list[Result]]
    expected: Sequence[str]

    @classmethod
    def of(cls, results: Sequence[Result], *, lead: str = "task", expected: Sequence[str] = ()) -> Layout:
        """Lay results out; ``lead`` decides the order of the blocks: ``task`` or ``encoder``."""
        rows, columns = row_labels(results), column_labels(results)

        def place(r: Result) -> tuple[Any, ...]:
            return *_block_order(r, lead), *defense_order(r.defense.name), rows[r.row].text, r.row, r.seed

        results = sorted(results, key=place)
        by_column = sorted(results, key=lambda r: _column_order(r, columns[r.column].text))
        ordered = {r.column: columns[r.column] for r in by_column}
        return cls(results, rows, ordered, group(results, lambda r: r.block), expected)

    def made(
        self, columns: Sequence[Column], cells_of: CellsOf, *, lead: str = "task", attacks: bool = True
    ) -> tuple[tuple[Block, ...], str]:
        """The blocks, and a caption of what they share.

        Args:
            columns: of the table.
            cells_of: gives the cells of a row.
            lead: what a heading begins with.
            attacks: whether accuracies under attack are shown.
        """
        settings = []
        for first, *_ in self.blocks.values():
            counted = {"attacked_n": first.attacked_n} if attacks else {}
            settings.append(setting_of(first.info, clean_n=first.info.clean.n, **counted))
        heads, caption = headings(settings, lead)
        blocks = []
        for heading, setting, members in zip(heads, settings, self.blocks.values(), strict=True):
            rows = [self._row(found, cells_of, attacks) for found in group(members, lambda r: r.row).values()]
            rows += [Row(name, name, cells_of((), tuple(self.columns))) for name in self._missing(members)]
            rows.sort(key=lambda row: (*defense_order(row.name), row.label))
            blocks.append(Block(setting["task"], heading, judged(rows, columns, compare=attacks), setting))
        return tuple(blocks), caption

    def gaps(self) -> list[Gap]:
        """Cells that the seeds of their row have elsewhere in the row, and rows that their block should have."""
        example = {r.column: r for r in self.results}
        found = []
        for members in self.blocks.values():
            for row in group(members, lambda r: r.row).values():
                for column, label in self.columns.items():
                    named = not (label.ambiguous or self.rows[row[0].row].ambiguous)
                    missing = sorted({r.seed for r in row} - {r.seed for r in row if r.column == column})
                    found += [Gap(row[0], example[column], seed, named) for seed in missing]
            for name in self._missing(members):
                row_like = renamed(members[0], name)
                for column, label in self.columns.items():
                    seeds = sorted({r.seed for r in members})
                    found += [Gap(row_like, example[column], seed, not label.ambiguous) for seed in seeds]
        return found

    def _missing(self, members: Sequence[Result]) -> list[str]:
        there = {r.defense.name for r in members}
        return [name for name in self.expected if name not in there]

    def _row(self, found: Sequence[Result], cells_of: CellsOf, attacks: bool) -> Row:
        first = found[0]
        return Row(
            label=self.rows[first.row].text,
            name=first.defense.name,
            per_attack=first.info.adversarial is not None,
            clean_n=first.info.clean.n,
            attacked_n=first.attacked_n if attacks else None,
            seeds=tuple(sorted({r.seed for r in found})),
            cells=cells_of(found, tuple(self.columns)),
        )


def legend_of(blocks: Iterable[Block], first: Sequence[str], hopeless: int = 0) -> tuple[str, ...]:
    """How to read a table.

    Args:
        blocks: of the table.
        first: lines of the table's own.
        hopeless: cells that no command makes.
    """
    rows = [row for block in blocks for row in block.rows]
    cells = [cell for row in rows for cell in row.cells]
    lines = [
        ("±: sample standard deviation over seeds.", any(cell.sd is not None for cell in cells)),
        (
            f"In brackets: {COMPARED} less the best other defense of its block.",
            any(cell.difference is not None for cell in cells),
        ),
        ("Bold: the best of the column in its block.", any(cell.best for cell in cells)),
        (
            "†: the model, or one of them, is no better than naming the most frequent label each time; not compared.",
            any(not cell.learned for cell in cells),
        ),
        (
            f"{hopeless} of the missing cells can be made by no command: rows of other versions or models in memory.",
            hopeless,
        ),
    ]
    return *first, *(text for text, applies in lines if applies)


def _column_order(result: Result, title: str) -> tuple[Any, ...]:
    return *paper_order(result.attack.name, PAPER_ATTACKS), title, result.column


def _block_order(result: Result, lead: str) -> tuple[Any, ...]:
    info = result.info
    task = paper_order(info.task, PAPER_TASKS)
    encoder = info.encoder.name
    setting = info.train_rows, result.attacked_n, result.block
    if lead == "encoder":
        return *paper_order(encoder, PAPER_ENCODERS), *task, *setting
    return *task, encoder, *setting
