"""Modules without importing them: where one lies, whose it is, and its source as it was when it was imported."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import site
import sys
import sysconfig
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

USER = "user"
"""The owner of a module that is neither the standard library's, robench's, nor an installed distribution's."""
ROOMS = ("robench.attacks", "robench.defenses")
"""Packages of robench whose modules are plug-ins; results depend on the others by ``FORMAT``."""
FETCHED = "textattack"
"""The dependency that is fetched when it is first used, so that it may be nowhere yet."""
_OPTIONAL = "flair"
"""A package of TextAttack's that counts as a dependency of robench although it is in an extra."""
PLUGIN = "robench_plugin_"
"""Beginning of the name of a plug-in file's module."""
_sources: dict[str, tuple[object, bytes]] = {}


class ModulePlace(NamedTuple):
    """The place of a module.

    Attributes:
        name: its dotted name.
        file: its file; None for a built-in module, a namespace package, or code that was typed in.
        folders: where a package's modules lie; None if it is none.
    """

    name: str
    file: Path | None
    folders: Sequence[str] | None


def name_plugin(path: Path) -> str:
    """Name the module of a plug-in file; files of one name differ by the digest of their paths."""
    return f"{PLUGIN}{path.stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"


def public_name(module: str) -> str:
    """Return the name of a module in keys, which does not depend on where a plug-in file lies."""
    return re.sub(r"_[0-9a-f]{12}$", "", module) if module.startswith(PLUGIN) else module


def class_path(kind: type) -> str:
    """Return ``module:Class`` of a class, as it stands in keys."""
    return f"{public_name(kind.__module__)}:{kind.__qualname__}"


def find_place(name: str) -> ModulePlace | None:
    """Find a module, imported or not; None if there is none of that name."""
    if name.partition(".")[0] == FETCHED:
        return ModulePlace(name, None, None)
    module = sys.modules.get(name)
    if module is not None:
        file = vars(module).get("__file__")
        folders = vars(module).get("__path__")
        return ModulePlace(name, Path(file) if file else None, None if folders is None else list(folders))
    parent_name = name.rpartition(".")[0]
    parent = find_place(parent_name) if parent_name else None
    if parent_name and (parent is None or parent.folders is None):
        return None
    for finder in sys.meta_path:
        with contextlib.suppress(Exception):  # a finder of others may fail in any way
            spec = finder.find_spec(name, parent.folders if parent else None)
            if spec is not None:
                file = spec.origin if spec.has_location else None
                folders = spec.submodule_search_locations
                return ModulePlace(name, Path(file) if file else None, None if folders is None else list(folders))
    return None


def find_owner(place: ModulePlace) -> str:
    """Find whose a module is.

    Returns:
        :data:`USER`; ``name version`` of an installed distribution that robench does not depend on; empty for the
        standard library, robench, its dependencies and what has no file.
    """
    top = place.name.partition(".")[0]
    if top == "robench":
        return USER if place.name.startswith(ROOMS) else ""
    return _find_owner(place.name, place.file) if place.file is not None else ""


@cache
def _find_owner(name: str, file: Path) -> str:
    file = file.resolve()
    installed = any(file.is_relative_to(folder) for folder in _installation_folders())
    if not installed and any(file.is_relative_to(folder) for folder in _library_folders()):
        return ""
    top = name.partition(".")[0]
    if installed and _normal(top) in _direct_dependencies():
        return ""
    owner = _find_distribution(name, file)
    if owner is not None:
        dependency = _normal(owner.name) == "robench" or _normal(owner.name) in _dependencies()
        return "" if dependency else f"{owner.name} {owner.version}"
    return top if installed else USER


def _find_distribution(name: str, file: Path) -> metadata.Distribution | None:
    """Find the distribution that lists a file among those that it installed, which an editable one does not."""
    depth = name.count(".") + (file.stem == "__init__")
    if depth >= len(file.parents):
        return None
    root = file.parents[depth]
    entry = f"\n{file.relative_to(root).as_posix()},"
    first = _normal(name.partition(".")[0])
    for info in sorted(root.glob("*.dist-info"), key=lambda one: not _normal(one.name).startswith(first)):
        record = info / "RECORD"
        if record.is_file() and entry in f"\n{record.read_text(encoding='utf-8', errors='replace')}":
            return metadata.Distribution.at(info)
    return None


@cache
def _installation_folders() -> frozenset[Path]:
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()]
    return frozenset(Path(path).resolve() for path in [*paths, *site.getsitepackages()])


@cache
def _library_folders() -> frozenset[Path]:
    return frozenset(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


@cache
def _requirements(distribution: str) -> frozenset[str]:
    """Return what a distribution requires without extras; nothing if it is not installed."""
    try:
        found = metadata.distribution(distribution)
        # In a clone, the build leaves an egg-info, which Python finds first if the clone is the working directory.
        text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    except metadata.PackageNotFoundError:
        return frozenset()
    lines = re.findall(r"^Requires-Dist: *(.*)", text.partition("\n\n")[0], re.M)  # its own parser is slow
    names = (re.match(r"[\w.-]+", line) for line in lines if not re.search(r";.*\bextra\s*==", line))
    return frozenset(_normal(match[0]) for match in names if match)


def _direct_dependencies() -> frozenset[str]:
    return _requirements("robench") | {FETCHED, _OPTIONAL}


@cache
def _dependencies() -> frozenset[str]:
    """Return all distributions that robench requires, directly or not."""
    found: set[str] = set()
    new = set(_direct_dependencies())
    while new:
        found |= new
        new = {name for one in new for name in _requirements(one)} - found
    return frozenset(found)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_source(place: ModulePlace) -> bytes:
    """Read a module's file; of an imported module, as it was when it was first read.

    A file that is edited while a notebook runs changes nothing until the module is imported again or reloaded, so the
    text that was read first is the one that runs.
    """
    assert place.file is not None
    known = source_in_use(place.name)
    if known is not None:
        return known
    content = place.file.read_bytes()
    loaded = _load_mark(place.name)
    if loaded is not None:
        _sources[place.name] = (loaded, content)
    return content


def source_in_use(name: str) -> bytes | None:
    """Return the source of an imported module as it was read before; None if it was not, or not since its import."""
    loaded, known = _load_mark(name), _sources.get(name)
    return known[1] if loaded is not None and known is not None and known[0] is loaded else None


def remember_source(name: str, content: bytes | None = None) -> None:
    """Note the source of a module that is being imported: ``content``, or what its file holds now."""
    place = find_place(name)
    if content is not None:
        _sources[name] = (_load_mark(name), content)
    elif place is not None and place.file is not None and place.file.is_file():
        read_source(place)


def decode(content: bytes) -> str:
    """Decode a Python source as Python does.

    Raises:
        UnicodeDecodeError, SyntaxError: it is not in the encoding that it declares.
    """
    return importlib.util.decode_source(content)


def _load_mark(name: str) -> object | None:
    """Return an object that is another one each time a module is imported or reloaded; None if it is not imported."""
    module = sys.modules.get(name)
    return None if module is None else getattr(module, "__spec__", None) or module
