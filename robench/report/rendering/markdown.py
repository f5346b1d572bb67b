"""Tables as Markdown."""

from __future__ import annotations

from robench.escaping import escape_markdown, fence_markdown
from robench.report.rendering.texts import (
    FILL,
    difference_text,
    ends,
    heads,
    interval_text,
    lines_below,
    lines_below_commands,
    numeric,
    published_text,
    shown_commands,
    value_text,
)
from robench.report.tables.model import Cell, Column, Table


def as_markdown(table: Table) -> str:
    """Write headings, a table for each block, then legend, notes and commands."""
    lines = [f"**{escape_markdown(table.title)}**", ""]
    lines += [escape_markdown(table.caption), ""] if table.caption else []
    for block in table.blocks:
        lines += [f"**{escape_markdown(block.heading)}**", ""] if block.heading else []
        lines += [_row([escape_markdown(head) for head in heads(table)])]
        lines += [_row(["---:" if right else "---" for right in numeric(table)])]
        for row in block.rows:
            cells = [_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]
            lines.append(_row([escape_markdown(row.marked_label), *cells, *map(escape_markdown, ends(table, row))]))
        lines.append("")
    lines += [f"- {escape_markdown(line)}" for line in lines_below(table)]
    if table.commands:
        lines += ["", FILL, "", *fence_markdown(shown_commands(table))]
    for line in lines_below_commands(table):
        lines += ["", escape_markdown(line)]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, column: Column) -> str:
    value = escape_markdown(value_text(cell, column))
    parts = [f"**{value}**" if cell.best else value, interval_text(cell, column)]
    parts.append(escape_markdown(difference_text(cell, column)))
    parts.append(escape_markdown(published_text(cell, column)))
    return " ".join(part for part in parts if part)
