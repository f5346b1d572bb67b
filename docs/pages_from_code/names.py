"""The built-ins: defenses, attacks, tasks and presets with their options, and the names of tables and figures."""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass
from typing import Any

from pages_from_code.markdown import code, prose, table
from robench.data import Task
from robench.plugins import registry
from robench.plugins.option import describe, option_text
from robench.plugins.registry import Entry, Kind
from robench.report.figures.general_figures import list_general_figures
from robench.report.tables.general_tables import GENERAL
from robench.results.papers import find_paper, list_papers
from robench.study.presets import PRESETS


def own_entries(kind: Kind) -> list[Entry]:
    """Return robench's own entries of a kind."""
    return [entry for entry in registry.entries(kind) if entry.origin == "robench"]


def render_names(kind: Kind) -> str:
    """Return a section for each defense, attack or task."""
    return "\n".join(map(_render_task if kind == "tasks" else _render_plugin, own_entries(kind)))


def _render_plugin(entry: Entry) -> str:
    plugin: Any = entry.implementation() if entry.argument else entry.load()
    doc = inspect.getdoc(plugin if isinstance(plugin, type) else type(plugin)) or ""
    rest = [prose(" ".join(paragraph.split())) + "\n" for paragraph in doc.split("\n\n")[1:]]
    parts = [f"### {entry.pattern}\n", prose(entry.summary) + "\n", *rest]
    if is_dataclass(plugin):
        rows = [(code(one.name), one.values, code(one.default), prose(one.meaning)) for one in describe(plugin)]
        parts.append(table(("option", "values", "default", "meaning"), rows) if rows else "It has no options.\n")
    return "\n".join(parts)


def _render_task(entry: Entry) -> str:
    task: Any = entry.load()
    assert isinstance(task, Task)
    hub = f"the Hub's `{task.hub.repository}`" if task.hub else ""
    index = f"the package index ({', '.join(package.name for package in task.packages)})" if task.index else ""
    rows = [
        ("labels", ", ".join(map(code, task.labels))),
        ("rows", ", ".join(filter(None, ("a folder of yours", hub, index)))),
        ("lower-cased", "yes" if task.lowercase else "no"),
    ]
    return "\n".join([f"### {entry.pattern}\n", prose(entry.summary) + "\n", table(("part", "value"), rows)])


def render_presets() -> str:
    """Return a table of what each preset chooses."""
    names = list(PRESETS)
    rows = []
    for field in fields(next(iter(PRESETS.values()))):
        values = [getattr(PRESETS[name], field.name) for name in names]
        rows.append((f"`{field.name}`", *map(_show_choice, values)))
    return table(("choice", *map(code, names)), rows)


def _show_choice(value: Any) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{one.name} {option_text(getattr(value, one.name))}" for one in fields(value))
    if isinstance(value, tuple):
        return ", ".join(value)
    return "all" if value is None else prose(str(value))


def render_tables() -> str:
    """Return the tables and figures of robench itself and of each paper."""
    rows = [(f"`robench table {name}`", one.summary) for name, one in GENERAL.items()]
    rows += [
        (f"`robench figure {name}`", one.summary) for name, one in list_general_figures(find_paper("paper")).items()
    ]
    for name in list_papers():
        paper = find_paper(name)
        more = "" if name == "paper" else f" --paper {name}"
        rows += [(f"`robench table {one.number}{more}`", one.summary) for one in paper.tables.values()]
        rows += [(f"`robench figure {one.number}{more}`", one.summary) for one in paper.figures.values()]
    return table(("command", "shows"), rows)
