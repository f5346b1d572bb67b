"""The templates of HTML pages, in ``leaderboards/templates``: whatever they show is escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from robench.escaping import escape_html, hide_folders
from robench.report.rendering import texts

if TYPE_CHECKING:
    from jinja2 import Environment


def render_page(name: str, **values: Any) -> str:
    """Fill a template.

    Args:
        name: its file name.
        values: what it shows; texts may come from strangers, and only ``markupsafe.Markup`` is taken as HTML. The
            folders of absolute paths are left out, except in texts that the template passes through ``verbatim``.

    Returns:
        The page, which ends with a newline.
    """
    return _environment().get_template(name).render(**values).rstrip() + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=_prepare,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        loader=FunctionLoader(read_template),
    )
    environment.globals["texts"] = texts
    environment.filters["verbatim"] = _Verbatim
    return environment


class _Verbatim(str):
    """A text of a data set, in which something like a path is no folder of a machine."""


def _prepare(value: object) -> object:
    """Return a value as a page shows it."""
    if isinstance(value, _Verbatim):
        return escape_html(str(value))
    return escape_html(hide_folders(value)) if type(value) is str else value


def read_template(name: str) -> str:
    """Return the text of a file beside the templates."""
    return files("robench.leaderboards").joinpath("templates", name).read_text(encoding="utf-8")
