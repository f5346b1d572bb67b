"""The source of code that stands in no file: classes and functions of a notebook or of an interpreter.

How it works: a class is its methods and the values of its class variables; a function is its source, which notebooks
keep in ``linecache``, its defaults, what it captures, and the values of the global names that it uses. Values are
constants, containers of them, and again classes and functions; modules are followed through their files. Anything else,
such as a tensor, has no text by which it could be told from another.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from robench.plugins.code_objects import find_nodes, global_names
from robench.plugins.modules import USER, class_path, find_owner, find_place, public_name
from robench.plugins.statements import import_path
from robench.plugins.syntax import LOOKS, Writer

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented), range, slice)
_WRITTEN_BY_DATACLASS = "<string>"
"""The file of the methods that ``dataclass`` writes, which follow from the fields."""
_IDLE = frozenset(
    {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__annotate__", "__hash__"}
    | {"__annotate_func__", "__annotations_cache__", "__abstractmethods__", "_abc_impl", "__firstlineno__"}
    | {"__static_attributes__", "__match_args__", "__dataclass_params__", "__dataclass_fields__", "__replace__"}
    | {"__repr__", "__parameters__", "__orig_bases__", "__type_params__"}
)
"""Class variables that follow from the others."""


_WRAPPERS = (property, staticmethod, classmethod, functools.cached_property)
_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_WRITTEN_IN_C = (
    *(types.BuiltinFunctionType, types.MethodWrapperType, types.WrapperDescriptorType),
    *(types.MethodDescriptorType, types.ClassMethodDescriptorType),
)


class UnknownSourceError(Exception):
    """The source of something cannot be had; the message says of what, as a clause."""


class FileSource(Protocol):
    """Takes what stands in files; see :class:`~robench.plugins.source.SourceWalk`."""

    def is_typed_in(self, thing: Any) -> bool:
        """Tell whether a class or function stands in no file."""

    def add_class(self, kind: type) -> None:
        """Add a class with its bases."""

    def add_module(self, path: str) -> bool:
        """Add what ``module`` or ``module:name`` stands for, and return whether there is such a module."""

    def add_attribute(self, path: str) -> None:
        """Add what a dotted path stands for."""


class LiveSource:
    """The texts of classes and functions that stand in no file.

    Args:
        walk: takes what stands in files.
        lenient: leave out what cannot be identified.
    """

    def __init__(self, walk: FileSource, *, lenient: bool) -> None:
        self._walk, self._lenient = walk, lenient
        self._texts: dict[int, tuple[object, str]] = {}

    def texts(self) -> list[str]:
        """Return what was described, in an order of its own."""
        return sorted(text for _, text in self._texts.values())

    def add(self, thing: Any, where: str) -> None:
        """Add a class, a function or an object that can be called.

        Raises:
            UnknownSourceError: its source cannot be had.
        """
        try:
            self._describe(thing, where)
        except RecursionError as error:
            raise UnknownSourceError(f"{where} uses values that contain themselves") from error

    def add_captured(self, kind: type) -> None:
        """Add what the file of a class does not show: what a class made by a function captures, and foreign methods.

        Raises:
            UnknownSourceError: it captures what cannot be identified.
        """
        where = kind.__qualname__
        for name, function in _methods(kind):
            if function.__module__ != kind.__module__ and _is_users(function.__module__):
                text = self._function_reference(function, f"{where}.{name}")
                self._text(f"{where}.{name}", text, text)
        if "<locals>" in where:
            self._text(where, self._class_text(kind, sources=False), kind)

    def add_cells(self, function: Any) -> None:
        """Add the constants that a function of a file captures, or that ``functools.partial`` binds."""
        if isinstance(function, functools.partial):
            values = [*function.args, *function.keywords.items()]
        else:
            cells = getattr(function, "__closure__", None) or ()
            values = [cell.cell_contents for cell in cells if cell != types.CellType()]
        constants = [value if _is_constant(value) else None for value in values]
        if any(value is not None for value in constants):
            self._text("captured", self._describe(constants, "captured"), function)

    def _text(self, name: str, text: str, thing: object) -> None:
        self._texts[id(thing)] = (thing, f"{name} = {text}")

    def _describe(self, value: Any, where: str) -> str:
        """Return a text of a value that tells it from others; classes and functions are added beside it.

        Raises:
            UnknownSourceError: there is none.
        """
        kind = type(value)
        if kind in _PLAIN:
            return f"{kind.__name__} {value!a}"
        if isinstance(value, enum.Enum):
            return f"{self._class(type(value))}.{value.name}"
        if kind in (list, tuple):
            return f"{kind.__name__} [{', '.join(self._describe(one, where) for one in value)}]"
        if kind in (set, frozenset):
            return f"{kind.__name__} [{', '.join(sorted(self._describe(one, where) for one in value))}]"
        if kind in (dict, types.MappingProxyType):
            pairs = (f"{self._describe(key, where)}: {self._describe(one, where)}" for key, one in value.items())
            return f"dict [{', '.join(pairs)}]"
        if isinstance(value, types.ModuleType):
            self._walk.add_module(value.__name__)
            return f"module {public_name(value.__name__)}"
        if isinstance(value, re.Pattern):
            return f"pattern {value.flags} {value.pattern!a}"
        if isinstance(value, Path | types.GenericAlias | types.UnionType) or kind.__module__ == "typing":
            return f"{kind.__name__} {value!r}"
        if isinstance(value, type):
            return self._class(value)
        return self._describe_callable(value, where)

    def _describe_callable(self, value: Any, where: str) -> str:
        if isinstance(value, types.FunctionType):
            return self._function_reference(value, where)
        if isinstance(value, staticmethod | classmethod):
            return f"{type(value).__name__} {self._describe(value.__func__, where)}"
        if isinstance(value, property):
            return f"property {self._describe([value.fget, value.fset, value.fdel], where)}"
        if isinstance(value, functools.cached_property):
            return f"cached_property {self._describe(value.func, where)}"
        if isinstance(value, functools.partial):
            return f"partial {self._describe([value.func, value.args, value.keywords], where)}"
        if isinstance(value, types.MethodType):
            return f"method {self._describe([value.__func__, value.__self__], where)}"
        if type(value).__module__ == "functools" and hasattr(value, "__wrapped__"):  # functools.cache
            return f"{type(value).__name__} {self._describe(value.__wrapped__, where)}"
        if isinstance(value, _WRITTEN_IN_C):
            owner = getattr(value, "__self__", None)
            bound = "" if isinstance(owner, types.ModuleType) else self._describe(owner, where)
            return f"{getattr(value, '__module__', None)}:{value.__qualname__} {bound}"
        if dataclasses.is_dataclass(value):
            fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
            return f"{self._class(type(value))} {self._describe(fields, where)}"
        if self._lenient:
            return f"a {class_path(type(value))}"
        raise UnknownSourceError(f"{where} uses an object of the class {type(value).__qualname__}")

    def _class(self, kind: type) -> str:
        """Refer to a class, and add it."""
        if id(kind) not in self._texts:
            if self._walk.is_typed_in(kind):
                self._texts[id(kind)] = (kind, "")  # it may refer to itself
                self._text(kind.__qualname__, self._class_text(kind, sources=True), kind)
            else:
                self._walk.add_class(kind)
        return class_path(kind)

    def _class_text(self, kind: type, *, sources: bool) -> str:
        """Write a class: its bases, fields, class variables and, with ``sources``, its methods."""
        where = kind.__qualname__
        texts = [f"bases {[self._class(base) for base in kind.__bases__] if sources else []}"]
        for field in vars(kind).get("__dataclass_fields__", {}).values():
            values = [one for one in (field.default, field.default_factory) if one is not dataclasses.MISSING]
            texts.append(f"field {field.name} {field.init} {field.kw_only} {self._describe(values, where)}")
        read = {name for _, function in _methods(kind) for name in function.__code__.co_names}
        for name, value in sorted(vars(kind).items()):
            if name in _IDLE or (name in LOOKS and name not in read):
                continue
            place = f"{where}.{name}"
            if isinstance(value, types.FunctionType):
                if value.__code__.co_filename != _WRITTEN_BY_DATACLASS:
                    text = self._describe(value, place) if sources else self._cells(value, place)
                    texts.append(f"{name} = {text}")
            elif not isinstance(value, _SLOTS) and (sources or not isinstance(value, _WRAPPERS)):
                texts.append(f"{name} = {self._describe(value, place)}")
        return "; ".join(texts)

    def _function_reference(self, function: types.FunctionType, where: str) -> str:
        """Refer to a function, and add it."""
        module = function.__module__ or "__main__"
        home = str(function.__globals__.get("__name__", module))
        if home != module and not _is_users(home):  # a wrapper, which names the module of what it wraps
            module = home
        if not _is_users(module):
            cells = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
            wrapped = [one for one in cells if isinstance(one, types.FunctionType)]
            return f"{module}:{function.__code__.co_qualname} {self._describe(wrapped, where)}"
        if not self._walk.is_typed_in(function):
            self._walk.add_module(f"{module}:{function.__qualname__.partition('.')[0]}")
            return f"{public_name(module)}:{function.__qualname__} {self._cells(function, where)}"
        if id(function) not in self._texts:
            self._texts[id(function)] = (function, "")
            self._text(function.__qualname__, self._function(function, where), function)
        return f"{module}:{function.__qualname__}"

    def _function(self, function: types.FunctionType, where: str) -> str:
        """Write a function: source, defaults, captured values, and the values of the global names it uses."""
        space: Mapping[str, Any] = function.__globals__
        writer = Writer(lambda name: _imported_from(space.get(name)), frozenset())
        nodes = find_nodes(function.__code__)
        if not nodes and not self._lenient:
            raise UnknownSourceError(f"the source of {where} cannot be found")
        text = writer.write(nodes)
        for part in [part for node in nodes for part in ast.walk(node) if isinstance(part, ast.Attribute)]:
            self._walk.add_attribute(writer.path(part))
        for statement, alias in writer.imports:
            package = str(space.get("__package__") or "")
            self._walk.add_module(
                alias.name if isinstance(statement, ast.Import) else import_path(statement, alias, package)
            )
        defaults = self._describe([function.__defaults__, function.__kwdefaults__], where)
        names = sorted(name for name in global_names(function.__code__) if name in space)
        values = [f"{name} = {self._describe(space[name], f'{where} by the name {name}')}" for name in names]
        return f"{text} {defaults} {self._cells(function, where)} {values}"

    def _cells(self, function: types.FunctionType, where: str) -> str:
        """Write the values that a function captures."""
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        texts = []
        for name, cell in cells:
            if name != "__class__":
                try:
                    texts.append(f"{name} = {self._describe(cell.cell_contents, f'{where} by the name {name}')}")
                except ValueError:  # an empty cell
                    continue
        return str(texts)


def _methods(kind: type) -> Iterator[tuple[str, types.FunctionType]]:
    """Yield the functions of a class's own body, those of properties included."""
    for name, value in vars(kind).items():
        for one in (
            value,
            getattr(value, "__func__", None),
            getattr(value, "fget", None),
            getattr(value, "func", None),
        ):
            if isinstance(one, types.FunctionType) and one.__code__.co_filename != _WRITTEN_BY_DATACLASS:
                yield name, one


def _is_constant(value: Any) -> bool:
    """Tell whether a value never changes, as a cache that a function fills does."""
    return type(value) in _PLAIN or (type(value) is tuple and all(map(_is_constant, value)))


def _is_users(module: str) -> bool:
    """Tell whether a module is the user's, or stands in no file."""
    place = find_place(module)
    if place is None or module == "__main__":
        return True
    return find_owner(place) == USER


def _imported_from(value: Any) -> str:
    """Return the dotted path of a module, or of something that knows its module."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else ""
