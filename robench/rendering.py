"""Tables as text: for a terminal (rich), Markdown, CSV, JSON or LaTeX. What is in them is decided elsewhere."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from robench.tables import Cell, Row, Table

if TYPE_CHECKING:
    from rich.console import Console

DASH = "—"


def render(table: Table, format: str, console: Console | None = None) -> str:
    """Format a table.

    Args:
        table: of :mod:`robench.tables`.
        format: one of :data:`FORMATS`.
        console: for ``rich``: where it will be written, which decides width and colours; without one, 120 columns of
            plain text. The text is finished: write it as it is, not through rich again.

    Returns:
        Text that ends with a newline.
    """
    if format == "rich":
        from robench.terminal import terminal

        return terminal(table, console)
    return {"md": _markdown, "csv": _csv, "json": _json, "latex": _latex}[format](table)


FORMATS = ("rich", "md", "csv", "json", "latex")
"""What :func:`render` knows."""


def percent(value: Fraction | float, digits: int = 1) -> str:
    """A share in percent; halves are rounded up, exactly."""
    scaled = math.floor(Fraction(value) * 100 * 10**digits + Fraction(1, 2))
    whole, part = divmod(abs(scaled), 10**digits)
    return f"{'-' if scaled < 0 else ''}{whole}.{part:0{digits}d}"


def value_text(cell: Cell) -> str:
    """``61.0`` or ``61.0 ± 1.2``."""
    if cell.value is None:
        return DASH
    return percent(cell.value) + (f" ± {percent(cell.sd)}" if cell.sd is not None else "")


def difference_text(cell: Cell) -> str:
    """``(↑ 6.4)``, or nothing where there is nothing to compare."""
    if cell.difference is None:
        return ""
    arrow = "↑" if cell.difference > 0 else "↓" if cell.difference < 0 else "="
    return f"({arrow} {percent(abs(cell.difference))})"


def samples_text(row: Row) -> str:
    """``500 / 200``: clean and attacked samples."""
    return f"{row.clean_n} / {row.attacked_n}"


def seeds_text(row: Row) -> str:
    """How many seeds; ``1-3`` where not every number of the row has as many."""
    counts = {len(cell.seeds) for cell in row.cells if cell.seeds}
    return str(max(counts)) if len(counts) == 1 else f"{min(counts)}-{max(counts)}"


def lines_below(table: Table) -> list[str]:
    """Legend and notes."""
    return [*table.legend, *(f"Note: {note}" for note in table.notes)]


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _markdown(table: Table) -> str:
    lines = [f"**{_md(table.title)}**", "", _md(table.caption), ""]
    for block in table.blocks:
        lines += [f"**{_md(block.heading)}**", ""]
        names = ["defense", *table.columns, "samples", "seeds"]
        lines += [_md_row([_md(name) for name in names]), _md_row(["---", *["---:"] * (len(names) - 1)])]
        for row in block.rows:
            lines.append(_md_row([_md(row.label), *map(_md_cell, row.cells), samples_text(row), seeds_text(row)]))
        lines.append("")
    lines += [f"- {_md(line)}" for line in lines_below(table)]
    if table.commands:
        lines += ["", f"{DASH}: no result yet. To fill the gaps:", "", "```", *table.commands, "```"]
    return "\n".join(lines) + "\n"


def _md_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md_cell(cell: Cell) -> str:
    value = f"**{value_text(cell)}**" if cell.best else value_text(cell)
    return f"{value} {difference_text(cell)}".strip()


def _md(text: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", text)


# --- LaTeX ------------------------------------------------------------------------------------------------------------

_LATEX = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$"},
    **{
        "±": r"$\pm$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "→": r"$\to$",
        "—": "---",
        "·": r"$\cdot$",
        "≥": r"$\ge$",
    },
    **{"[": "{[}", "]": "{]}"},  # after \\ a bracket would be an argument
}


def _latex(table: Table) -> str:
    width = len(table.columns) + 3
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", r"\small"]
    lines += [rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}", r"\toprule"]
    lines.append(_tex_row([_tex(name) for name in ("defense", *table.columns, "samples", "seeds")]))
    for block in table.blocks:
        lines += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{\emph{{{_tex(block.heading)}}}}} \\"]
        for row in block.rows:
            lines.append(_tex_row([_tex(row.label), *map(_tex_cell, row.cells), samples_text(row), seeds_text(row)]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    title = table.title.partition(": ")[2] or table.title  # LaTeX numbers tables itself
    sentences = [f"{text.rstrip('.')}." for text in (title.capitalize(), table.caption, *lines_below(table)) if text]
    lines += [rf"\caption{{{_tex(' '.join(sentences))}}}", r"\end{table}"]
    lines += [f"% missing: {command}" for command in table.commands]
    return "\n".join(lines) + "\n"


def _tex_row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _tex_cell(cell: Cell) -> str:
    value = rf"\textbf{{{_tex(value_text(cell))}}}" if cell.best else _tex(value_text(cell))
    return f"{value} {_tex(difference_text(cell))}".strip()


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


# --- for programs -----------------------------------------------------------------------------------------------------

_SETTING = ("task", "data", "encoder", "precision", "train_rows")


def _csv(table: Table) -> str:
    """A line per row: setting, defense, seeds, samples, then percent and ``sd`` of each column; empty: no value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    numbers = [name for column in table.columns for name in (column, f"{column} sd")]
    writer.writerow([*_SETTING, "defense", "seeds", "clean_n", "attacked_n", *numbers])
    for block in table.blocks:
        for row in block.rows:
            values = [
                "" if value is None else percent(value, 4) for cell in row.cells for value in (cell.value, cell.sd)
            ]
            setting = [block.setting[name] for name in _SETTING]
            writer.writerow([*setting, row.label, " ".join(map(str, row.seeds)), row.clean_n, row.attacked_n, *values])
    return out.getvalue()


