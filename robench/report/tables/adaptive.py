"""Column ``adaptive%``: accuracy under the attack that a defense itself names as made against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from robench.report.tables.cells import attacked_cell
from robench.report.tables.layout import Layout
from robench.report.tables.model import Cell
from robench.results.cells import Result, group
from robench.results.info_parts import PluginInfo
from robench.results.sample_reader import SampleReader
from robench.study.commands import Gap

ADAPTIVE = "adaptive%"


class AdaptiveColumn:
    """The cells of the column, and the commands that would fill its gaps.

    Args:
        reader: of the results' runs folder.
        layout: the rows of the table.
        results: those of adaptive attacks on their own defenses.
        show_gaps: whether to show the column if no such attack was run.
    """

    def __init__(self, reader: SampleReader, layout: Layout, results: Sequence[Result], *, show_gaps: bool) -> None:
        rows = {(r.block, r.row) for r in layout.results}
        self._reader, self._layout = reader, layout
        self._results = group((r for r in results if (r.block, r.row) in rows), _place)
        everything = [*layout.results, *(r for found in self._results.values() for r in found)]
        self._names = {_place(r): r.defense.adaptive_attack for r in everything if r.defense.adaptive_attack}
        self.is_shown = bool(self._results or (show_gaps and self._names))

    def cell(self, row: Sequence[Result]) -> Cell:
        """Return the cell of a row.

        Args:
            row: its results under other attacks, possibly none.
        """
        if row and _place(row[0]) not in self._names:
            return Cell(text="none")
        return attacked_cell(self._reader, self._results.get(_place(row[0]), []) if row else [])

    def gaps(self) -> list[Gap]:
        """Return the missing cells: one for each seed of a row whose defense names an adaptive attack."""
        if not self.is_shown:
            return []
        found = []
        for place, row in group((r for r in self._layout.results if _place(r) in self._names), _place).items():
            there = self._results.get(place, [])
            column = there[0] if there else _under(row[0], self._names[place])
            missing = sorted({r.seed for r in row} - {r.seed for r in there})
            found += [Gap(row[0], column, seed, not self._layout.rows[row[0].row].ambiguous) for seed in missing]
        return found

    def describe(self) -> str:
        """Return how to read the column."""
        rows = [r for r in self._layout.results if _place(r) in self._names]
        pairs = ", ".join(dict.fromkeys(f"{self._names[_place(r)]} for {r.defense.name}" for r in rows))
        return (
            f"{ADAPTIVE}: likewise, under the attack that the defense itself names as made against it ({pairs}); no"
            " part of worst%, and not compared. none: it names no attack."
        )


def _place(result: Result) -> str:
    return f"{result.block}\n{result.row}"


def _under(result: Result, attack: str) -> Result:
    """Return a copy of a result with another attack, one that has no results yet."""
    named = PluginInfo(name=attack, title=attack)
    return replace(result, attack=named, info=msgspec.structs.replace(result.info, attack=named))
