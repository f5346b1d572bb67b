"""The check of a plug-in against its contract, before anything is computed with it.

How it works: a contract is the dataclass of robench that declares ``plugin_kind``, with those that extend it there. Its
annotations say what each class variable, field and property is, and its methods what they are called with; of a built-
in, the properties are its own, and may read big files. What a plug-in has in their places is read and compared, and its
fields have to be plain values, which can be part of a key. Whenever an option changes, robench makes the plug-in anew
from its fields; what it keeps besides them has to follow from them. So a mistake is a sentence that names it, and not
an error in some place of robench, hours later.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from robench.escaping import list_values, show_value
from robench.plugins.option import KINDS, NUMBERS, check_values

_WORDS = KINDS | {types.NoneType: "none"}
_BUILT_IN = re.compile(r"robench\.(attacks|defenses|tasks)\.")
_CURE = "put @dataclass(frozen=True, kw_only=True) above the class"
_PLAIN = "a text, a number of up to 64 bits, true, false, none, or a list or dictionary of these"


def check_contract(plugin: Any, kind: str) -> None:
    """Check an instance of a plug-in against its contract.

    Args:
        plugin: the instance.
        kind: the kind of plug-in, such as ``defenses``.

    Raises:
        TypeError, ValueError: it does not fit; the message says how, as a clause.
    """
    contracts = [base for base in type(plugin).__mro__ if base.__module__.partition(".")[0] == "robench"]
    contracts = [base for base in contracts if is_dataclass(base) and hasattr(base, "plugin_kind")]
    if not any(vars(base).get("plugin_kind") == kind for base in contracts):
        raise TypeError(f"its class is no subclass of robench.{kind.capitalize().removesuffix('s')}")
    _check_fields(type(plugin))
    if kind != "tasks":  # which have no options
        _check_making(plugin)
    declared: dict[str, Any] = {}
    for base in contracts:
        properties = {} if _BUILT_IN.match(base.__module__) else dict(_properties(base))
        declared = {**get_type_hints(base), **properties, **declared}
        for name, method in vars(base).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                _check_method(plugin, name, method)
    for name, hint in declared.items():
        check_type(name, getattr(plugin, name), hint)
    check_values(plugin)
    for field in fields(plugin):
        value = getattr(plugin, field.name)
        if field.name not in declared and not _is_plain(value):
            raise TypeError(f"its field {field.name} is {show_value(value)}, not {_PLAIN}")
    if hasattr(plugin, "check_declarations"):  # tasks have none
        plugin.check_declarations()


def _check_fields(cls: type) -> None:
    """Check that what the classes of a plug-in write as fields are fields.

    Raises:
        TypeError: a class is no dataclass and has some; only those of the classes it inherits from are fields.
    """
    for one in cls.__mro__:
        if one.__module__.partition(".")[0] == "robench" or "__dataclass_params__" in vars(one):
            continue
        options = [name for name, hint in inspect.get_annotations(one).items() if name in vars(one) and _is_field(hint)]
        if options:
            raise TypeError(
                f"its class {one.__qualname__} declares {list_values(options)} and is no dataclass, so that this is no"
                f" option; {_CURE}"
            )


def _check_making(plugin: Any) -> None:
    """Check that a plug-in that is made anew from its fields is the same, as it is made whenever an option changes.

    Raises:
        TypeError: its class takes something else than its fields, or an attribute does not follow from them.
    """
    kind = type(plugin)
    options = {one.name for one in fields(plugin) if one.init}
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    taken = [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    if added := [name for name in taken if name not in options]:
        raise TypeError(
            f"its class {kind.__qualname__} is made with {list_values(added)}, which is no field and would be lost when"
            " an option changes; instead of an __init__ or InitVar, declare it as a field (name: type = default), and"
            f" {_CURE}"
        )
    if not options.issubset(taken) and not any(one.kind is one.VAR_KEYWORD for one in parameters):
        raise TypeError(
            f"its class {kind.__qualname__} has an __init__ that does not take its fields, from which robench makes it"
            f" anew; remove it, declare what it sets as fields (name: type = default), and {_CURE}"
        )
    own = {name: value for name, value in vars(plugin).items() if name not in options and not _is_cached(kind, name)}
    made = vars(replace(plugin)) if own else {}
    if lost := [name for name, value in own.items() if not _is_same(value, made.get(name, MISSING))]:
        raise TypeError(
            f"its attribute {lost[0]} is no field and would be lost when an option changes; declare it as a field"
            f" (name: type = default), and {_CURE}"
        )


def _is_cached(kind: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(kind, name, None), cached_property)


def _is_same(value: Any, made: Any) -> bool:
    """Return whether two values are the same, as far as it can be told: few classes define what is equal."""
    return type(value) is type(made) and (not _is_plain(value) or value == made)


def _is_field(hint: Any) -> bool:
    """Return whether an annotation, which may be a text, is one of a dataclass's field."""
    return "ClassVar" not in (hint if isinstance(hint, str) else repr(hint))


