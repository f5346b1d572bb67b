"""Names of defenses, attacks and tasks, and where each comes from.

Built-ins are plug-ins: they are found through the same entry points (``robench.defenses``, ``robench.attacks``,
``robench.tasks``) as a third party's, and nothing here imports one before it is asked for by name. A single file can
add its own with :func:`register` and ``--plugin FILE``.

A class can stand for a whole family of names. It says which of its fields tells the members apart, and may know them::

    class Recipe(Attack):
        argument: ClassVar[str] = "recipe"

        recipe: str = ""

        @classmethod
        def members(cls) -> list[str]: ...

Registered as ``textattack``, it is named ``textattack:BAEGarg2019`` on the command line; ``all`` leaves families out.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from robench.errors import RobenchError
from robench.paths import expand_user
from robench.plugins.summaries import declared, first_line

Kind = Literal["defenses", "attacks", "tasks"]
KINDS: tuple[Kind, ...] = ("defenses", "attacks", "tasks")
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One registered name.

    Attributes:
        origin: who provides it, for people: ``robench``, ``package 1.2`` or a file.
        identity: what stands for its code in a cell's key; empty for built-ins, which follow robench's own versions.
        target: ``module:attribute`` of an entry point, or the object itself.
        given: values of fields, by name, for a member of a family.
    """

    kind: Kind
    name: str
    origin: str
    identity: str
    target: Any
    given: tuple[tuple[str, str], ...] = ()

    def load(self) -> Any:
        """Import it and give the instance: a class is called with what is given, anything else is taken as it is."""
        found = _imported(self) if isinstance(self.target, str) else self.target
        try:
            made = found(**dict(self.given)) if isinstance(found, type) else found
        except (TypeError, ValueError) as error:  # a method is missing, a field has no default or refuses its value
            raise RobenchError(f"{self.name} from {self.origin} cannot be made: {error}.") from error
        if getattr(made, "plugin_kind", None) != self.kind:
            contract = self.kind.capitalize().removesuffix("s")
            raise RobenchError(f"{self.name} from {self.origin} is a {type(made).__name__}, not a {contract}.")
        return made

    @property
    def summary(self) -> str:
        """First line of its docstring, read from the source without importing it where possible."""
        if not isinstance(self.target, str):
            kind = self.target if isinstance(self.target, type) else type(self.target)
            return getattr(self.target, "summary", "") or first_line(inspect.getdoc(kind))
        return declared(self.target).summary

    @property
    def argument(self) -> str:
        """For a family, the field that its members differ in; empty for all else, members included."""
        if self.given:
            return ""
        if isinstance(self.target, str):
            return declared(self.target).argument
        return vars(self.target).get("argument", "") if isinstance(self.target, type) else ""

    @property
    def pattern(self) -> str:
        """How it is named on the command line: ``textattack:RECIPE`` for a family."""
        return f"{self.name}:{self.argument.upper()}" if self.argument else self.name


_NAME = re.compile(r"[\w:+][\w:+.-]{0,59}")
_FORM = "has up to 60 letters, digits and - _ . : +"
_PLUGIN = "robench_plugin_"
_files: dict[tuple[Kind, str], Entry] = {}


def register(name: str, thing: T | None = None) -> Callable[[T], T]:
    """Register a :class:`~robench.Defense`, :class:`~robench.Attack` or :class:`~robench.Task` under ``name``.

    Used as a decorator of a class, or called with an instance: ``register("taichi-cold", TaiChi(temperature=0.1))``.

    Raises:
        RobenchError: the name is taken (both origins are named), or ``thing`` is none of the three.
    """

    def add(thing: T) -> T:
        kind = _kind_of(thing)
        origin, identity = _source_of(thing)
        entry = Entry(kind, name, origin, identity, thing)
        _check_name(kind, name, origin)
        taken = _files.get((kind, name)) or _installed(kind).get(name)
        if taken and (taken.origin, taken.identity) != (origin, identity):
            raise RobenchError(f"{kind[:-1]} {name!r} is registered twice: by {taken.origin} and by {origin}.")
        _files[kind, name] = entry
        return thing

    if thing is not None:
        add(thing)
    return add


def load_plugin(path: Path) -> None:
    """Run a plug-in file, so that what it registers can be named.

    Raises:
        RobenchError: there is no such file, it fails, or it registers nothing.
    """
    path = expand_user(path).resolve()
    if not path.is_file():
        raise RobenchError(f"plug-in {path} does not exist; --plugin takes a Python file.")
    # Named by its content: the class then has the same identity in a cell's key wherever the file lies.
    name = f"{_PLUGIN}{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RobenchError(f"plug-in {path} is not a Python file; its name should end in .py.")
    before = dict(_files)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while it is being run
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        _files.clear()
        _files.update(before)
        if isinstance(error, RobenchError | KeyboardInterrupt):
            raise
        raise RobenchError(f"plug-in {path} failed: {_where(error, path)}{type(error).__name__}: {error}") from error
    if _files.keys() == before.keys():
        del sys.modules[name]
        raise RobenchError(f'plug-in {path} registers nothing; put @robench.register("name") above its class.')


