"""Tables as one page of HTML that needs nothing from a network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from robench.escaping import escape_html
from robench.report.rendering import texts
from robench.report.tables.model import Table

if TYPE_CHECKING:
    from jinja2 import Template


def as_html(tables: Sequence[Table]) -> str:
    """Write one page with all tables."""
    title = tables[0].title if len(tables) == 1 else "Tables of robench"
    return _template().render(title=title, tables=tables, texts=texts).rstrip() + "\n"


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, finalize=escape_html, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    path = files("robench.leaderboards").joinpath("templates/tables.html")
    return environment.from_string(path.read_text(encoding="utf-8"))
