"""Tables as LaTeX, with booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from robench.escaping import escape_latex, escape_line
from robench.report.rendering.texts import (
    difference_text,
    ends,
    heads,
    interval_text,
    lines_below,
    numeric,
    published_text,
    value_text,
)
from robench.report.tables.model import Cell, Column, Table


def as_latex(tables: Sequence[Table]) -> str:
    """Write a ``table`` environment for each, with a caption that holds legend and notes."""
    return "\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    width = len(heads(table))
    align = "".join("r" if right else "l" for right in numeric(table))
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", r"\small"]
    lines += [rf"\begin{{tabular}}{{{align}}}", r"\toprule", _row([escape_latex(head) for head in heads(table)])]
    for block in table.blocks:
        lines.append(r"\midrule")
        if block.heading:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escape_latex(block.heading)}}}}} \\")
        for row in block.rows:
            cells = [_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]
            lines.append(_row([escape_latex(row.marked_label), *cells, *map(escape_latex, ends(table, row))]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    title = table.title.partition(": ")[2] or table.title  # LaTeX numbers tables itself
    title = title[0].upper() + title[1:]
    sentences = [f"{text.rstrip('.')}." for text in (title, table.caption, *lines_below(table)) if text]
    lines += [rf"\caption{{{escape_latex(' '.join(sentences))}}}", r"\end{table}"]
    lines += [f"% missing: {escape_line(command)}" for command in table.commands]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell, column: Column) -> str:
    value = escape_latex(value_text(cell, column))
    parts = [rf"\textbf{{{value}}}" if cell.best else value]
    if interval := interval_text(cell, column):
        parts.append(rf"{{\scriptsize {escape_latex(interval)}}}")
    parts += [escape_latex(difference_text(cell, column)), escape_latex(published_text(cell, column))]
    return " ".join(part for part in parts if part)