def plugin_files() -> list[Path]:
    """The plug-in files of what is registered, for a process that needs it, too."""
    modules = (module for name, module in sys.modules.items() if name.startswith(_PLUGIN))
    origins = {entry.origin for entry in _files.values()}
    return [Path(file) for file in dict.fromkeys(vars(module).get("__file__") for module in modules) if file in origins]


def entries(kind: Kind) -> list[Entry]:
    """All registered entries of a kind, built-ins first."""
    found = {**_installed(kind), **{name: entry for (k, name), entry in _files.items() if k == kind}}
    return list(found.values())


def names(kind: Kind) -> list[str]:
    """All registered names of a kind, families left out."""
    return [entry.name for entry in entries(kind) if not entry.argument]


def known(kind: Kind, name: str) -> bool:
    """Whether something of that name is registered, be it as a member of a family."""
    try:
        entry(kind, name)
    except RobenchError:
        return False
    return True


def entry(kind: Kind, name: str) -> Entry:
    """The entry of that name.

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
    raise RobenchError(unknown(kind[:-1], name, patterns, f"`robench list {kind}` shows all"))


def _member(family: Entry, name: str) -> Entry:
    """The entry of one member of a family."""
    value = name.partition(":")[2]
    members = _members(family)
    if not value:
        there = f"; there are {', '.join(members)}" if members else ""
        raise RobenchError(f"{family.kind[:-1]} {family.name} is a family: name one as {family.pattern}{there}.")
    if members is not None and value not in members:
        hint = f"`robench list {family.kind}` shows what else there is"
        raise RobenchError(unknown(family.kind[:-1], value, members, hint, prefix=f"{family.name}:"))
    if not _NAME.fullmatch(name):
        raise RobenchError(f"{family.kind[:-1]} {name!r}: a name {_FORM}.")
    return Entry(family.kind, name, family.origin, family.identity, family.target, ((family.argument, value),))


def _members(family: Entry) -> list[str] | None:
    """Those that a family knows, or None where it takes anything."""
    found = _imported(family) if isinstance(family.target, str) else family.target
    return list(found.members()) if hasattr(found, "members") else None


def unknown(what: str, name: str, known: list[str], hint: str, *, prefix: str = "") -> str:
    """The sentence for a name that does not exist, with the nearest ones that do; all begin with ``prefix``."""
    folded = {one.lower(): prefix + one for one in known}
    near = [folded[one] for one in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
    meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(folded.values())}."
    return f"unknown {what} {prefix + name!r}: {meant} {hint[0].upper()}{hint[1:]}."


@cache
def _installed(kind: Kind) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    points = metadata.entry_points(group=f"robench.{kind}")
    for point in sorted(points, key=lambda p: (not _is_own(p), p.dist.name if p.dist else "")):
        dist = point.dist
        own = _is_own(point)
        origin = "robench" if own or dist is None else f"{dist.name} {dist.version}"
        _check_name(kind, point.name, origin)
        if point.name in found:
            other = found[point.name].origin
            raise RobenchError(f"{kind[:-1]} {point.name!r} is registered twice: by {other} and by {origin}.")
        found[point.name] = Entry(kind, point.name, origin, "" if own else origin, point.value)
    return found


def _is_own(point: metadata.EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == "robench"


def _imported(entry: Entry) -> Any:
    module, _, attribute = entry.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # another's module may fail in any way
        raise RobenchError(
            f"{entry.kind[:-1]} {entry.name} from {entry.origin} cannot be imported: {type(error).__name__}: {error}."
        ) from error


def _check_name(kind: Kind, name: str, origin: str) -> None:
    """Names stand in comma-separated lists and in the names of folders."""
    if not _NAME.fullmatch(name) or name == "all":
        raise RobenchError(f"{origin} registers a {kind[:-1]} as {name!r}; a name {_FORM} and is not all.")


def _kind_of(thing: object) -> Kind:
    kind = getattr(thing, "plugin_kind", None)
    if kind not in KINDS:
        raise RobenchError(f"register() takes a robench.Defense, Attack or Task; got {thing!r}.")
    return cast(Kind, kind)


def _source_of(thing: object) -> tuple[str, str]:
    """Where a registered object was written, and a digest of that text."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    file = Path(frame.f_code.co_filename) if frame is not None else Path("<unknown>")
    try:
        text = file.read_bytes()
    except OSError:  # typed into an interpreter or a notebook
        text = repr(thing).encode()
    return str(file), hashlib.sha256(text).hexdigest()[:16]


def _where(error: BaseException, path: Path) -> str:
    trace = error.__traceback__
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: " if line else ""
