"""Tables on a terminal: columns as wide as they have to be, broken lines where the terminal is narrow."""

from __future__ import annotations

import io
import re

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from robench.rendering import DASH, difference_text, lines_below, samples_text, seeds_text, value_text
from robench.tables import Cell, Row, Table

NARROWEST_LABEL = 10
"""Characters that a defense's name keeps on the narrowest terminal."""


def terminal(table: Table, console: Console | None = None) -> str:
    """Format a table as wide as a console, with its colours; without one, 120 columns of plain text."""
    console = console or Console(file=io.StringIO(), width=120)
    with console.capture() as capture:
        console.print(Text.assemble((table.title, "bold"), "\n", table.caption, "\n"))
        for block, made in zip(table.blocks, _blocks(table, console.width), strict=True):
            console.print(Text(block.heading, style="bold"), made, "", sep="\n", highlight=False)
        for line in lines_below(table):
            console.print(Text(line, style="dim"))
        if table.commands:
            console.print(Text(f"{DASH}: no result yet. To fill the gaps:"))
        for command in table.commands:
            console.print(Text(f"  {command}"), soft_wrap=True)
    return capture.get()


def _blocks(table: Table, width: int) -> list[RichTable]:
    """The blocks, with the same columns in all and as few broken lines as fit."""
    heads = [Text(name) for name in ("defense", *table.columns, "samples", "seeds")]
    rows = [[_row(row) for row in block.rows] for block in table.blocks]
    for before, gap in (("", 2), ("(", 2), ("(±/", 1)):
        broken_heads = [_broken(head, before) for head in heads]
        broken = [[[_broken(text, before) for text in row] for row in block] for block in rows]
        columns = zip(broken_heads, *(row for block in broken for row in block), strict=True)
        widths = [max(len(line) for text in column for line in text.plain.split("\n")) for column in columns]
        room = width - sum(widths[1:]) - gap * (len(widths) - 1)
        if widths[0] <= room:
            break
    widths[0] = min(widths[0], max(room, NARROWEST_LABEL))
    return [_block(broken_heads, block, widths, gap) for block in broken]


def _block(heads: list[Text], rows: list[list[Text]], widths: list[int], gap: int) -> RichTable:
    made = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for i, (head, width) in enumerate(zip(heads, widths, strict=True)):
        made.add_column(head, justify="right" if i else "left", width=width, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def _row(row: Row) -> list[Text]:
    return [Text(row.label), *map(_cell, row.cells), Text(samples_text(row), "dim"), Text(seeds_text(row), "dim")]


def _cell(cell: Cell) -> Text:
    text = Text()
    text.append(value_text(cell), style="bold" if cell.best else "dim" if cell.value is None else "")
    if cell.difference is not None:
        style = "green" if cell.difference > 0 else "red" if cell.difference < 0 else ""
        text.append(f" {difference_text(cell)}", style=style)
    return text


def _broken(text: Text, before: str) -> Text:
    """The same with a line break for each space before one of these characters; styles stay where they are."""
    found = text.copy()
    if before:
        found.plain = re.sub(rf" (?=[{re.escape(before)}])", "\n", text.plain)
    return found
