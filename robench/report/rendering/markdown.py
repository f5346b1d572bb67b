"""Tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from robench.report.rendering.texts import (
    FILL,
    difference_text,
    ends,
    heads,
    lines_below,
    numeric,
    published_text,
    value_text,
)
from robench.report.tables.model import Cell, Column, Table


def as_markdown(tables: Sequence[Table]) -> str:
    """Write headings, a table for each block, then legend, notes and commands."""
    return "\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    lines = [f"**{_escaped(table.title)}**", ""]
    lines += [_escaped(table.caption), ""] if table.caption else []
    for block in table.blocks:
        lines += [f"**{_escaped(block.heading)}**", ""] if block.heading else []
        lines += [_row([_escaped(head) for head in heads(table)])]
        lines += [_row(["---:" if right else "---" for right in numeric(table)])]
        for row in block.rows:
            cells = [_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]
            lines.append(_row([_escaped(row.label), *cells, *ends(table, row)]))
        lines.append("")
    lines += [f"- {_escaped(line)}" for line in lines_below(table)]
    if table.commands:
        lines += ["", FILL, "", "```", *table.commands, "```"]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, column: Column) -> str:
    value = _escaped(value_text(cell, column))
    parts = [f"**{value}**" if cell.best else value, difference_text(cell, column)]
    parts.append(_escaped(published_text(cell, column)))
    return " ".join(part for part in parts if part)


def _escaped(text: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", text)
