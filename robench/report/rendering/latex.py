"""Tables as LaTeX, with booktabs: a float that is made no wider than a line, or many rows over several pages.

How it works: what breaks over pages cannot be scaled, so it is set small, and on turned pages if it is too wide for a
line all the same.
"""

from __future__ import annotations

import re

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

MOST_ROWS = 40
"""Rows up to which a table is a float, which has to fit on one page."""
LINE_POINTS, CHARACTER_POINTS, GAP_POINTS = 345, 3.5, 6
"""Widths of a line of LaTeX's article class, and of a character and a gap between columns, as they are set small."""
_COMMANDS = re.compile(r"\\[A-Za-z]+|[{}$\\]")
_NO_WIDER = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}"


def as_latex(table: Table) -> str:
    """Write a ``table`` or ``longtable`` environment, with a caption that holds legend and notes."""
    align = "".join("r" if right else "l" for right in numeric(table))
    head = [r"\toprule", _row([escape_latex(head) for head in heads(table)])]
    title = table.title.partition(": ")[2] or table.title  # LaTeX numbers tables itself
    title = title[0].upper() + title[1:]
    sentences = [f"{text.rstrip('.')}." for text in (title, table.caption, *lines_below(table)) if text]
    caption = rf"\caption{{{escape_latex(' '.join(sentences))}}}"
    rows = _rows(table)
    if len(rows) > MOST_ROWS:
        package, place = ("pdflscape", "landscape") if _is_wide([*head, *rows]) else ("", "")
        lines = [rf"% needs \usepackage{{{','.join(filter(None, ['booktabs', 'longtable', package]))}}}"]
        lines += [rf"\begin{{{place}}}" if place else r"\begingroup", r"\scriptsize"]
        lines += [rf"\setlength{{\tabcolsep}}{{{GAP_POINTS / 2:g}pt}}", r"\setlength{\LTcapwidth}{\linewidth}"]
        lines += [rf"\begin{{longtable}}{{{align}}}", rf"{caption} \\"]
        lines += [*head, r"\endfirsthead", *head, r"\midrule", r"\endhead", r"\bottomrule", r"\endlastfoot"]
        lines += [*rows, r"\end{longtable}", rf"\end{{{place}}}" if place else r"\endgroup"]
    else:
        lines = [r"% needs \usepackage{booktabs,graphicx}", r"\begin{table}", r"\centering", r"\small"]
        lines += [rf"{_NO_WIDER}{{\begin{{tabular}}{{{align}}}"]
        lines += [*head, *rows, r"\bottomrule", r"\end{tabular}}", caption, r"\end{table}"]
    lines += [f"% missing: {escape_line(command)}" for command in table.commands]
    return "\n".join(lines) + "\n"


def _is_wide(lines: list[str]) -> bool:
    """Return whether rows with their heads are wider than a line, by the number of their characters."""
    rows = [[len(_COMMANDS.sub("", cell)) for cell in line.split(" & ")] for line in lines if " & " in line]
    widths: list[int] = [max(column) for column in zip(*rows, strict=True)]
    return CHARACTER_POINTS * sum(widths) + GAP_POINTS * len(widths) > LINE_POINTS


def _rows(table: Table) -> list[str]:
    """Return the lines between the heads and the bottom rule."""
    lines, width = [], len(heads(table))
    for block in table.blocks:
        lines.append(r"\midrule")
        if block.heading:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escape_latex(block.heading)}}}}} \\")
        for row in block.rows:
            cells = [_cell(cell, column) for cell, column in zip(row.cells, table.columns, strict=True)]
            lines.append(_row([escape_latex(row.marked_label), *cells, *map(escape_latex, ends(table, row))]))
    return lines


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell, column: Column) -> str:
    value = _number(value_text(cell, column)) if cell.value is not None else escape_latex(value_text(cell, column))
    parts = [rf"\textbf{{{value}}}" if cell.best else value]
    if interval := interval_text(cell, column):
        parts.append(rf"{{\scriptsize {escape_latex(interval)}}}")
    parts += [escape_latex(difference_text(cell, column)), _number(published_text(cell, column))]
    return " ".join(part for part in parts if part)


def _number(text: str) -> str:
    """Escape a text of numbers, whose hyphens are minus signs."""
    return re.sub(r"-(?=\d)", lambda _: "$-$", escape_latex(text))
