"""The options of a table, and the stored results that they select."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

from robench.escaping import list_values
from robench.plugins import registry
from robench.plugins.suggestions import explain_unknown
from robench.report.tables.captions import result_notes
from robench.report.tables.cells import names_with_numbers
from robench.report.tables.comparison import Comparison, compare_block
from robench.report.tables.legend import legend_of
from robench.report.tables.model import Block, Column, Table
from robench.results.adaptive import is_adaptive, leave_out_adaptive
from robench.results.info import BEFORE, CellInfo
from robench.results.intervals import LEVEL, check_level
from robench.results.paper_contents import Paper, PaperTable
from robench.results.sample_reader import SampleReader
from robench.results.selection import ALL, Facet, InfoT, NoResultsError, Selection, facet_of, leave_out_crossed
from robench.results.store import Store, StoredStage
from robench.results.transfer import leave_out_sources
from robench.study.commands import format_paper_command

Commands: TypeAlias = tuple[tuple[str, ...], int]
"""The commands that fill the gaps of a table, and the number of missing cells that none makes."""


class TableOptions(TypedDict, total=False):
    """Options that all tables take; each ignores those that mean nothing to it.

    ``selection``: what to show; by default all. ``compare``: the defense to compare with all others; by default the one
    that the paper compares. ``intervals``: whether shares have intervals, which they have by default. ``level``: of
    intervals and tests, 0.95 by default. ``runs``: name of the runs folder, for errors. ``command_options``: what to
    add to the commands that fill gaps, such as ``["--runs", "elsewhere"]``. ``data`` and ``offline``: where tasks are
    loaded from, see :func:`robench.data.load.load_task`. ``reader``: of the runs folder, if several tables share what
    it has read.
    """

    selection: Selection
    compare: str | None
    intervals: bool
    level: float
    runs: str
    command_options: Sequence[str]
    data: Path | None
    offline: bool
    reader: SampleReader


@dataclass(frozen=True)
class TableRequest:
    """A table of a paper, and the options that the user gave.

    Attributes:
        paper: which has it.
        table: which one it is.
        store: what its stages are read from; without it nothing is known of transfers.

    The other fields are those of :class:`TableOptions`.
    """

    paper: Paper
    table: PaperTable
    store: Store | None = None
    selection: Selection = ALL
    compare: str | None = None
    intervals: bool = True
    level: float = LEVEL
    runs: str = "the runs folder"
    command_options: Sequence[str] = ()
    data: Path | None = None
    offline: bool = False
    reader: SampleReader | None = None

    @property
    def hint(self) -> str:
        """The command that makes all results of the table."""
        words = ("run", "--table", self.table.number, *self.command_options)
        return f"`{format_paper_command(self.paper, *words)}` makes them."

    def select(
        self,
        stages: Sequence[StoredStage[InfoT]],
        *,
        selection: Selection | None = None,
        hint: str = "",
        crossed: bool = False,
    ) -> list[StoredStage[InfoT]]:
        """Return the results that the user wants to see, but for those that :meth:`select_adaptive` returns.

        Args:
            stages: cells or statistics.
            selection: instead of the user's own.
            hint: what makes results, for the error that there are none at all.
            crossed: whether to return those of models under other attacks than that which they were trained against.

        Raises:
            NoResultsError: none is left.
        """
        words = ("run", *shlex.split(self.paper.first_run), *self.command_options)
        hint = hint or f"`{format_paper_command(self.paper, *words)}` makes some."
        chosen = selection or self.selection
        kept = list(stages) if crossed else leave_out_crossed(stages)
        selected = chosen.select(leave_out_sources(kept, self.store, chosen.seeds), self.runs, hint=hint)
        return leave_out_adaptive(selected, stages) or selected

    def select_adaptive(self, cells: Sequence[StoredStage[CellInfo]]) -> list[StoredStage[CellInfo]]:
        """Return the cells that the user wants to see of attacks that a defense names as made against itself."""
        return [cell for cell in self.selection.keep(cells) if is_adaptive(cell)]

    def restrict(
        self, stages: Sequence[StoredStage[InfoT]], name: Facet, values: Sequence[str]
    ) -> list[StoredStage[InfoT]]:
        """Return the results that the paper's table is about, unless the user names others.

        Args:
            stages: to choose from.
            name: ``task``, ``defense`` or ``attack``.
            values: the paper's.

        Raises:
            NoResultsError: none is left.
        """
        if name in self.selection.values or not stages:
            return list(stages)
        kept = [stage for stage in stages if facet_of(stage, name) in values]
        if not kept:
            there = list_values(sorted({str(facet_of(stage, name)) for stage in stages}))
            raise NoResultsError(
                f"no results in {self.runs} for table {self.table.number}, which is about {', '.join(values)}, as in"
                f" the paper, unless --{name} names another; there are results with {name} {there}."
            )
        return kept

    def finish(
        self,
        arranged: Sequence[Block],
        columns: Sequence[Column],
        *,
        legend: Sequence[str],
        infos: Iterable[CellInfo] = (),
        notes: Sequence[str] = (),
        commands: Commands = ((), 0),
        usual: bool = False,
        **parts: Any,
    ) -> Table:
        """Compare the rows of a table, and make it: with intervals, how to read it, notes, and what fills its gaps.

        Args:
            arranged: the blocks, with cells as they were measured.
            columns: of the table.
            legend: its own lines, which come first.
            infos: the results on whose data and models there are notes.
            notes: its own ones, which come first.
            commands: that fill its gaps, as :func:`~robench.study.commands.make_commands` returns them.
            usual: whether the table compares the paper's defense if the user names none.
            parts: other fields of :class:`~robench.report.tables.model.Table`.

        Raises:
            NoResultsError: the defense that the user names is not in the table.
            RobenchError: the level is not between 0 and 1.
        """
        comparison = self._choose_comparison(arranged, usual=usual)
        blocks = tuple(compare_block(one, columns, comparison, intervals=self.intervals) for one in arranged)
        texts, hopeless = commands
        return self.fill(
            columns=tuple(columns),
            blocks=blocks,
            compared=comparison.defense if any(column.better for column in columns) else "",
            legend=legend_of(blocks, columns, legend, comparison, hopeless, self.command_options),
            notes=(*notes, *result_notes(infos)),
            commands=texts,
            **parts,
        )

    def fill(self, **parts: Any) -> Table:
        """Make the table under its number and heading.

        Args:
            parts: fields of :class:`~robench.report.tables.model.Table`; the caption is empty unless it is given.
        """
        values: dict[str, Any] = {"caption": "", "intervals": self.intervals and self.table.is_measured, **parts}
        return Table(name=self.table.number, title=self.table.heading, **values)

    def _choose_comparison(self, blocks: Sequence[Block], *, usual: bool) -> Comparison:
        """Return which defense is compared, and at which level."""
        level = check_level(self.level)
        name = self.compare
        if name:
            self._check_compared(name, blocks)
        elif usual:
            name = self.paper.compared
        return Comparison(name or "", self.paper.ablations if name == self.paper.compared else (), level)

    def _check_compared(self, name: str, blocks: Sequence[Block]) -> None:
        there = list(dict.fromkeys(name for b in blocks for name in names_with_numbers(b.rows) if name != BEFORE))
        if name in there:
            return
        number = self.table.number
        if registry.is_registered("defenses", name):
            raise NoResultsError(f"table {number} has no results of {name} to compare; it has {', '.join(there)}.")
        raise NoResultsError(
            explain_unknown("defense", name, there, f"--compare takes the name of a row of table {number}")
        )
