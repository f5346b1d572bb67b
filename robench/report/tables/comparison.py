"""Comparisons within a table: intervals, what cannot be told from the best of a column, and claims of one defense.

How it works: shares are compared sample by sample (:mod:`robench.results.significance`). A cell is bold if it cannot be
told from the best of its column and block; that is a display, for which nothing is adjusted. A claim is made of one
defense alone, the one that is compared: its differences from all others of a column and block are one family, whose p
values are adjusted by Holm's method. Numbers that are no shares have no outcomes of samples; the best of them is bold.
Where two rows or more have enough seeds for a statement on defenses, those with fewer take no part: the best of many
models of one seed is partly luck, and a test against it would be about that seed alone. Ablations of the compared
defense take no part in the columns where that defense itself does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from robench.report.tables.model import Block, Cell, Column
from robench.results.info import BEFORE
from robench.results.intervals import FEWEST_SEEDS, LEVEL, Interval, estimate_interval, wilson
from robench.results.power import find_smallest_difference
from robench.results.samples import align
from robench.results.significance import Difference, compare_outcomes, holm


@dataclass(frozen=True)
class Comparison:
    """The defense that is compared with the best of the others.

    Attributes:
        defense: its registered name; empty if none is.
        ablations: its parts and variants, which take no part in the comparison.
        level: of intervals and tests.
    """

    defense: str = ""
    ablations: Sequence[str] = ()
    level: float = LEVEL


def compare_block(block: Block, columns: Sequence[Column], comparison: Comparison, *, intervals: bool) -> Block:
    """Add intervals to a block, and mark what cannot be told from the best, and how far the compared defense is ahead.

    The encoder before fine-tuning takes no part: it is near to itself on all texts, and right about none. Neither does
    a model that has learned nothing, since one that gives every text the same label is never fooled, nor an ablation of
    the compared defense where that is compared, nor one of few seeds, see :func:`with_enough_seeds`.

    Args:
        block: with cells as they were measured.
        columns: of the table.
        comparison: which defense is compared.
        intervals: whether to add intervals.
    """
    names = [row.name for row in block.rows]
    found = [
        _ComparedColumn(column, names, cells, comparison)
        for column, cells in zip(columns, zip(*(row.cells for row in block.rows), strict=True), strict=True)
    ]
    marked = zip(*(one.mark(intervals=intervals) for one in found), strict=True)
    rows = tuple(replace(row, cells=cells) for row, cells in zip(block.rows, marked, strict=True))
    smallest = tuple(one.find_smallest() for one in found)
    is_tested = any(one.is_tested for one in found)
    return replace(
        block,
        rows=rows,
        smallest=smallest,
        is_tested=is_tested,
        unpaired=sum(one.unpaired for one in found),
        few_seeds=sum(one.few_seeds for one in found),
        ablations=tuple(dict.fromkeys(names[place] for one in found for place in one.ablations)),
    )


def with_enough_seeds(places: Sequence[int], cells: Sequence[Cell]) -> list[int]:
    """Return the places of cells with seeds enough for a statement on defenses; all places if fewer than two have."""
    enough = [place for place in places if len(cells[place].seeds) >= FEWEST_SEEDS]
    return enough if len(enough) > 1 else list(places)


def add_interval(cell: Cell, column: Column, level: float) -> Cell:
    """Return a cell with its interval, if it is a share; one of counts alone has an interval only with one seed."""
    if column.unit != "percent" or cell.value is None:
        return replace(cell, by_seed=())
    interval = None
    if cell.outcomes and any(cell.outcomes.values()):
        interval = estimate_interval(align(cell.outcomes)[0], level)
    elif cell.measured and len(cell.seeds) == 1:
        bounds = wilson(float(cell.value * cell.measured), cell.measured, level)
        interval = Interval(*bounds, level, 1, cell.measured, all_alike=cell.value in (0, 1))
    return replace(cell, interval=interval, by_seed=cell.by_seed if len(cell.seeds) == 2 else ())


class _ComparedColumn:
    """A column of a block: its cells, and the comparisons between them."""

    def __init__(self, column: Column, names: Sequence[str], cells: Sequence[Cell], comparison: Comparison) -> None:
        self.column, self.names, self.cells, self.comparison = column, names, cells, comparison
        self._sign = -1 if column.better == "lower" else 1
        known = [
            place
            for place, (name, cell) in enumerate(zip(names, cells, strict=True))
            if column.better and cell.value is not None and cell.learned and name != BEFORE
        ]
        others = [place for place in known if names[place] not in comparison.ablations]
        if any(names[place] == comparison.defense for place in with_enough_seeds(others, cells)):
            self.ablations, known = [place for place in known if place not in others], others
        else:
            self.ablations = []
        self.rivals = with_enough_seeds(known, cells)
        self.few_seeds = len(known) - len(self.rivals)
        self.best = self._best(self.rivals)
        self.pairs = {
            place: self._compare(self.best, place)
            for place in self.rivals
            if self.best is not None and place != self.best and column.unit == "percent"
        }

    @property
    def is_tested(self) -> bool:
        """Return whether a cell was compared with the best."""
        return any(pair is not None for pair in self.pairs.values())

    @property
    def unpaired(self) -> int:
        """Count the cells that could not be compared with the best."""
        return sum(pair is None for pair in self.pairs.values())

    def find_smallest(self) -> float | None:
        """Return the smallest difference from the best that is found, by the pair with the median scatter.

        It is infinite if there is a test, and so few samples that it finds none.
        """
        pairs = [pair for pair in self.pairs.values() if pair is not None and pair.p is not None]
        if not pairs:
            return None
        size = find_smallest_difference(sorted(pairs, key=lambda pair: pair.square)[len(pairs) // 2])
        return math.inf if size is None else size

    def mark(self, *, intervals: bool) -> list[Cell]:
        """Return the cells with everything that is known of them."""
        is_even = self.column.unit == "count" and len({self.cells[place].value for place in self.rivals}) == 1
        bold = {place for place in self.rivals if len(self.rivals) > 1 and not is_even and self._is_best(place)}
        cells = [
            replace(
                cell,
                is_compared=place in self.rivals,
                best=place in bold,
                is_paired=self.pairs.get(place) is not None,
                is_ahead=self._lead(place) < 0,
            )
            for place, cell in enumerate(self.cells)
        ]
        for place in self.rivals:
            if self.comparison.defense and self.names[place] == self.comparison.defense:
                cells = self._with_claims(cells, place)
        add = partial(add_interval, column=self.column, level=self.comparison.level)
        return [add(cell) if intervals else replace(cell, by_seed=()) for cell in cells]

    def _is_best(self, place: int) -> bool:
        if self.best is None or self.cells[place].value == self.cells[self.best].value:
            return True
        return self.pairs.get(place) is not None and self._lead(place) <= 0

    def _lead(self, place: int) -> float:
        """Return by how much the best is better than another cell, 0 if no test tells them apart.

        It is below 0 if the other one, whose mean over all of its seeds is worse, is better on those that both have.
        """
        pair = self.pairs.get(place)
        return self._sign * pair.value if pair is not None and pair.parted else 0.0

    def _with_claims(self, cells: list[Cell], place: int) -> list[Cell]:
        """Return cells with the difference of the compared defense's one, and p of its comparisons with all others."""
        others = [other for other in self.rivals if self.names[other] != self.comparison.defense]
        rival = self._best(others)
        if rival is None:
            return cells
        is_share = self.column.unit == "percent"
        pairs = {other: self._compare(place, other) for other in others} if is_share else {}
        cells[place] = replace(cells[place], difference=_less(cells[place], cells[rival], pairs.get(rival)))
        tested = {other: pair.p for other, pair in pairs.items() if pair is not None and pair.p is not None}
        adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
        for other, p in adjusted.items():
            if cells[other].p is None:  # else another variant of the compared defense stands above
                cells[other] = replace(cells[other], p=p)
        if rival in adjusted:
            alpha = round(1 - self.comparison.level, 12)
            cells[place] = replace(cells[place], p=adjusted[rival], is_claim=adjusted[rival] <= alpha)
        return cells

    def _best(self, places: Sequence[int]) -> int | None:
        return max(places, key=lambda place: self._sign * (self.cells[place].value or 0), default=None)

    def _compare(self, first: int, second: int) -> Difference | None:
        """Return the difference of two cells; None if a test would be about less than their seeds let it be about."""
        one, other = self.cells[first], self.cells[second]
        if not one.outcomes or not other.outcomes:
            return None
        first_row, second_row = align(one.outcomes, other.outcomes)
        pair = compare_outcomes(first_row, second_row, self.comparison.level)
        have_enough = min(len(one.seeds), len(other.seeds)) >= FEWEST_SEEDS
        return None if pair is not None and have_enough and len(pair.seeds) < FEWEST_SEEDS else pair


def _less(first: Cell, second: Cell, pair: Difference | None) -> Fraction | None:
    """Return the first less the second; of those of which only a part can be compared, over that part."""
    if first.value is None or second.value is None:
        return None
    if pair is None or (first.seeds == second.seeds and not pair.left_out):
        return first.value - second.value
    return Fraction(pair.value).limit_denominator(10**6)
