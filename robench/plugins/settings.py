"""``--set NAME.FIELD=VALUE``: a defense's or attack's hyper-parameters from text."""

from __future__ import annotations

import contextlib
import inspect
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.paths import absolute_path, read_regular
from robench.plugins.option import (
    Option,
    check_values,
    describe,
    describe_values,
    list_members,
    may_be_none,
    option_of,
    without_none,
)
from robench.plugins.suggestions import explain_unknown

T = TypeVar("T")

TRAINING = "training"
"""The name of the training settings of all defenses, and the end of the name of those that one has of its own."""
CERTIFICATE = "certificate"
"""The name of the settings of all certificates."""
SHARED = (TRAINING, CERTIFICATE)
"""The names in ``--set`` that belong to no defense or attack."""
_LARGEST = 2**16
"""Most bytes of a file of settings: tomllib takes minutes for a key of a hundred thousand parts."""


def parse(settings: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read texts like ``taichi.temperature=0.5`` as ``{"taichi": {"temperature": "0.5"}}``.

    Raises:
        RobenchError: one is not of that form.
    """
    found: dict[str, dict[str, str]] = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        name, dot, field = path.strip().rpartition(".")
        if name.endswith(f".{TRAINING}"):  # of one defense alone
            name, field = name.removesuffix(f".{TRAINING}"), f"{TRAINING}.{field}"
        if not (equals and dot and name and field):
            raise RobenchError(f"--set {setting}: it should read NAME.FIELD=VALUE, as in taichi.temperature=0.5.")
        found.setdefault(name, {})[field] = value.strip()
    return found


def read_file(path: Path) -> dict[str, dict[str, Any]]:
    """Read settings from a TOML file with a table for each name: ``[taichi]`` and below it ``temperature = 0.5``.

    Raises:
        RobenchError: there is no such file, or it is not of that form.
    """
    try:
        data = read_regular(absolute_path(path))
        if len(data) > _LARGEST:
            raise RobenchError(f"{path} has {len(data):,} bytes; a file of settings has {_LARGEST:,} at most.")
        content = tomllib.loads(data.decode())
    except OSError as error:
        raise RobenchError(f"cannot read the settings {path}: {(error.strerror or str(error)).lower()}.") from error
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits, and brackets a thousand deep
        raise RobenchError(f"{path} is not a TOML file: {str(error).rstrip('.')}.") from error
    for name, values in content.items():
        if not isinstance(values, dict):
            raise RobenchError(f"{path}: {name} stands outside of a table; it belongs below a line like [taichi].")
    return content


def merge(*layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Merge the settings of several sources; later ones win, field by field."""
    result: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for name, values in layer.items():
            result.setdefault(name, {}).update(values)
    return result


def configure(name: str, thing: T, values: Mapping[str, Any]) -> tuple[T, tuple[tuple[str, Any], ...]]:
    """Set some fields of a defense or attack; return it, and the fields that now differ from before.

    Args:
        name: its registered name, for errors.
        thing: a frozen dataclass.
        values: by field; a text is read as the field's type.

    Raises:
        RobenchError: there is no such field, or it cannot have that value.
    """
    known = [field.name for field in fields(thing)]  # type: ignore[arg-type]
    hints = get_type_hints(type(thing))
    read = {}
    for field, value in values.items():
        if field not in known:
            if not known:
                raise RobenchError(f"{name} has no options, so {name}.{field} cannot be set.")
            meanings = {one.name: one.gist for one in describe(thing)}
            hint = f"`robench list {name.rpartition('.')[2]}` describes them"
            raise RobenchError(explain_unknown(f"option of {name}", field, known, hint, meanings=meanings))
        read[field] = _read(f"{name}.{field}", value, hints[field], option_of(type(thing), field))
    try:
        made = replace(thing, **read)  # type: ignore[type-var]
        check_values(made)  # again, if its class checks itself
    except ValueError as error:
        raise RobenchError(f"{name}: {error}.") from error
    return made, tuple((f, v) for f, v in sorted(read.items()) if v != getattr(thing, f))


def _read(where: str, value: Any, hint: Any, said: Option) -> Any:
    """Read ``value`` as the type ``hint``; texts are converted, other values checked."""
    if may_be_none(hint):
        return None if value is None or value == "none" else _read(where, value, without_none(hint), said)
    refused = f"{where} is {describe_values(hint, said)}, not {show_value(value)}."
    if members := list_members(hint):
        for member in sorted(members, key=lambda one: (one is str, one is bool)):  # any text is a str, and 1 is True
            with contextlib.suppress(RobenchError):
                return _read(where, value, member, said)
        raise RobenchError(refused)
    if get_origin(hint) is Literal:
        named = {str(choice): choice for choice in get_args(hint)}
        if str(value) not in named:
            raise RobenchError(refused)
        return named[str(value)]
    if hint is bool:
        if value in (True, "true", False, "false"):
            return value in (True, "true")
        raise RobenchError(refused)
    if hint in (int, float, str):
        try:
            return _convert(value, hint)
        except (TypeError, ValueError, OverflowError) as error:
            raise RobenchError(refused) from error
    if isinstance(value, str) and hint is not Any:
        raise RobenchError(
            f"{where} takes no text, so {show_value(value)} cannot be read as one: a value of the type"
            f" {inspect.formatannotation(hint)} stands in a file (--config FILE of `robench run`), or comes from Python"
            " (settings=)."
        )
    return value


def _convert(value: Any, kind: Any) -> Any:
    """Convert ``value`` to an int, a float or a str, if nothing of it is lost."""
    made = kind(value)
    same = made == made if isinstance(value, str) else made == value and not isinstance(value, bool)
    if not same:
        raise ValueError(value)
    return made
