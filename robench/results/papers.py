"""The papers whose tables and figures robench makes: ``leaderboards/<name>/paper.toml``, or a folder of the user's own.

A paper's attacks, defenses and tables are data, so another paper is another folder. The folder also holds the numbers
that the paper printed, see :mod:`robench.results.published`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from robench.errors import RobenchError
from robench.paths import absolute_path
from robench.plugins.suggestions import explain_unknown
from robench.results.checked_toml import TomlSection, read_toml
from robench.results.paper_contents import DEFAULT, FigureKind, Paper, PaperFigure, PaperTable, Sweep, TableKind

__all__ = ["DEFAULT", "Paper", "find_paper", "list_papers", "read_paper"]

FILE = "paper.toml"
_TABLE_KEYS: Mapping[str, tuple[str, ...]] = {
    "methods": (),
    "datasets": (),
    "label-conflict": ("tasks", "attacks", "defenses"),
    "accuracy": ("defenses",),
    "encoders": ("tasks", "defenses", "encoders"),
    "high-order": ("tasks", "attacks", "defenses"),
}
"""For each kind of table, the lists of names that ``paper.toml`` has to give."""
_FIGURE_KEYS: Mapping[str, tuple[str, ...]] = {
    "plane": ("attacks", "defenses"),
    "bars": ("defenses",),
    "tradeoff": ("attacks", "defenses"),
}
"""For each kind of figure, the lists of names that ``paper.toml`` has to give."""


def list_papers() -> list[str]:
    """Return the names of the papers that come with robench, the default first."""
    folders = (folder for folder in files("robench.leaderboards").iterdir() if folder.joinpath(FILE).is_file())
    return sorted((folder.name for folder in folders), key=lambda name: (name != DEFAULT, name))


def find_paper(name: str = DEFAULT) -> Paper:
    """Read a paper.

    Args:
        name: one of :func:`list_papers`, or the path of a folder that contains a ``paper.toml``.

    Raises:
        RobenchError: there is no such paper, or a key of its file is missing, unknown or wrong.
    """
    if name in list_papers():
        return _built_in(name)
    folder = absolute_path(Path(name))
    if not (folder / FILE).is_file():
        if folder.is_dir():
            raise RobenchError(f"{folder} has no {FILE}; --paper takes a folder that has one.")
        raise RobenchError(explain_unknown("paper", name, list_papers(), f"--paper also takes a folder with a {FILE}"))
    return read_paper(name, folder)


@cache
def _built_in(name: str) -> Paper:
    return read_paper(name, files("robench.leaderboards").joinpath(name))


def read_paper(name: str, folder: Traversable) -> Paper:
    """Read a folder's ``paper.toml``.

    Raises:
        RobenchError: a key is missing, unknown or wrong.
    """
    keys = read_toml(folder.joinpath(FILE))
    lists = {key: keys.texts(key) for key in ("tasks", "attacks", "encoders", "defense_order")}
    for key in ("tasks", "attacks", "encoders"):
        if not lists[key]:
            raise keys.error(key, "is empty; it should have a name at least")
    tables = {number: _table(number, section, lists) for number, section in keys.sections("tables")}
    figures = {number: _figure(number, section, lists) for number, section in keys.sections("figures")}
    training = keys.numbers_by_name("training", {})
    contents = Paper(
        name=name,
        folder=folder,
        title=keys.text("title"),
        **lists,
        compared=keys.text("compared"),
        ablations=keys.texts("ablations", ()),
        training=training,
        is_invented=keys.flag("invented"),
        drawings=keys.texts("drawings", ()),
        first_run=keys.text("first_run", ""),
        tables=tables,
        figures=figures,
    )
    if contents.compared in contents.ablations:
        raise keys.error("ablations", f"has {contents.compared}, which is the compared defense itself")
    keys.finish()
    return contents


def _table(number: str, keys: TomlSection, lists: Mapping[str, tuple[str, ...]]) -> PaperTable:
    kind = keys.choice("kind", tuple(_TABLE_KEYS))
    lists_of_names: dict[str, Any] = {}
    if kind not in ("methods", "datasets"):
        defaults = {"tasks": lists["tasks"], "attacks": lists["attacks"], "encoders": lists["encoders"][:1]}
        defaults = {key: value for key, value in defaults.items() if key not in _TABLE_KEYS[kind]}
        lists_of_names = {
            key: _names(keys, key, defaults.get(key)) for key in ("tasks", "attacks", "defenses", "encoders")
        }
    table = PaperTable(
        number=number,
        kind=cast(TableKind, kind),
        title=keys.text("title"),
        summary=keys.text("summary"),
        **lists_of_names,
    )
    keys.finish()
    return table


def _figure(number: str, keys: TomlSection, lists: Mapping[str, tuple[str, ...]]) -> PaperFigure:
    kind = keys.choice("kind", tuple(_FIGURE_KEYS))
    lists_of_names = {
        key: _names(keys, key, None if key in _FIGURE_KEYS[kind] else ()) for key in ("attacks", "defenses")
    }
    sweep = _sweep(keys, lists_of_names["defenses"]) if kind == "tradeoff" else None
    figure = PaperFigure(
        number=number,
        kind=cast(FigureKind, kind),
        title=keys.text("title"),
        summary=keys.text("summary"),
        task=keys.text("task", lists["tasks"][0]),
        **lists_of_names,
        sweep=sweep,
        notes=keys.texts("notes", ()),
    )
    if figure.is_about_one_attack and len(figure.attacks) > 1:
        raise keys.error("attacks", f"has {len(figure.attacks)} names; a figure of kind {kind} is about one attack")
    keys.finish()
    return figure


def _sweep(figure: TomlSection, defenses: Sequence[str]) -> Sweep:
    keys = figure.section("sweep")
    if keys is None:
        raise figure.error("sweep", "is missing; it should be a table that says which field of a defense is swept")
    sweep = Sweep(
        defense=keys.text("defense"),
        field=keys.text("field"),
        values=keys.numbers("values"),
        symbol=keys.text("symbol"),
        title=keys.text("title"),
        caption=keys.text("caption"),
        ends=keys.texts_by_name("ends"),
    )
    if sweep.defense not in defenses:
        raise keys.error("defense", f"is {sweep.defense}, which is none of the figure's defenses {', '.join(defenses)}")
    keys.finish()
    return sweep


def _names(keys: TomlSection, key: str, default: tuple[str, ...] | None) -> tuple[str, ...]:
    values = keys.texts(key, default)
    if default is None and not values:
        raise keys.error(key, "is empty; it should have a name at least")
    return values
