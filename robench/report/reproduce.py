"""The purpose of a run: a table of a paper, a figure of it, or just the cells that were named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.suggestions import explain_unknown
from robench.report.figures.general_figures import list_general_figures
from robench.report.tables.general_tables import GENERAL, NEEDS
from robench.results import papers
from robench.results.info import CellInfo
from robench.results.paper_contents import DEFAULT, Paper, PaperFigure, PaperTable
from robench.results.selection import Selection
from robench.results.store import Store, StoredStage
from robench.study.commands import format_command, format_paper_command
from robench.study.presets import PRESETS, find_preset
from robench.study.request import Request
from robench.training.defense import AdversarialDefense

if TYPE_CHECKING:
    from robench.console import Console

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A table or a figure of a paper, or neither."""

    paper: Paper = field(default_factory=papers.find_paper)
    table: PaperTable | None = None
    figure: PaperFigure | None = None

    @classmethod
    def named(cls, *, table: str | None = None, figure: str | None = None, paper: str = DEFAULT) -> Target:
        """Find the target of ``--paper`` and ``--table`` or ``--figure``.

        Args:
            table: its number.
            figure: likewise.
            paper: its name, or a folder with a ``paper.toml``.

        Raises:
            RobenchError: both are given, there is no such paper, table or figure, or nothing has to be run for it.
        """
        contents = papers.find_paper(paper)
        if table is not None and figure is not None:
            raise RobenchError("--table and --figure exclude each other; run one after the other.")
        if table is not None:
            return cls(contents, table=_table(contents, table))
        if figure is not None:
            return cls(contents, figure=_figure(contents, figure))
        return cls(contents)

    def describe_next(self, options: Sequence[str]) -> str:
        """Return what to do with the results, as a clause.

        Args:
            options: what its commands need to find the runs folder, such as ``["--runs", "elsewhere"]``.
        """
        if self.figure is not None:
            return f"`{format_paper_command(self.paper, 'figure', self.figure.number, *options)}` draws them"
        number = (self.table or self.paper.first_accuracy_table).number
        command = format_paper_command(self.paper, "table", *([number] if number else []), *options)
        return f"`{command}` shows all, `{format_command('show', 'CELL', *options)}` one of them"

    def describe_preset(self, name: str) -> str:
        """Return a line on the preset that a table or figure is made with; empty if neither was named.

        Args:
            name: of the preset.
        """
        number = self.table or self.figure
        if number is None:
            return ""
        kind = "table" if self.table else "figure"
        others = " and ".join(other for other in PRESETS if other != name)
        return (
            f"{kind} {number.number} with the preset {name}: {find_preset(name).summary}. --preset takes another:"
            f" {others}."
        )

    def requests(self, request: Request) -> list[Request]:
        """Return what has to be run: the target's tasks, defenses and attacks, narrowed to those that were named."""
        request = replace(request, attack=request.attacks or self._attacks)
        if self.table is not None:
            return self._table_requests(request, self.table)
        if self.figure is not None:
            return [self._figure_request(request, self.figure)]
        return [request]

    def show(self, cells: Sequence[StoredStage[CellInfo]], store: Store, console: Console, options: list[str]) -> str:
        """Return the table of a target; without one, the accuracies of these cells alone."""
        from robench.report import rendering, tables

        selection = Selection(
            tasks=_distinct(cell.info.task for cell in cells),
            attacks=_distinct(cell.info.attack.name for cell in cells),
            defenses=_distinct(cell.info.defense.name for cell in cells),
        )
        filters = tables.TableOptions(
            selection=selection,
            runs=str(store.root),
            command_options=options,
        )
        if self.table is None or self.table.kind == "accuracy":
            table = tables.accuracy_table(cells, self.paper, self.table, store, **filters)
            return rendering.render(table, "rich", console)
        if self.table.kind == "high-order":
            filters["selection"] = replace(selection, defenses=())
        table = tables.make(self.table.number, store, paper=self.paper.name, **filters)
        return rendering.render(table, "rich", console)

    @property
    def _attacks(self) -> Sequence[str]:
        target = self.table or self.figure
        return (target.attacks if target else ()) or self.paper.attacks

    def _table_requests(self, request: Request, table: PaperTable) -> list[Request]:
        filled = replace(request, task=request.tasks or table.tasks, defense=request.defenses or table.trained_defenses)
        if table.kind == "high-order":
            return [replace(filled, statistics=True)]
        if table.kind in NEEDS:
            return [replace(self._fill_general(request, table), **NEEDS[table.kind])]
        if table.kind == "encoders" and request.encoder is None:
            return [replace(filled, encoder=encoder, adaptive=True) for encoder in table.encoders]
        return [replace(filled, adaptive=True)]

    def _fill_general(self, request: Request, table: PaperTable) -> Request:
        """Return a request with the paper's tasks, and its defenses as far as the table shows them."""
        names = self.paper.first_accuracy_table.trained_defenses or tuple(registry.names("defenses"))
        if table.kind == "matrix":
            names = tuple(name for name in names if name == registry.reference() or _is_adversarial(name))
        if table.kind == "certificates":
            names = tuple(name for name in registry.names("defenses") if _has_certificates(name))
        return replace(request, task=request.tasks or self.paper.tasks, defense=request.defenses or names)

    def _figure_request(self, request: Request, figure: PaperFigure) -> Request:
        filled = replace(request, task=request.tasks or (figure.task,), defense=request.defenses or figure.defenses)
        sweep = figure.sweep
        if sweep is None or sweep.defense not in filled.defenses:
            return filled
        return replace(filled, sweep=[{sweep.defense: {sweep.field: value}} for value in sweep.values])


def _is_adversarial(defense: str) -> bool:
    return isinstance(registry.entry("defenses", defense).load(), AdversarialDefense)


def _has_certificates(defense: str) -> bool:
    return bool(registry.entry("defenses", defense).load().certificate)


def _table(paper: Paper, number: str) -> PaperTable:
    if number in NEEDS:
        return GENERAL[number]
    if number in GENERAL:
        command = format_paper_command(paper, "table", number)
        raise RobenchError(f"table {number} needs no runs of its own; `{command}` shows it of what there is.")
    if number not in paper.tables:
        raise RobenchError(
            explain_unknown("table", number, list(paper.tables), f"these are the tables of {paper.name}")
        )
    if not paper.tables[number].is_measured:
        command = format_paper_command(paper, "table", number)
        raise RobenchError(f"nothing has to be run for table {number}; `{command}` shows it.")
    return paper.tables[number]


def _figure(paper: Paper, number: str) -> PaperFigure:
    if number in list_general_figures(paper):
        command = format_paper_command(paper, "figure", number)
        raise RobenchError(f"figure {number} needs no runs of its own; `{command}` draws it of what there is.")
    if number not in paper.figures:
        drawings = f"the paper's figures {' and '.join(paper.drawings)} are drawings"
        hint = drawings if paper.drawings else f"these are the figures of {paper.name}"
        raise RobenchError(explain_unknown("figure", number, list(paper.figures), hint))
    return paper.figures[number]


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
