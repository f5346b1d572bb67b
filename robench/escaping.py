"""Foreign strings made harmless, one function for each place that a string is written to.

Labels, texts, names and paths come from data files, plug-ins and models. In some output formats certain characters are
commands, so each string is escaped when it is written. HTML is missing here, because Jinja escapes it in its templates.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

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
        "∞": r"$\infty$",
    },
    **{"[": "{[}", "]": "{]}"},  # after \\ a bracket would be an argument
}


def escape_terminal(text: str) -> str:
    """Replace every character that could control a terminal or cannot be encoded by U+FFFD."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def escape_latex(text: str) -> str:
    """Escape LaTeX's special characters, and write the symbols of robench's tables as commands."""
    return "".join(_LATEX.get(character, character) for character in text)


def escape_markdown(text: str) -> str:
    """Escape the characters that format text or end a table cell in Markdown."""
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", text)


def escape_matplotlib(text: str) -> str:
    """Escape dollar signs, between which matplotlib would set mathematics."""
    return text.replace("$", r"\$")


def join_csv_cells(cells: Iterable[object]) -> str:
    """Join the cells of one CSV row, quoted if necessary, with a line feed at the end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
