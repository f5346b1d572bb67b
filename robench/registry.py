"""Names of defenses, attacks and tasks, and where each comes from.

Built-ins are plug-ins: they are found through the same entry points (``robench.defenses``, ``robench.attacks``,
``robench.tasks``) as a third party's, and nothing here imports one before it is asked for by name. A single file can
add its own with :func:`register` and ``--plugin FILE``.
"""

from __future__ import annotations

import ast
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
from robench.paths import expanded

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
    """

    kind: Kind
    name: str
    origin: str
    identity: str
    target: Any

    def load(self) -> Any:
        """Import it and give the instance: a class is called without arguments, anything else is taken as it is."""
        found = _imported(self) if isinstance(self.target, str) else self.target
        try:
            made = found() if isinstance(found, type) else found
        except TypeError as error:  # a method is missing, or a field has no default
            raise RobenchError(f"{self.name} from {self.origin} cannot be made: {error}.") from error
        if not isinstance(made, _contract(self.kind)):
            raise RobenchError(
                f"{self.name} from {self.origin} is a {type(made).__name__}, not a {_contract(self.kind).__name__}."
            )
        return made

    @property
    def summary(self) -> str:
        """First line of its docstring, read from the source without importing it where possible."""
        if not isinstance(self.target, str):
            kind = self.target if isinstance(self.target, type) else type(self.target)
            return getattr(self.target, "summary", "") or _first_line(inspect.getdoc(kind))
        module, _, attribute = self.target.partition(":")
        try:
            spec = importlib.util.find_spec(module)
            file = Path(spec.origin) if spec and spec.origin else Path()
            return _first_line(_docstring(file, attribute)) if file.suffix == ".py" else ""
        except Exception:  # whatever is wrong with it, it can still be named; using it will tell
            return ""


_NAME = re.compile(r"[\w:+][\w:+.-]{0,59}")
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
    path = expanded(path).resolve()
    if not path.is_file():
        raise RobenchError(f"plug-in {path} does not exist; --plugin takes a Python file.")
    # Named by its content: the class then has the same identity in a cell's key wherever the file lies.
    name = f"robench_plugin_{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
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


def entries(kind: Kind) -> list[Entry]:
    """All registered entries of a kind, built-ins first."""
    found = {**_installed(kind), **{name: entry for (k, name), entry in _files.items() if k == kind}}
    return list(found.values())


def names(kind: Kind) -> list[str]:
    """All registered names of a kind."""
    return [entry.name for entry in entries(kind)]


def entry(kind: Kind, name: str) -> Entry:
    """The entry of that name.

    Raises:
        RobenchError: there is none; the nearest names are given.
    """
    for found in entries(kind):
        if found.name == name:
            return found
    raise RobenchError(unknown(kind[:-1], name, names(kind), f"`robench list {kind}` shows all"))


def unknown(what: str, name: str, known: list[str], hint: str) -> str:
    """The sentence for a name that does not exist, with the nearest ones that do."""
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
    return f"unknown {what} {name!r}: {meant} {hint[0].upper()}{hint[1:]}."


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
        raise RobenchError(
            f"{origin} registers a {kind[:-1]} as {name!r}; a name has up to 60 letters, digits and - _ . : + and is"
            " not all."
        )


def _contract(kind: Kind) -> type:
    module = {"defenses": "defense", "attacks": "attack", "tasks": "task"}[kind]
    return cast(type, getattr(importlib.import_module(f"robench.{module}"), module.capitalize()))


def _kind_of(thing: object) -> Kind:
    for kind in KINDS:
        contract = _contract(kind)
        if isinstance(thing, contract) or (isinstance(thing, type) and issubclass(thing, contract)):
            return kind
    raise RobenchError(f"register() takes a robench.Defense, Attack or Task; got {thing!r}.")


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


def _docstring(path: Path, attribute: str) -> str | None:
    """Docstring of a class, or what an assignment says of itself, without running the file.

    That is the string below the assignment, or the ``summary=`` of the call that makes the object.
    """
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return ast.get_docstring(node)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if not any(isinstance(target, ast.Name) and target.id == attribute for target in targets):
                continue
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                return str(after.value.value)
            for keyword in node.value.keywords if isinstance(node.value, ast.Call) else []:
                if keyword.arg == "summary" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return None


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0].strip()
