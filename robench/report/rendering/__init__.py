"""Tables as text: for a terminal (rich), Markdown, CSV, JSON, LaTeX or HTML; ``robench.report.tables`` makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.report.rendering.latex import as_latex
from robench.report.rendering.machine import as_csv, as_json
from robench.report.rendering.markdown import as_markdown
from robench.report.rendering.texts import percent
from robench.report.tables.model import Table

if TYPE_CHECKING:
    from robench.console import Console

__all__ = ["FORMATS", "percent", "render", "render_all"]

FORMATS = ("rich", "md", "csv", "json", "latex", "html")
"""Formats that :func:`render` can write."""

_WRITERS: Mapping[str, Callable[[Table], str]] = {
    "md": as_markdown,
    "csv": as_csv,
    "json": as_json,
    "latex": as_latex,
}
"""Those that need no other package; the others are imported when a table is written by them."""


def render(table: Table, format: str, console: Console | None = None) -> str:
    """Format a table.

    Args:
        table: of :mod:`robench.report.tables`.
        format: one of :data:`FORMATS`.
        console: for ``rich``: where it will be written, which decides width and colours; without one, 120 columns of
            plain text. The text is finished: write it as it is, not through rich again.

    Returns:
        Text that ends with a newline; ``html`` is a whole page.

    Raises:
        RobenchError: there is no such format.
    """
    if format == "rich":
        from robench.report.rendering.terminal import terminal

        return terminal(table, console)
    if format == "html":
        return render_all([table], "html")
    if format not in _WRITERS:
        raise RobenchError(f"there is no format {format!r}: a table can be written as {', '.join(FORMATS)}.")
    return _WRITERS[format](table)


def render_all(tables: Sequence[Table], format: str, console: Console | None = None) -> str:
    """Format several tables as one text.

    ``html`` is one page, and ``json`` a list of what :func:`render` returns for each; in other formats tables
    follow each other, with an empty line between them.

    Args:
        tables: at least one.
        format: as in :func:`render`.
        console: likewise.
    """
    if format == "html":
        from robench.report.rendering.html import as_html

        return as_html(tables)
    texts = [render(table, format, console) for table in tables]
    if format == "json":
        return f"[{','.join(text.rstrip() for text in texts)}]\n"
    return "\n".join(texts)
