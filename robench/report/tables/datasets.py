"""Tables of data sets: the registered tasks, counted."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from robench.data.load import TaskData, load_task
from robench.errors import RobenchError
from robench.plugins import registry
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.paper_contents import rank

COLUMNS = (
    Column("C", "count", better=None, key="classes"),
    Column("L", "number", better=None, key="length"),
    Column("#train", "count", better=None, key="train"),
    Column("#dev", "count", better=None, key="dev"),
    Column("#test", "count", better=None, key="test"),
)
LEGEND = (
    "C: classes. L: mean number of tokens, split at white space, over all texts of the three splits.",
    "#train, #dev, #test: rows.",
)
MISSING = "—: the data is not available here."


def datasets_table(request: TableRequest) -> Table:
    """Make a table of every registered task, counted from its rows (table 3 of the TaiChi paper).

    A task that cannot be loaded has dashes, and a note says why. Of the options the selected tasks, ``data`` and
    ``offline`` matter.

    Raises:
        RobenchError: the name of a task is unknown.
    """
    order = request.paper.tasks
    names = dict.fromkeys(request.selection.tasks or registry.names("tasks"))
    entries = {name: registry.entry("tasks", name) for name in sorted(names, key=lambda name: rank(name, order))}
    rows: list[Row] = []
    notes: list[str] = []
    for name, entry in entries.items():
        try:
            data = load_task(name, entry.load(), data_dir=request.data, offline=request.offline)
        except RobenchError as error:
            rows.append(Row(name, name, (Cell(),) * len(COLUMNS)))
            notes.append(str(error).rstrip("."))
            continue
        rows.append(Row(name, name, _make_cells(data)))
        notes += [f"{name}: from {data.source}", *(f"{name}: {note}" for note in data.notes)]
    return request.fill(
        columns=COLUMNS,
        blocks=(Block("", "", tuple(rows)),),
        legend=LEGEND if all(row.cells[0].value for row in rows) else (*LEGEND, MISSING),
        notes=tuple(notes),
        row_kind="task",
        is_measured=False,
    )


def _make_cells(data: TaskData) -> tuple[Cell, ...]:
    """Return a task's cells: classes, mean length, rows of train, dev and test."""
    splits: Sequence[Sequence[object]] = (data.train, data.dev, data.test)
    lengths = [len(example.text.split()) for split in (data.train, data.dev, data.test) for example in split]
    numbers = [Fraction(len(data.labels)), Fraction(sum(lengths), len(lengths)), *(Fraction(len(s)) for s in splits)]
    return tuple(Cell(number) for number in numbers)
