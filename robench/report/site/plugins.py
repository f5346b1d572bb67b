"""What the site says of a defense or an attack: from its registered plug-in, else from what entries say of it.

Only what is registered on this machine is looked up, and only what comes with robench or from a plug-in file of the
user is imported: an entry is a stranger's, and its names decide about no import.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.entry import Entry
from robench.plugins.option import Description, describe
from robench.results.checked_toml import read_toml
from robench.results.info_parts import PluginInfo

PluginKind = Literal["defenses", "attacks"]
FILE = "references.toml"


class Publication(NamedTuple):
    """A paper: authors, title and place, where it is, and its authors' own code; empty if that is not known."""

    paper: str
    url: str
    code: str


@dataclass(frozen=True)
class PluginFacts:
    """What is known of a defense or an attack.

    Attributes:
        name: its registered name.
        summary: the first line of its description; empty if it is not registered here.
        paragraphs: the rest of it.
        options: its fields, with the values that it has as it comes.
        origin: who provides it.
        target: its class or object, as ``module:name``.
        work: its paper.
    """

    name: str
    summary: str = ""
    paragraphs: Sequence[str] = ()
    options: Sequence[Description] = ()
    origin: str = ""
    target: str = ""
    work: Publication | None = None


def describe_plugin(kind: PluginKind, name: str, met: Sequence[PluginInfo]) -> PluginFacts:
    """Describe a defense or an attack.

    Args:
        kind: which of the two it is.
        name: its registered name.
        met: what entries say of it.

    Raises:
        RobenchError: a plug-in of the user cannot be loaded.
    """
    registered = _find(kind, name)
    if registered is None:
        return PluginFacts(name, target=next((info.class_ for info in met), ""))
    plugin = registered.load()
    cls = type(plugin)
    rest = (inspect.getdoc(cls) or "").partition("\n")[2].strip()
    return PluginFacts(
        name,
        summary=registered.summary,
        paragraphs=[" ".join(part.replace("``", "").split()) for part in rest.split("\n\n") if part.strip()],
        options=describe(plugin) if is_dataclass(plugin) else (),
        origin=registered.origin,
        target=f"{cls.__module__}:{cls.__qualname__}",
        work=read_references()[kind].get(name),
    )


def summarise_plugin(kind: PluginKind, name: str) -> str:
    """Return the first line of a description, without an import; empty if the name is not registered here."""
    registered = _find(kind, name)
    return registered.summary if registered else ""


def _find(kind: PluginKind, name: str) -> Entry | None:
    """Return what is registered under a name, if it comes with robench or from a plug-in file of the user."""
    try:
        found = registry.entry(kind, name)
    except RobenchError:
        return None
    return found if found.is_built_in or not isinstance(found.target, str) else None


@cache
def read_references() -> Mapping[PluginKind, Mapping[str, Publication]]:
    """Read the papers of built-in defenses and attacks.

    Raises:
        RobenchError: a key of the file is missing, unknown or wrong.
    """
    keys = read_toml(files("robench.leaderboards").joinpath(FILE))
    found: dict[PluginKind, dict[str, Publication]] = {"defenses": {}, "attacks": {}}
    for kind, works in found.items():
        for name, section in keys.sections(kind):
            works[name] = Publication(section.text("paper"), section.text("url"), section.text("code", ""))
            section.finish()
    keys.finish()
    return found
