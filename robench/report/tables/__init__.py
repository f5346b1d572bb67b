"""The tables of a paper as data: which rows and columns, and the numbers in them, from stored results.

Numbers stay exact fractions, so that ties are ties; :mod:`robench.report.rendering` only formats. Nothing more than the
standard library is imported, except for tables of methods and data sets: a table of a thousand cells takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Unpack

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.suggestions import explain_unknown
from robench.report.tables import accuracy, budget, datasets, flips, high_order, matrix, methods, price, published
from robench.report.tables.certificates import certificates_table
from robench.report.tables.correlation import correlation_table
from robench.report.tables.differences import differences_table
from robench.report.tables.general_tables import GENERAL
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import TableOptions, TableRequest
from robench.report.tables.quality import quality_table
from robench.report.tables.transfer import transfer_table
from robench.results import papers
from robench.results.info import CellInfo, CertificatesInfo, StatisticsInfo, TransferInfo
from robench.results.paper_contents import DEFAULT, Paper, PaperTable, TableKind
from robench.results.selection import ALL, NoResultsError, Selection
from robench.results.store import Store, StoredStage
from robench.study.commands import format_paper_command

__all__ = [
    "Block",
    "Cell",
    "Column",
    "Row",
    "Table",
    "TableOptions",
    "accuracy_table",
    "make",
    "make_all",
    "numbers",
]

_MAKERS: Mapping[TableKind, Callable[[Store, TableRequest], Table]] = {
    "methods": lambda store, request: methods.methods_table(request),
    "datasets": lambda store, request: datasets.datasets_table(request),
    "label-conflict": lambda store, request: accuracy.label_conflict_table(store.stages(CellInfo), request),
    "accuracy": lambda store, request: accuracy.accuracy_table(store.stages(CellInfo), request),
    "encoders": lambda store, request: accuracy.encoders_table(store.stages(CellInfo), request),
    "high-order": lambda store, request: high_order.high_order_table(
        store.stages(StatisticsInfo), store.stages(CellInfo), request
    ),
    "flips": lambda store, request: flips.flips_table(store.stages(CellInfo), request),
    "correlation": lambda store, request: correlation_table(
        store.stages(StatisticsInfo), store.stages(CellInfo), request
    ),
    "price": price.price_table,
    "budget": lambda store, request: budget.budget_table(store.stages(CellInfo), request),
    "quality": lambda store, request: quality_table(store.stages(CellInfo), request),
    "transfer": lambda store, request: transfer_table(store.stages(TransferInfo), request),
    "certificates": lambda store, request: certificates_table(
        store.stages(CellInfo), store.stages(CertificatesInfo), request
    ),
    "matrix": lambda store, request: matrix.matrix_table(store.stages(CellInfo), request),
    "worst": lambda store, request: matrix.worst_table(store.stages(CellInfo), request),
    "differences": lambda store, request: differences_table(store.stages(CellInfo), request),
}
"""What makes the table of each kind.

Each takes the finished stages of a runs folder that it is about, and which table to make. Each raises
:class:`NoResultsError` if nothing is left to show, and :class:`RobenchError` if a file of a stage is missing or broken;
its docstring says what else there is to know.
"""


def numbers(paper: Paper) -> list[str]:
    """Return what :func:`make` can make: the paper's tables by number, and our own by name."""
    return [*paper.tables, *GENERAL]


def make(
    number: str, store: Store, *, paper: str = DEFAULT, against: str | None = None, **options: Unpack[TableOptions]
) -> Table:
    """Make a table of a paper, filled with what a runs folder holds.

    Args:
        number: one of :func:`numbers`.
        store: the runs folder.
        paper: its name, or a folder with a ``paper.toml``.
        against: a paper, the same or another, whose published numbers stand beside ours: those of its table of the same
            number, which has to be of the same kind.
        options: what to show, see :class:`~robench.report.tables.options.TableOptions`.

    Raises:
        NoResultsError: the runs folder has nothing for it, or not the defense to compare.
        RobenchError: there is no such paper or table, an option names something unknown, a stored file is broken, or
            the other paper has no such table.
    """
    contents = papers.find_paper(paper)
    specs = {**contents.tables, **{name: spec for name, spec in GENERAL.items() if name not in contents.tables}}
    if number not in specs:
        raise RobenchError(
            explain_unknown("table", number, list(specs), "without a number, all that have data are shown")
        )
    request = TableRequest(contents, specs[number], store, **options)
    other = _find_against(against)
    if other:
        _check_against(request, other)
    return _make(request, store, other)


