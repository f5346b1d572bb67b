"""Names of defenses, attacks and tasks, and where each comes from.

Built-ins are plug-ins: they are found through the same entry points (``robench.defenses``, ``robench.attacks``,
``robench.tasks``) as a third party's, and nothing here imports one before it is named. A single file can
add its own with :func:`register` and ``--plugin FILE`` (:mod:`robench.plugins.plugin_files`).

A class can stand for a whole family of names. It says which of its fields tells the members apart, and may know them::

    class Recipe(Attack):
        argument: ClassVar[str] = "recipe"

        recipe: str = ""

        @classmethod
        def members(cls) -> list[str]: ...

Registered as ``textattack``, it is named ``textattack:BAEGarg2019`` on the command line; ``all`` leaves families out.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TypeVar, cast, overload

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.plugins.entry import KINDS as KINDS
from robench.plugins.entry import Entry as Entry
from robench.plugins.entry import Kind as Kind
from robench.plugins.modules import remember_source
from robench.plugins.settings import SHARED, TRAINING
from robench.plugins.suggestions import explain_unknown

T = TypeVar("T")


_NAME = re.compile(r"[\w:+][\w:+.-]{0,59}")
_FORM = "has up to 60 letters, digits and - _ . : +"
_OWN: dict[Kind, str] = {
    "defenses": "a defense of your own is read from its file by --plugin FILE.py",
    "attacks": "an attack of your own is read from its file by --plugin FILE.py",
    "tasks": (
        "rows of your own are named by --test FILE.csv (`robench attack`) or --task ./FOLDER, which needs a slash, and"
        " a task of your own by --plugin FILE.py"
    ),
}
"""How to bring something that is not registered, for the error of an unknown name."""
additions: dict[tuple[Kind, str], Entry] = {}
"""The entries that :func:`register` made, by kind and name."""
_running: list[str] = []
"""The files that are being run anew, which may register no name twice."""


@overload
def register(name: str) -> Callable[[T], T]: ...
@overload
def register(name: str, thing: T) -> Callable[[T], T]: ...
def register(name: str, thing: T | None = None) -> Callable[[T], T]:
    """Register a :class:`~robench.Defense`, :class:`~robench.Attack` or :class:`~robench.Task` under ``name``.

    Used as a decorator of a class, or called with an instance: ``register("taichi-cold", TaiChi(temperature=0.1))``.
    The same notebook may register a name again, and so may a module that is imported anew, which replaces what it was.
    What a package offers under this name by an entry point may be registered, too, which changes nothing.

    Example:
        A task whose rows are in ``DIR/complaints/{train,dev,test}.tsv``, with ``data="DIR"``:

        >>> import robench
        >>> _ = robench.register("complaints", robench.Task(labels=("praise", "complaint")))

    Raises:
        RobenchError: another file has the name (both origins are named), a plug-in file has it twice, or ``thing`` is
            none of the three.
    """

    def add(thing: T) -> T:
        kind = _kind_of(thing)
        origin = _find_origin()
        _check_name(kind, name, origin)
        taken = additions.get((kind, name)) or _read_entry_points(kind).get(name)
        if taken and _is_target(taken, thing):  # a class of a package may be both decorated and an entry point
            return thing
        if taken and taken.origin != origin:
            raise RobenchError(f"{kind[:-1]} {name!r} is registered twice: by {taken.origin} and by {origin}.")
        if taken and origin in _running:
            raise RobenchError(f"{kind[:-1]} {name!r} is registered twice in this file; give one another name.")
        additions[kind, name] = Entry(kind, name, origin, thing)
        return thing

    if thing is not None:
        add(thing)
    return add


def forget(origin: str) -> None:
    """Forget what a file has registered."""
    for key in [key for key, entry in additions.items() if entry.origin == origin]:
        del additions[key]


@contextlib.contextmanager
def refuse_repetition(origin: str) -> Iterator[None]:
    """Refuse inside the block that a file registers a name again, which otherwise replaces what it was.

    Args:
        origin: the file, which is being run and has registered nothing before.
    """
    _running.append(origin)
    try:
        yield
    finally:
        _running.pop()


def entries(kind: Kind) -> list[Entry]:
    """Return all registered entries of a kind, built-ins first."""
    found = {**_read_entry_points(kind), **{name: entry for (k, name), entry in additions.items() if k == kind}}
    return list(found.values())


def names(kind: Kind) -> list[str]:
    """Return all registered names of a kind, without families."""
    return [entry.name for entry in entries(kind) if not entry.argument]


def reference() -> str:
    """Return the name of the reference: the defense that makes D_adv and that all others are compared with.

    Its class says ``reference: ClassVar[bool] = True``; subclasses do not inherit that. It is read without importing a
    plug-in.

    Raises:
        RobenchError: no registered defense says so, or more than one.
    """
    found = [entry for entry in entries("defenses") if entry.reference]
    if len(found) == 1:
        return found[0].name
    line = "reference: ClassVar[bool] = True"
    if not found:
        raise RobenchError(f"no registered defense is the reference: the class of exactly one should say {line}.")
    named = " and ".join(f"{entry.name} from {entry.origin}" for entry in found)
    raise RobenchError(f"{named} are each registered as the reference: only one defense's class may say {line}.")


def is_registered(kind: Kind, name: str) -> bool:
    """Tell whether something of that name is registered, be it as a member of a family."""
    try:
        entry(kind, name)
    except RobenchError:
        return False
    return True


def entry(kind: Kind, name: str) -> Entry:
    """Return the entry of that name.

    Raises:
        RobenchError: there is none; the nearest names are given.
    """
    registered = entries(kind)
    for found in registered:
        if name == found.name and not found.argument:
            return found
    for found in registered:
        if found.argument and name.partition(":")[0] == found.name:
            return _member(found, name)
    patterns = [found.pattern for found in registered]
    hint = f"`robench list {kind}` shows all; {_OWN[kind]}"
    raise RobenchError(explain_unknown(kind[:-1], name, patterns, hint))


def _member(family: Entry, name: str) -> Entry:
    """Make the entry of one member of a family."""
    value = name.partition(":")[2]
    known_members = family.members()
    if not value:
        there = f"; there are {', '.join(known_members)}" if known_members else ""
        raise RobenchError(f"{family.kind[:-1]} {family.name} is a family: name one as {family.pattern}{there}.")
    if known_members is not None and value not in known_members:
        hint = f"`robench list {family.kind}` shows what else there is"
        raise RobenchError(explain_unknown(family.kind[:-1], value, known_members, hint, prefix=f"{family.name}:"))
    if not _NAME.fullmatch(name):
        raise RobenchError(f"{family.kind[:-1]} {name!r}: a name {_FORM}.")
    return Entry(family.kind, name, family.origin, family.target, ((family.argument, value),))


@cache
def _read_entry_points(kind: Kind) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    points = metadata.entry_points(group=f"robench.{kind}")
    for point in sorted(points, key=lambda p: (not _is_own(p), p.dist.name if p.dist else "")):
        dist = point.dist
        origin = "robench" if _is_own(point) or dist is None else f"{dist.name} {dist.version}"
        _check_name(kind, point.name, origin)
        if point.name in found:
            other = found[point.name].origin
            raise RobenchError(f"{kind[:-1]} {point.name!r} is registered twice: by {other} and by {origin}.")
        found[point.name] = Entry(kind, point.name, origin, point.value)
    return found


def _is_own(point: metadata.EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == "robench"


def _check_name(kind: Kind, name: str, origin: str) -> None:
    """Reject a name that cannot stand in a comma-separated list or in the name of a folder, or means something else."""
    reserved = ("all",) if kind == "tasks" else ("all", *SHARED)  # tasks have no settings
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in reserved:
        words = " or ".join(reserved)
        raise RobenchError(
            f"{origin} registers a {kind[:-1]} as {show_value(name)}; a name {_FORM} and is not the word {words}."
        )
    if kind != "tasks" and name.endswith(f".{TRAINING}"):
        raise RobenchError(
            f"{origin} registers a {kind[:-1]} as {name}; --set reads that as the training settings of"
            f" {name.removesuffix(f'.{TRAINING}')}."
        )


def _is_target(entry: Entry, thing: object) -> bool:
    """Tell whether a thing is what an entry point names, be it the package that only imports it from its own module.

    While its module is imported, it is not in the package yet. Of several classes with its name inside of the package,
    the first one is meant then.
    """
    if not isinstance(entry.target, str):
        return False
    module, _, path = entry.target.partition(":")
    there = _look_up(module, path)
    if not isinstance(thing, type):
        inside = [name for name in sys.modules if _is_below(name, module)]
        return thing is there if there is not None else any(_look_up(name, path) is thing for name in inside)
    own = thing.__module__, thing.__qualname__
    if there is not None:  # a module that is imported anew makes another class of the same name
        return own == (getattr(there, "__module__", ""), getattr(there, "__qualname__", ""))
    is_meant = thing.__qualname__ == path and _is_below(thing.__module__, module)
    return is_meant and _meant.setdefault((entry.kind, entry.name), own) == own


_meant: dict[tuple[Kind, str], tuple[str, str]] = {}
"""Module and name of the classes that were taken for what an entry point names, before the package had them."""


def _look_up(module: str, path: str) -> object:
    """Return what a module has under a name if it is imported, without running code of the module."""
    return vars(sys.modules[module]).get(path) if module in sys.modules else None


def _is_below(name: str, module: str) -> bool:
    """Tell whether a module is another one or inside it."""
    return f"{name}.".startswith(f"{module}.")


def _kind_of(thing: object) -> Kind:
    kind = getattr(thing, "plugin_kind", None)
    if kind not in KINDS:
        raise RobenchError(f"register() takes a robench.Defense, Attack or Task; got {show_value(thing)}.")
    return cast(Kind, kind)


def _find_origin() -> str:
    """Find the file that calls :func:`register`, and note its source, which is what the process runs."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    file = frame.f_code.co_filename if frame is not None else ""
    # Each cell of a notebook calls itself another file, and may be on the disk for a debugger.
    if frame is None or "__file__" not in frame.f_globals or not Path(file).is_file():
        return "this notebook or interpreter"
    remember_source(frame.f_globals["__name__"])
    return file
