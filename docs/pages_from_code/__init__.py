"""A Sphinx extension: parts of pages that are made from robench's own code when the documentation is built.

A page holds the line ``<!-- made from code: NAME -->``, and the Markdown of that name takes its place. So a new
command, option, defense, attack, task, preset, public name or key of a file is in the documentation by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pages_from_code.commands import render_commands
from pages_from_code.names import render_names, render_presets, render_tables
from pages_from_code.public import render_public_names
from pages_from_code.schemas import render_schema

PARTS: Mapping[str, Callable[[], str]] = {
    "commands": render_commands,
    "defenses": lambda: render_names("defenses"),
    "attacks": lambda: render_names("attacks"),
    "tasks": lambda: render_names("tasks"),
    "presets": render_presets,
    "tables": render_tables,
    "public names": render_public_names,
    "stage.json": lambda: render_schema("stage"),
    "records.jsonl": lambda: render_schema("record"),
    "clean.jsonl": lambda: render_schema("clean"),
    "entries": lambda: render_schema("entry"),
}
_MARK = re.compile(r"^<!-- made from code: (.+) -->$", re.MULTILINE)


def fill(text: str) -> str:
    """Put what is made from code into the text of a page.

    Raises:
        KeyError: the page asks for a part that does not exist.
    """
    return _MARK.sub(lambda mark: PARTS[mark[1]](), text)


def _skip(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what a NamedTuple says of its fields; the docstring of its class says more."""
    return True if str(getattr(thing, "__doc__", "")).startswith("Alias for field number") else None


def setup(app: Any) -> dict[str, bool]:
    """Connect the extension to Sphinx."""
    app.connect("source-read", lambda app, page, source: source.__setitem__(0, fill(source[0])))
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True}