def make_all(
    store: Store, *, paper: str = DEFAULT, against: str | None = None, **options: Unpack[TableOptions]
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """Make all tables of a paper that have data; return them, and for each of the others a sentence that says why.

    A table of data sets fetches nothing: it has the tasks with results, as far as their data is on this machine. One of
    encoders is left out if it has only one encoder and would repeat rows of the table of accuracies.

    Args:
        store: the runs folder.
        paper: as in :func:`make`.
        against: likewise; a note stands below each table for which that paper has no numbers.
        options: likewise.

    Raises:
        RobenchError: as in :func:`make`, but for a table without data.
    """
    tables: list[Table] = []
    reasons: list[str] = []
    contents, other = papers.find_paper(paper), _find_against(against)
    for number, spec in contents.tables.items():
        here: TableOptions = {**options, "offline": True}
        if spec.kind == "datasets":
            here["selection"] = _select_tasks_with_results(store, options.get("selection", ALL))
        if not spec.is_measured:
            here["compare"] = None
        try:
            table = _make(TableRequest(contents, spec, store, **here), store, other)
        except NoResultsError as error:
            reasons.append(f"table {number}: {error}")
            continue
        if reason := _reason_to_omit(table, contents, spec, options):
            reasons.append(f"table {number}: {reason}")
        else:
            tables.append(table)
    if options.get("compare") and not any(contents.tables[table.name].is_measured for table in tables):
        raise NoResultsError(" ".join(reasons))
    return tuple(tables), tuple(reasons)


def accuracy_table(
    cells: Sequence[StoredStage[CellInfo]],
    paper: Paper | None = None,
    table: PaperTable | None = None,
    store: Store | None = None,
    **options: Unpack[TableOptions],
) -> Table:
    """Make a table of the accuracies of these cells alone.

    Args:
        cells: finished cells.
        paper: whose order and comparison it has; the default paper if there is none.
        table: one of its tables of accuracies; the first if there is none.
        store: what the cells were read from; by default the runs folder that they lie in.
        options: as in :func:`make`.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: a cell's files are missing or broken.
    """
    paper = paper or papers.find_paper()
    if store is None and cells and cells[0].entry is None:
        store = Store(cells[0].folder.parent.parent)
    return accuracy.accuracy_table(cells, TableRequest(paper, table or paper.first_accuracy_table, store, **options))


def _make(request: TableRequest, store: Store, other: Paper | None) -> Table:
    if request.compare and not request.table.is_measured:
        raise RobenchError(f"table {request.table.number} has no results to compare; leave --compare out.")
    table = _MAKERS[request.table.kind](store, request)
    return published.add_published(table, request, other) if other else table


def _find_against(name: str | None) -> Paper | None:
    return None if name is None else papers.find_paper(name)


def _check_against(request: TableRequest, other: Paper) -> None:
    """Check that another paper than the table's own has a table that it can be compared with."""
    if other.folder == request.paper.folder:
        return
    number, kind = request.table.number, request.table.kind
    found = other.tables.get(number)
    if found is None:
        there = ", ".join(other.tables) or "none"
        raise RobenchError(
            f"--against {other.name}: it has no table {number} to compare with (its tables: {there}); leave --against"
            " out, or name another paper."
        )
    if found.kind != kind:
        raise RobenchError(
            f"--against {other.name}: its table {number} is of the kind {found.kind}, this one of the kind {kind}, so"
            f" they cannot be compared; `{format_paper_command(other, 'table', number)}` shows its own."
        )


def _select_tasks_with_results(store: Store, selection: Selection) -> Selection:
    """Return a selection of the registered tasks with results, unless it names tasks or there are none."""
    names = {stage.info.task for stage in store.stages(CellInfo, names=())} if not selection.tasks else set[str]()
    found = sorted(name for name in names if registry.is_registered("tasks", name))
    return replace(selection, tasks=found or selection.tasks)


def _reason_to_omit(table: Table, paper: Paper, spec: PaperTable, options: TableOptions) -> str:
    """Return why a table is not worth showing among others; empty if it is."""
    command = f"`{format_paper_command(paper, 'table', spec.number, *options.get('command_options', ()))}`"
    if spec.kind == "datasets" and not any(c.value is not None for row in table.blocks[0].rows for c in row.cells):
        return f"none of the tasks' data is on this machine; {command} fetches it."
    encoders = {block.setting.get("encoder_digest") for block in table.blocks}
    selected, number = options.get("selection", ALL).encoders, paper.first_accuracy_table.number
    if spec.kind == "encoders" and len(encoders) < 2 and not selected and number:
        return f"there are results of one encoder only, which table {number} has; {command} shows them all the same."
    return ""
