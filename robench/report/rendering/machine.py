"""Tables for programs: CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from robench.escaping import dump_json, join_csv_cells
from robench.report.rendering.texts import number_text
from robench.report.tables.model import Block, Cell, Column, MaskedShare, Row, Table

_SETTING = (
    "task",
    "attack",
    "compared_with",
    "group",
    "data",
    "encoder",
    "precision",
    "train_rows",
    "split",
    "clean_limit",
)
_TELLING = ("training", "format")
"""Parts of a setting that are shown where blocks differ in them."""
_DIGITS = {"percent": 4, "number": 6, "count": 0, "text": 0}


def as_csv(table: Table) -> str:
    """Write a line per row: setting, name, seeds, samples, then each column and its ``sd``.

    A percentage's ``low`` and ``high`` follow, the bounds of its interval, unless intervals are left out. If a defense
    is compared, ``p`` of the comparison with it follows, adjusted by Holm's method for the column and block. An empty
    field has no value; ``inf`` is infinite. With published numbers, each column's ``paper`` and ``less paper``
    follow. ``flags`` has what a reader has to know of a row, if any has such a flag. A column of a model that learned
    nothing, which no attack fools, has ``learned``: true or false. A column with samples that ended in an error has
    their number in ``errors``, one whose attack was checked in other ways has in ``search-masked`` the share of samples
    that it fails on and they fool. Shares are in percent.
    """
    setting = [name for name in _SETTING if any(name in block.setting for block in table.blocks)]
    setting += [name for name in _TELLING if len({_setting_text(block, name) for block in table.blocks}) > 1]
    counted = ["seeds", "clean_n", "attacked_n"] if table.is_measured else []
    has_flags = any(row.flags for block in table.blocks for row in block.rows)
    counted += ["flags"] if has_flags else []
    by_column = [_list_fields(table, column) for column in table.columns]
    names = (column.name + end for column, fields in zip(table.columns, by_column, strict=True) for end, _ in fields)
    lines = [join_csv_cells([*setting, table.row_kind, *counted, *names])]
    for block in table.blocks:
        for row in block.rows:
            values = [write(cell) for cell, fields in zip(row.cells, by_column, strict=True) for _, write in fields]
            counts = [" ".join(map(str, row.seeds)), row.clean_n, row.attacked_n] if table.is_measured else []
            counts += [", ".join(row.flags)] if has_flags else []
            shared = (_setting_text(block, name) for name in setting)
            lines.append(join_csv_cells([*shared, row.label, *counts, *values]))
    return "".join(lines)


def _setting_text(block: Block, name: str) -> str:
    """Return a part of a setting; blocks name a split that is not the test split, and a limit if there is one."""
    value = block.setting.get(name, "test" if name == "split" else "")
    return ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, Mapping) else str(value)


def _has_intervals(table: Table, column: Column) -> bool:
    return table.intervals and column.unit == "percent"


def _has_tests(table: Table, column: Column) -> bool:
    return bool(table.compared) and column.unit == "percent" and column.better is not None


def _list_fields(table: Table, column: Column) -> list[tuple[str, Callable[[Cell], str]]]:
    """Return the fields of a column: the end of each one's name, and its text for a cell."""
    place = table.columns.index(column)
    cells = [row.cells[place] for block in table.blocks for row in block.rows]

    def text(value: Any) -> str:
        return "" if value is None else number_text(value, column, _DIGITS[column.unit]).replace(",", "")

    def learned_text(cell: Cell) -> str:
        return "" if cell.value is None else str(cell.learned).lower()

    def masked_text(cell: Cell) -> str:
        return text(cell.masked.share if cell.masked else None)

    has_intervals, has_published = _has_intervals(table, column), bool(table.against)
    fields: list[tuple[str, bool, Callable[[Cell], str]]] = [
        ("", True, lambda cell: cell.text.replace("∞", "inf") or text(cell.value)),
        (" sd", table.is_measured, lambda cell: text(cell.sd)),
        (" low", has_intervals, lambda cell: text(cell.interval.low if cell.interval else None)),
        (" high", has_intervals, lambda cell: text(cell.interval.high if cell.interval else None)),
        (" p", _has_tests(table, column), lambda cell: "" if cell.p is None else f"{cell.p:.6g}"),
        (" learned", not all(cell.learned for cell in cells), learned_text),
        (" errors", any(cell.errors for cell in cells), lambda cell: str(cell.errors)),
        (" search-masked", any(cell.masked for cell in cells), masked_text),
        (" paper", has_published, lambda cell: text(cell.published)),
        (" less paper", has_published, lambda cell: text(cell.less_published)),
    ]
    return [(name, write) for name, applies, write in fields if applies]


