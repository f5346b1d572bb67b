"""Tables on a terminal: columns as wide as they have to be, with broken lines on a narrow terminal."""

from __future__ import annotations

import io
import re

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from robench.console import Console
from robench.escaping import escape_line
from robench.report.rendering.texts import (
    FILL,
    difference_text,
    ends,
    heads,
    interval_text,
    lead_word,
    lines_below,
    numeric,
    published_text,
    value_text,
)
from robench.report.tables.model import Cell, Column, Row, Table

NARROWEST_LABEL = 10
"""Characters that are left for a row's name on the narrowest terminal."""

_PARTS = r" (?=[(\[+±/-])|(?<=,) (?=[0-9,]+ error)"
_BREAKS = (
    ("", "", 2),
    (r" (?=\[)", r" (?=\()", 2),
    (r" (?=[(\[])", r" (?=\()", 2),
    (_PARTS, _PARTS, 1),
    (_PARTS, " ", 1),
)
"""Spaces of cells and headings that become line breaks, and the gap between columns: tried in turn until they fit."""


def terminal(table: Table, console: Console | None = None) -> str:
    """Format a table for a console, in its width and colours; without one, in 120 columns of plain text."""
    console = console or Console(file=io.StringIO(), width=120)
    with console.capture() as capture:
        console.print(_assemble_head(table))
        for block, made in zip(table.blocks, _blocks(table, console.width), strict=True):
            if block.heading:
                console.print(Text(escape_line(block.heading), style="bold"))
            console.print(made, "", sep="\n", highlight=False)
        for line in lines_below(table):
            console.print(Text(escape_line(line), style="dim"))
        if table.commands:
            console.print(Text(FILL))
        for command in table.commands:
            console.print(Text(f"  {escape_line(command)}"), soft_wrap=True)
    return capture.get()


def _assemble_head(table: Table) -> Text:
    caption = ["\n", escape_line(table.caption)] if table.caption else []
    return Text.assemble((escape_line(table.title), "bold"), *caption, "\n")


def _blocks(table: Table, width: int) -> list[RichTable]:
    """Format the blocks, with the same columns in all and as few broken lines as possible."""
    titles = [Text(escape_line(name)) for name in heads(table)]
    rows = [[_row(table, row) for row in block.rows] for block in table.blocks]
    for in_cells, in_heads, gap in _BREAKS:
        broken_heads = [_broken(title, in_heads) for title in titles]
        broken = [[[_broken(text, in_cells) for text in row] for row in block] for block in rows]
        columns = zip(broken_heads, *(row for block in broken for row in block), strict=True)
        widths = [max(len(line) for text in column for line in text.plain.split("\n")) for column in columns]
        room = width - sum(widths[1:]) - gap * (len(widths) - 1)
        if widths[0] <= room:
            break
    widths[0] = min(widths[0], max(room, NARROWEST_LABEL))
    return [_block(broken_heads, block, widths, gap, numeric(table)) for block in broken]


def _block(titles: list[Text], rows: list[list[Text]], widths: list[int], gap: int, numbers: list[bool]) -> RichTable:
    made = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for title, width, number in zip(titles, widths, numbers, strict=True):
        made.add_column(title, justify="right" if number else "left", width=width, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def _row(table: Table, row: Row) -> list[Text]:
    cells = [_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]
    return [Text(escape_line(row.marked_label)), *cells, *(Text(end, "dim") for end in ends(table, row))]


def _cell(cell: Cell, column: Column) -> Text:
    text = Text()
    nothing = cell.value is None and not cell.text
    text.append(escape_line(value_text(cell, column)), style="bold" if cell.best else "dim" if nothing else "")
    if interval := interval_text(cell, column):
        text.append(f" {interval}", style="dim")
    if cell.difference is not None:
        style = {"better": "green", "worse": "red"}.get(lead_word(cell, column), "")
        text.append(f" {difference_text(cell, column)}", style=style)
    if cell.published is not None:
        text.append(f" {published_text(cell, column)}", style="dim")
    return text


def _broken(text: Text, space: str) -> Text:
    """Put a line break in place of each space that a pattern finds; styles stay where they are."""
    broken = text.copy()
    if space:
        broken.plain = re.sub(space, "\n", text.plain)
    return broken
