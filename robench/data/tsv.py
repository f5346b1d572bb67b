"""The cells of a tab-separated file, with or without quoting.

How it works: data sets such as GLUE's are tab-separated without quoting, and a quotation mark is part of the text.
Programs that write "csv" with tabs, such as pandas, put a cell that has a quotation mark, a tab or a line break into
quotation marks, and double those inside. Nothing in a file says which of the two it is, so :func:`split_cells` reads it
both ways. It takes the quoting for real only if every quotation mark of the file fits it, and if it explains why those
cells and no others are quoted. A file of genuine texts that begin with a quotation mark fails one of the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CELL = re.compile(r'"((?:[^"]|"")*+)"(?=\t|\r?\n|\r?\Z)|([^"\t\n]*+)(?=\t|\n|\Z)')
"""A cell whose quotation marks fit quoting: a quoted one with doubled marks inside, or one without any."""
_SPECIAL = re.compile(r'["\t\r\n]')
"""Characters for which a program that writes quotation marks only where it must quotes a cell."""


@dataclass(frozen=True)
class Cells:
    """The cells of a file.

    Attributes:
        rows: the cells of each row, the header first, after the number of its first line (from 1).
        marked: how many cells below the header begin and end with a quotation mark in the file.
        is_quoted: whether these marks were taken for quoting, and left out of the cells.
    """

    rows: list[tuple[int, list[str]]]
    marked: int
    is_quoted: bool


def split_cells(text: str) -> Cells:
    """Split the content of a tab-separated file into cells, and decide whether it is quoted.

    Only a line feed ends a line, with or without a carriage return before it, since a text may have other Unicode
    breaks; in a file without any line feed before its end, carriage returns end the lines.
    """
    text = text.rstrip("\r\n")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = [line.removesuffix("\r").split("\t") for line in text.split("\n")]
    plain = list(enumerate(lines, 1))
    marked = sum(_is_marked(cell) for _, cells in plain[1:] for cell in cells)
    quoted = _read_quoted(text)
    if quoted is None or not _explains_marks(quoted, lines):
        return Cells(plain, marked, False)
    rows = [(number, [cell for cell, _ in cells]) for number, cells in quoted]
    return Cells(rows, sum(is_quoted for _, cells in quoted[1:] for _, is_quoted in cells), True)


def _is_marked(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


_QuotedRow = tuple[int, list[tuple[str, bool]]]
"""The number of a row's first line, and its cells, each with whether it is quoted."""


def _read_quoted(text: str) -> list[_QuotedRow] | None:
    """Read a text as quoted cells; None if no cell is quoted, or a quotation mark does not fit."""
    if not re.search(r'(?:^|[\t\n])"', text):
        return None
    rows: list[_QuotedRow] = [(1, [])]
    at, line = 0, 1
    while (match := _CELL.match(text, at)) is not None:
        inside, at = match[1], match.end()
        if inside is not None:
            rows[-1][1].append((inside.replace('""', '"'), True))
            line += inside.count("\n")
            at += text.startswith("\r", at)
        else:
            rows[-1][1].append((match[2] if text.startswith("\t", at) else match[2].removesuffix("\r"), False))
        if at == len(text):
            return rows
        if text[at] == "\n":
            line += 1
            rows.append((line, []))
        at += 1
    return None


def _explains_marks(rows: list[_QuotedRow], lines: list[list[str]]) -> bool:
    """Return whether quoting explains the quotation marks better than texts that have them.

    Args:
        rows: the rows as quoted cells.
        lines: the cells of each line without quoting.
    """
    header, body = rows[0][1], [cells for _, cells in rows[1:]]
    fits_plain = all(len(cells) == len(lines[0]) for cells in lines)
    if fits_plain and (len(rows) < len(lines) or any(len(cells) != len(header) for cells in body)):
        return False  # a text that begins with a mark, and a later one that ends with one
    where_needed = all(_SPECIAL.search(cell) for cells in body for cell, is_quoted in cells if is_quoted)
    columns = {i for cells in body for i, (_, is_quoted) in enumerate(cells) if is_quoted}
    whole_columns = all(i < len(cells) and cells[i][1] for cells in body for i in columns)
    return where_needed or (whole_columns and len(body) > 1) or any(is_quoted for _, is_quoted in header)
