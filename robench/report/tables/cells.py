"""Numbers of a table: means over seeds, the best of each column, and the lead of the compared defense."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from robench.report.tables.model import Cell, Column, Row
from robench.results.info import BEFORE
from robench.results.info_parts import Outcome
from robench.results.seeds import average_over_seeds


@dataclass(frozen=True)
class Comparison:
    """The defense that is compared with the best of the others.

    Attributes:
        defense: its registered name; empty if none is.
        ablations: its parts and variants, which take no part in the comparison.
    """

    defense: str = ""
    ablations: Sequence[str] = ()

    def left_out(self, rows: Sequence[Row]) -> list[str]:
        """Return the names of a block's ablations, if the defense itself is in the block."""
        names = names_with_numbers(rows)
        return [name for name in names if name in self.ablations] if self.defense in names else []


def mean_cell(values: Sequence[tuple[int, Fraction]], n: int, *, learned: bool = True) -> Cell:
    """Return mean and standard deviation over seeds; several values of one seed are averaged first.

    Args:
        values: pairs of a seed and a number.
        n: samples of each.
        learned: whether every model behind them has learned something.
    """
    if not values:
        return Cell()
    over = average_over_seeds(values)
    return Cell(over.mean, sd=over.sd, seeds=over.seeds, n=n, learned=learned)


def count_errors(cell: Cell, outcomes: Iterable[Outcome]) -> Cell:
    """Add to a cell how many of the attacked samples behind it ended in an error."""
    found = list(outcomes)
    return replace(cell, errors=sum(one.errors for one in found), samples=sum(one.n for one in found))


def compared_rows(rows: Sequence[Row], columns: Sequence[Column], comparison: Comparison) -> tuple[Row, ...]:
    """Mark the best cell of each column, and the lead of the compared defense.

    The encoder before fine-tuning takes no part: it is near to itself on all texts, and right about none. Neither does
    a model that has learned nothing, since one that gives every text the same label is never fooled, nor an ablation of
    the compared defense.
    """
    names, aside = [row.name for row in rows], {BEFORE, *comparison.left_out(rows)}
    marked = [
        _compared_column(column, names, cells, comparison.defense, aside)
        for column, cells in zip(columns, zip(*(row.cells for row in rows), strict=True), strict=True)
    ]
    return tuple(replace(row, cells=cells) for row, cells in zip(rows, zip(*marked, strict=True), strict=True))


def names_with_numbers(rows: Sequence[Row]) -> list[str]:
    """Return the names of the rows that have a number."""
    return [row.name for row in rows if any(cell.value is not None for cell in row.cells)]


def _compared_column(
    column: Column, names: Sequence[str], cells: Sequence[Cell], defense: str, aside: Collection[str]
) -> Sequence[Cell]:
    if column.better is None:
        return cells
    best = max if column.better == "higher" else min
    rivals = [
        (name, cell.value)
        for name, cell in zip(names, cells, strict=True)
        if cell.value is not None and cell.learned and name not in aside
    ]
    others = [value for name, value in rivals if name != defense]
    marked = []
    for name, cell in zip(names, cells, strict=True):
        if cell.value is not None and cell.learned and name not in aside:
            lead = cell.value - best(others) if name == defense and others else None
            bold = len(rivals) > 1 and cell.value == best(value for _, value in rivals)
            cell = replace(cell, best=bold, difference=lead)
        marked.append(cell)
    return marked
