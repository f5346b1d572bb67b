"""Rows of tables as bars, and small tables of texts."""

from __future__ import annotations

from collections.abc import Sequence

from robench.report.pages.parts import Bar
from robench.report.rendering import texts
from robench.report.tables.model import CLEAN, WORST, Block, Cell, Column, Row, Table


def text_table(
    name: str, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: bool = False
) -> Table:
    """Make a table of texts; the first of each row names it.

    Args:
        name: of the table.
        title: its heading.
        heads: of all columns.
        rows: as many texts each.
        wrap: whether long texts may take several lines.
    """
    columns = tuple(Column(head, "text", better=None, wraps=wrap) for head in heads[1:])
    made = tuple(Row(first, first, tuple(Cell(text=text) for text in rest)) for first, *rest in rows)
    return Table(name, title, "", columns, (Block("", "", made),), row_kind=heads[0], is_measured=False)


def bar_of(label: str, cell: Cell, column: Column, *, note: str = "") -> Bar:
    """Return a number of a table as a bar, with the interval that the table has."""
    tone = {CLEAN: "clean", WORST: "worst"}.get(column.name, "attack")
    known = cell.interval
    return Bar(
        label,
        None if cell.value is None else float(cell.value),
        texts.estimate_text(cell, column),
        low=known.low if known else None,
        high=known.high if known else None,
        tone=tone,
        note=note,
    )


def find_column(table: Table, name: str) -> int | None:
    """Return the place of a column among a table's cells; None if it has no such column."""
    names = [column.name for column in table.columns]
    return names.index(name) if name in names else None
