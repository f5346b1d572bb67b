"""Small parts of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def code(text: str) -> str:
    """Return a text as code; empty if it is."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """Return a sentence of a docstring or a help as Markdown: roles become code, and nothing in it is a tag."""
    text = re.sub(r":\w+:`~?([^`]+)`", lambda role: f"`{role[1].removeprefix('~').rpartition('.')[2]}`", text)
    parts = re.split(r"(``?[^`]+``?)", text)
    return "".join(part if part.startswith("`") else _escape(part) for part in parts)


def _escape(text: str) -> str:
    return re.sub(r"([\\*_<\[\]|$])", r"\\\1", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; columns that are empty in all rows are left out."""
    rows = list(rows)
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([row[i] for i in kept] for row in rows)]
    return "".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |\n" for line in lines)
