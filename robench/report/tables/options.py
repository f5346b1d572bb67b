"""The options of a table, and the stored results that they select."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

from robench.plugins import registry
from robench.plugins.suggestions import explain_unknown
from robench.report.tables.cells import Comparison, compared_rows, names_with_numbers
from robench.report.tables.model import Block, Column
from robench.results.info import BEFORE
from robench.results.paper_contents import Paper, PaperTable
from robench.results.selection import Chosen, NoResultsError, facet_of, select
from robench.results.store import StoredStage


class TableOptions(TypedDict, total=False):
    """Options that all tables take; each ignores those that mean nothing to it. An empty list of names shows all.

    ``tasks``, ``defenses``, ``attacks``, ``encoders``, ``presets``, ``seeds``: what to show. ``compare``: the defense
    to compare with all others; by default the one that the paper compares. ``runs``: name of the runs folder, for
    errors. ``command_options``: what to add to the commands that fill gaps, such as ``["--runs", "elsewhere"]``.
    ``data`` and ``offline``: where tasks are loaded from, see :func:`robench.data.load.load_task`.
    """

    tasks: Sequence[str] | None
    defenses: Sequence[str] | None
    attacks: Sequence[str] | None
    encoders: Sequence[str] | None
    presets: Sequence[str] | None
    seeds: Sequence[int] | None
    compare: str | None
    runs: str
    command_options: Sequence[str]
    data: Path | None
    offline: bool


@dataclass(frozen=True)
class TableRequest:
    """A table of a paper, and the options that the user gave."""

    paper: Paper
    table: PaperTable
    options: TableOptions = field(default_factory=TableOptions)

    @property
    def runs(self) -> str:
        """The name of the runs folder, for errors."""
        return self.options.get("runs", "the runs folder")

    @property
    def command_options(self) -> Sequence[str]:
        """What to add to the commands that fill gaps."""
        return self.options.get("command_options", ())

    @property
    def hint(self) -> str:
        """The command that makes all results of the table."""
        return f"`{self.paper.command('run', '--table', self.table.number)}` makes them."

    def select(
        self, stages: Sequence[StoredStage[Chosen]], *, without: Sequence[str] = (), hint: str = ""
    ) -> list[StoredStage[Chosen]]:
        """Return the results that the user's filters let through.

        Args:
            stages: cells or statistics.
            without: filters to leave out: ``attack`` and so on.
            hint: what makes results, for the error that there are none at all.

        Raises:
            NoResultsError: none is left.
        """
        options = self.options
        filters: dict[str, Sequence[Any] | None] = {
            "task": options.get("tasks"),
            "defense": options.get("defenses"),
            "attack": options.get("attacks"),
            "encoder": options.get("encoders"),
            "preset": options.get("presets"),
            "seed": options.get("seeds"),
        }
        filters = {name: values for name, values in filters.items() if name not in without}
        hint = hint or f"`{self.paper.command('run', self.paper.first_run)}` makes some."
        return select(stages, self.runs, hint=hint, **filters)

    def restrict(
        self, stages: Sequence[StoredStage[Chosen]], name: str, values: Sequence[str]
    ) -> list[StoredStage[Chosen]]:
        """Return the results that the paper's table is about, unless the user names others.

        Args:
            stages: to choose from.
            name: ``task``, ``defense`` or ``attack``.
            values: the paper's.

        Raises:
            NoResultsError: none is left.
        """
        if self.options.get(f"{name}s") or not stages:
            return list(stages)
        kept = [stage for stage in stages if facet_of(stage, name) in values]
        if not kept:
            there = ", ".join(sorted({str(facet_of(stage, name)) for stage in stages}))
            raise NoResultsError(
                f"no results in {self.runs} for table {self.table.number}, which is about {', '.join(values)}, as in"
                f" the paper, unless --{name} names another; there are results with {name} {there}."
            )
        return kept

    def compare(
        self, blocks: Sequence[Block], columns: Sequence[Column], *, usual: bool = False
    ) -> tuple[tuple[Block, ...], Comparison]:
        """Mark the best cells of blocks and the lead of the compared defense, and return which defense that is.

        Args:
            blocks: of the table.
            columns: of the table.
            usual: whether the table compares the paper's defense if the user names none.

        Raises:
            NoResultsError: the defense that the user names is not in the table.
        """
        name = self.options.get("compare")
        if name:
            self._check_compared(name, blocks)
        elif usual:
            name = self.paper.compared
        comparison = Comparison(name or "", self.paper.ablations if name == self.paper.compared else ())
        return tuple(replace(b, rows=compared_rows(b.rows, columns, comparison)) for b in blocks), comparison

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