def as_json(table: Table) -> str:
    """Write everything that a table has, unrounded.

    ``table``, ``title``, ``caption``, ``columns`` (names), ``legend``, ``notes``, ``commands`` (lists of texts) and
    ``blocks``: each ``task``, ``heading``, ``setting`` (what its rows share) and ``rows``: each ``defense`` (label; in
    a table of data sets ``task``, of high-order statistics ``model``), ``name`` (as registered), and ``cells`` by
    column. If numbers are means over samples, a row has ``per_attack`` (whether a model is trained for each attack),
    ``clean_n`` and ``attacked_n`` (samples), ``seeds`` and, if it has any, ``flags``: what a reader has to know.

    A cell is null, or ``text``; or ``percent`` or ``value`` with ``sd`` (null with one seed), ``seeds``, ``best``,
    ``difference`` (null if nothing is compared), ``n``, ``learned`` (false if a model behind it is no better than
    naming the most frequent label). A percentage has ``interval`` (``low``, ``high``, ``level``, ``covers``: what it
    holds for, ``samples`` or ``seeds and samples``; null if there is none) and, of two seeds, ``by_seed``, unless
    intervals are left out. If a defense is compared, it has ``p`` of the comparison with that one, or of that one with
    the best other, adjusted by Holm's method (null if there is no test). Of a block, ``smallest_difference`` from the
    best is what is found with a chance of 80 %, by column (null if so few samples find none). And ``errors``, if any
    samples ended in an error: their number over all seeds. And ``search_masked``, if the attack was checked in other
    ways: of the samples that it fails on, the ``share`` that they fool, its lower bound ``low``, the ``reference``'s
    share, counts, the ``ways``, and whether it is ``flagged``. With published numbers, ``published`` and
    ``less_published`` are added, null if there is none, and a cell that has nothing else has these two. Shares and what
    is derived from them are in percent.
    """
    blocks = [
        {
            "task": block.task,
            "heading": block.heading,
            "setting": dict(block.setting),
            **_smallest(table, block),
            "rows": [_row(table, row) for row in block.rows],
        }
        for block in table.blocks
    ]
    found: dict[str, Any] = {
        "table": table.name,
        "title": table.title,
        "caption": table.caption,
        "columns": [column.name for column in table.columns],
    }
    found |= {"blocks": blocks, "legend": table.legend, "notes": table.notes, "commands": table.commands}
    return dump_json(found)


def _row(table: Table, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {table.row_kind: row.label, "name": row.name}
    if table.is_measured:
        found |= {"per_attack": row.per_attack, "clean_n": row.clean_n, "attacked_n": row.attacked_n}
        found["seeds"] = row.seeds
        found |= {"flags": row.flags} if row.flags else {}
    pairs = zip(row.cells, table.columns, strict=True)
    return found | {"cells": {column.name: _cell(table, cell, column) for cell, column in pairs}}


def _cell(table: Table, cell: Cell, column: Column) -> dict[str, Any] | None:
    def plain(value: Any) -> float | int | None:
        if value is None:
            return None
        scaled = value * 100 if column.unit == "percent" else value
        return int(scaled) if column.unit == "count" else float(scaled)

    found: dict[str, Any] = {}
    if cell.text:
        found = {"text": cell.text}
    elif cell.value is not None:
        found = {"percent" if column.unit == "percent" else "value": plain(cell.value)}
        if table.is_measured:
            found |= {"sd": plain(cell.sd), "seeds": cell.seeds, "best": cell.best}
            found |= {"difference": plain(cell.difference), "n": cell.n, "learned": cell.learned}
            found |= {"p": cell.p} if _has_tests(table, column) else {}
        if _has_intervals(table, column):
            found["interval"] = _interval(cell)
            found |= {"by_seed": [plain(value) for value in cell.by_seed]} if cell.by_seed else {}
    if cell.errors:
        found["errors"] = cell.errors
    if cell.masked:
        found["search_masked"] = _masked(cell.masked)
    if table.against and (found or cell.published is not None):
        found |= {"published": plain(cell.published), "less_published": plain(cell.less_published)}
    return found or None


def _interval(cell: Cell) -> dict[str, Any] | None:
    one = cell.interval
    if one is None:
        return None
    covers = "seeds and samples" if one.covers_seeds else "samples"
    return {"low": 100 * one.low, "high": 100 * one.high, "level": one.level, "covers": covers}


def _masked(masked: MaskedShare) -> dict[str, Any]:
    shares = {name: 100 * getattr(masked, name) for name in ("share", "low", "reference")}
    counts = {"fooled": masked.fooled, "withstood": masked.withstood}
    return shares | counts | {"ways": masked.ways, "flagged": masked.is_flagged}


def _smallest(table: Table, block: Block) -> dict[str, Any]:
    found = {
        column.name: 100 * size if size <= 1 else None
        for column, size in zip(table.columns, block.smallest, strict=False)
        if size is not None
    }
    return {"smallest_difference": found} if found else {}
