"""Tables as one page of HTML that needs nothing from a network, and one table as a part of another page."""

from __future__ import annotations

from collections.abc import Sequence

from robench.report.rendering.templates import render_page
from robench.report.tables.model import Table


def as_html(tables: Sequence[Table]) -> str:
    """Write one page with all tables."""
    title = tables[0].title if len(tables) == 1 else "Tables of robench"
    return render_page("tables.html", title=title, tables=tables)


def as_fragment(table: Table) -> str:
    """Write one table for a page that is not robench's, such as a notebook; its legend is folded away."""
    return render_page("fragment.html", table=table)