def _json(table: Table) -> str:
    """Everything, unrounded.

    ``table``, ``title``, ``caption``, ``columns`` (names), ``legend``, ``notes``, ``commands`` (lists of texts) and
    ``blocks``: each ``task``, ``heading``, ``setting`` (what its rows share) and ``rows``: each ``defense`` (label),
    ``name`` (as registered), ``per_attack`` (whether a model is trained for each attack), ``clean_n`` and
    ``attacked_n`` (samples), ``seeds`` and ``cells`` by column: null, or ``percent``, ``sd`` (percentage points, null
    with one seed), ``seeds``, ``best``, ``difference`` (percentage points, null where nothing is compared), ``n``.
    """
    blocks = [
        {
            "task": block.task,
            "heading": block.heading,
            "setting": dict(block.setting),
            "rows": [_json_row(table, row) for row in block.rows],
        }
        for block in table.blocks
    ]
    found: dict[str, Any] = {
        "table": table.name,
        "title": table.title,
        "caption": table.caption,
        "columns": table.columns,
    }
    found |= {"blocks": blocks, "legend": table.legend, "notes": table.notes, "commands": table.commands}
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _json_row(table: Table, row: Row) -> dict[str, Any]:
    return {
        "defense": row.label,
        "name": row.name,
        "per_attack": row.per_attack,
        "clean_n": row.clean_n,
        "attacked_n": row.attacked_n,
        "seeds": row.seeds,
        "cells": {name: _json_cell(cell) for name, cell in zip(table.columns, row.cells, strict=True)},
    }


def _json_cell(cell: Cell) -> dict[str, Any] | None:
    if cell.value is None:
        return None
    return {
        "percent": float(cell.value * 100),
        "sd": None if cell.sd is None else cell.sd * 100,
        "seeds": cell.seeds,
        "best": cell.best,
        "difference": None if cell.difference is None else float(cell.difference * 100),
        "n": cell.n,
    }