def check_type(name: str, value: Any, hint: Any) -> None:
    """Check that a value is of a type, as far as the type is one of those that contracts have.

    Raises:
        TypeError: it is not; the message says what was expected, as a clause.
    """
    if not _fits(value, hint):
        advice = "; perhaps @property is missing above it" if inspect.ismethod(value) else ""
        raise TypeError(f"its {name} is {show_value(value)}, not {_describe(hint)}{advice}")


def _properties(contract: type) -> Iterator[tuple[str, Any]]:
    """Yield the name and the type of each property that a contract declares."""
    for name, thing in vars(contract).items():
        if isinstance(thing, property) and thing.fget is not None:
            yield name, get_type_hints(thing.fget).get("return", Any)


def _check_method(plugin: Any, name: str, contract: Callable[..., Any]) -> None:
    """Check that a method takes what robench calls it with.

    Raises:
        TypeError: it does not, or is no plain function.
    """
    parameters = list(inspect.signature(contract).parameters.values())[1:]
    expected = f"({', '.join(one.name for one in parameters)})"
    method = getattr(plugin, name)
    if not callable(method):
        raise TypeError(f"its {name} is {show_value(method)}, not a method that takes {expected}")
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        raise TypeError(f"its {name} is async, and has to be a plain method")
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # Python does not know
        return
    keywords = {one.name: None for one in parameters if one.kind is one.KEYWORD_ONLY}
    try:
        signature.bind(*[None] * (len(parameters) - len(keywords)), **keywords)
    except TypeError as error:
        raise TypeError(f"its {name} takes {signature}, and is called with {expected}") from error


def _fits(value: Any, hint: Any) -> bool:
    origin, choices = get_origin(hint), get_args(hint)
    if origin is ClassVar:
        return _fits(value, choices[0])
    if origin in (Union, types.UnionType):
        return any(_fits(value, choice) for choice in choices)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in choices)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, choices[0]) for one in value)
    if hint in NUMBERS:
        return isinstance(value, NUMBERS[hint]) and not isinstance(value, bool)
    kind: Any = origin or hint
    if isinstance(kind, type):
        return callable(value) if kind is Callable else isinstance(value, kind)
    return True


def _describe(hint: Any) -> str:
    origin, choices = get_origin(hint), get_args(hint)
    if origin is ClassVar:
        return _describe(choices[0])
    if origin in (Union, types.UnionType):
        return " or ".join(map(_describe, choices))
    if origin is Literal:
        return f"one of {list_values(choices)}"
    if origin is tuple:
        return f"a tuple, each part of it {_describe(choices[0])}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"one of {list_values(f'{hint.__name__}.{one.name}' for one in hint)}"
    kind = origin or hint
    return _WORDS.get(kind) or f"a {getattr(kind, '__name__', kind)}"


def _is_plain(value: Any) -> bool:
    """Return whether JSON has such a value."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str | int) and _is_plain(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if type(value).__module__ == "numpy":  # its float64 is a float for Python
        return False
    if isinstance(value, int):
        return abs(value) < 2**63
    return isinstance(value, str | types.NoneType) or (isinstance(value, float) and value == value)
