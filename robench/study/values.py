"""Values of options that a Python script passes: read as what is clearly meant, and refused otherwise.

NumPy's and pandas' numbers and texts are numbers and texts, any iterable of them is a sequence, and any path may stand
where a text is a path. A text is no number, and a floating-point number no whole one, as on the command line.
"""

from __future__ import annotations

import numbers
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from robench.errors import RobenchError
from robench.escaping import list_values, show_value

Names = str | Sequence[str]
"""One or several names."""
Numbers = int | Sequence[int]
"""One or several whole numbers."""
Jobs = int | Literal["auto"]
"""A number of jobs, or ``auto``."""
ExecutorName = Literal["auto", "serial", "processes", "ray"]
"""What runs the jobs: this process, processes of this machine, or a Ray cluster; ``auto`` is one of the first two."""
Split = Literal["test", "dev"]
"""The split whose rows are attacked."""
Settings = Mapping[str, Mapping[str, Any]]
"""Hyper-parameters by name of a defense or attack, or ``training``, then by field; a text is converted to its type."""
Paths = str | Path | Sequence[str | Path]
"""One or several paths."""


def read_value(what: str, hint: Any, value: Any, default: Any) -> Any:
    """Read the value of an option: texts, whole numbers, paths and truth values as Python's own, sequences as tuples.

    Args:
        what: names the option in messages.
        hint: the option's type.
        value: its value; None takes the default if that is empty.
        default: its default; ``dataclasses.MISSING`` if it has none.

    Raises:
        RobenchError: the value is not of that type.
    """
    if value is None and (default is None or default in ((), "")):
        return default
    kind, expected = _readers().get(hint, (None, ""))
    if get_origin(hint) is Literal:
        kind, expected = _read_text, f"one of {list_values(get_args(hint))}"
    if kind is None:
        return value
    try:
        return kind(value)
    except Exception as error:  # reading a value may run code of others
        raise RobenchError(f"{what} is {show_value(value)}; it should be {expected}.") from error


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return the parts of what :func:`read_value` read as one or several."""
    return value if isinstance(value, tuple) else (value,)


def _readers() -> dict[Any, tuple[Callable[[Any], Any], str]]:
    """Return for each type of option the function that reads its values, and what they are in words."""
    text, number, path = "a text", "a whole number", "a path"
    return {
        str: (_read_text, text),
        str | None: (_read_text, text),
        int | None: (_read_number, number),
        bool: (_read_truth, "True or False"),
        Names: (_read_names, "a name or a sequence of names; of several, give a list"),
        Numbers: (_one_or_several(_read_number), "a whole number or a sequence of whole numbers"),
        Jobs: (read_jobs, "a whole number, or auto"),
        int: (_read_number, number),
        int | str: (_read_name, "a name or a whole number"),
        float: (_read_real, "a number"),
        float | None: (_read_real, "a number"),
        Sequence[int] | None: (_several(_read_number), "a sequence of whole numbers"),
        str | Path: (_read_path, path),
        str | Path | None: (_read_path, path),
        Paths: (_one_or_several(_read_path), "a path or a sequence of paths"),
        Settings | None: (_read_settings, "a dictionary of dictionaries: by name, then by field"),
    }


def _read_text(value: Any) -> str:
    text = os.fspath(value)
    if not isinstance(text, str) or "\0" in text:
        raise TypeError
    return str.__str__(text)


def _read_names(value: Any) -> str | tuple[str, ...]:
    names: str | tuple[str, ...] = _one_or_several(_read_text)(value)
    if isinstance(names, str) and "," in names:  # several names on the command line
        raise ValueError
    return names


def _read_path(value: Any) -> str | Path:
    text = _read_text(value)
    return value if isinstance(value, Path) else text


def _read_number(value: Any) -> int:
    if _is_truth(value):  # which Python takes for a number
        raise TypeError
    return operator.index(value)


def _read_name(value: Any) -> str:
    try:
        return _read_text(value)
    except TypeError:
        return str(_read_number(value))


def _read_real(value: Any) -> float:
    if _is_truth(value) or not isinstance(value, numbers.Real):
        raise TypeError
    return float(value)


def read_jobs(value: Any) -> Jobs:
    """Read a number of jobs, which may be a text, or ``auto``.

    Raises:
        TypeError, ValueError: it is neither.
    """
    if isinstance(value, str):
        return "auto" if value == "auto" else int(value)
    return _read_number(value)


def _read_truth(value: Any) -> bool:
    if not _is_truth(value):
        raise TypeError
    return bool(value)


def _is_truth(value: Any) -> bool:
    """Return whether a value is Python's True or False, or NumPy's."""
    kind = type(value)
    return kind is bool or (kind.__module__, kind.__name__) in (("numpy", "bool"), ("numpy", "bool_"))


def _several(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that reads an iterable with a function for its parts; a set is sorted, as it has no order."""

    def read_all(values: Any) -> tuple[Any, ...]:
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable) or hasattr(values, "columns"):
            raise TypeError
        parts = tuple(read(value) for value in values)
        return tuple(sorted(parts)) if isinstance(values, Set) else parts

    return read_all


def _one_or_several(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    read_all = _several(read)

    def read_either(value: Any) -> Any:
        try:
            return read(value)
        except TypeError:
            return read_all(value)

    return read_either


def _read_settings(value: Any) -> dict[str, dict[str, Any]]:
    return {
        _read_text(name): {_read_text(field): one for field, one in fields.items()} for name, fields in value.items()
    }
