"""Read TOML files strictly: a missing key, an unknown key or a value of another type is an error that names the key.

How it works: a :class:`TomlSection` notes each key that is taken from it. After the last one,
:meth:`TomlSection.finish` raises for the keys that nobody took.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.escaping import list_values, show_value
from robench.paths import read_regular
from robench.plugins.suggestions import explain_unknown


def read_toml(file: Traversable, parse_float: Callable[[str], Any] = float) -> TomlSection:
    """Read a file.

    Args:
        file: the file.
        parse_float: converts the text of a number with a decimal point.

    Raises:
        RobenchError: it cannot be read, or is not TOML.
    """
    try:
        content = read_regular(file) if isinstance(file, Path) else file.read_bytes()
        values = tomllib.loads(content.decode(), parse_float=parse_float)
    except (OSError, ValueError, RecursionError) as error:
        raise RobenchError(f"{file} cannot be read: {str(error).rstrip('.')}.") from error
    return TomlSection(str(file), "", values)


class TomlSection:
    """A table of a TOML file, whose keys are taken one by one.

    Args:
        file: the path of the file, for errors.
        path: the path of the table in the file, ``tables.5.`` for example, for errors.
        values: the values by key.
    """

    def __init__(self, file: str, path: str, values: Mapping[str, Any]) -> None:
        self._file, self._path, self._values = file, path, values
        self._taken: set[str] = set()

    def text(self, key: str, default: str | None = None) -> str:
        """Take a text; it is required if there is no default."""
        return str(self._take(key, default, str, "a text"))

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Take a text that is one of some choices."""
        value = self.text(key)
        if value not in choices:
            hint = f"it stands at {self._path}{key}"
            raise RobenchError(f"{self._file}: {explain_unknown(key, value, list(choices), hint)}")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Take a list of texts without repetitions."""
        values = tuple(self._take(key, default, list, "a list of texts"))
        if not all(isinstance(value, str) for value in values):
            raise self.error(key, f"should be a list of texts, not {show_value(list(values))}")
        if twice := [value for value in dict.fromkeys(values) if values.count(value) > 1]:
            raise self.error(key, f"has {list_values(twice)} twice")
        return values

    def count(self, key: str, default: int | None = None) -> int:
        """Take a whole number, 0 or more; it is required if there is no default."""
        value = self._take(key, default, int, "a whole number")
        if isinstance(value, bool) or value < 0:
            raise self.error(key, f"should be a whole number, 0 or more, not {show_value(value)}")
        return int(value)

    def flag(self, key: str) -> bool:
        """Take true or false; it may be absent, and is false then."""
        return bool(self._take(key, False, bool, "true or false"))

    def numbers(self, key: str) -> tuple[float, ...]:
        """Take a list of numbers."""
        values = tuple(self._take(key, None, list, "a list of numbers"))
        if not values or not all(_is_number(value) for value in values):
            raise self.error(key, f"should be a list of numbers, not {show_value(list(values))}")
        return tuple(float(value) for value in values)

    def numbers_by_name(self, key: str, default: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Take a table of numbers."""
        values = dict(self._take(key, default, dict, "a table of numbers"))
        for name, value in values.items():
            if not _is_number(value):
                raise self.error(f"{key}.{name}", f"should be a number, not {show_value(value)}")
        return values

    def texts_by_name(self, key: str) -> dict[str, str]:
        """Take a table of texts; it may be absent."""
        values = dict(self._take(key, {}, dict, "a table of texts"))
        for name, value in values.items():
            if not isinstance(value, str):
                raise self.error(f"{key}.{name}", f"should be a text, not {show_value(value)}")
        return values

    def sections(self, key: str) -> Iterator[tuple[str, TomlSection]]:
        """Yield the name and content of each table in a table; the outer table may be absent."""
        values = self._take(key, {}, dict, "a table of tables")
        for name, value in values.items():
            if not isinstance(value, dict):
                raise self.error(f"{key}.{name}", f"should be a table, not {show_value(value)}")
            yield name, TomlSection(self._file, f"{self._path}{key}.{name}.", value)

    def section(self, key: str) -> TomlSection | None:
        """Take a table; None if there is none."""
        values = self._take(key, {}, dict, "a table")
        return TomlSection(self._file, f"{self._path}{key}.", values) if values else None

    def rows(self, key: str) -> list[TomlSection]:
        """Take a list of tables."""
        values = self._take(key, None, list, f"tables, each below a line [[{key}]]")
        if not all(isinstance(value, dict) for value in values):
            raise self.error(key, f"should be tables, each below a line [[{key}]]")
        return [
            TomlSection(self._file, f"{self._path}{key}[{row}].", value) for row, value in enumerate(values, start=1)
        ]

    def finish(self) -> None:
        """Check that every key was taken.

        Raises:
            RobenchError: a key was not taken, so it has no meaning here.
        """
        for key in self._values:
            if key not in self._taken:
                near = difflib.get_close_matches(key, self._taken, n=1)
                advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(self._taken))}."
                raise RobenchError(f"{self._file}: unknown key {self._path}{key}: {advice}")

    def error(self, key: str, fault: str) -> RobenchError:
        """Return an error about a key."""
        return RobenchError(f"{self._file}: {self._path}{key} {fault}.")

    def _take(self, key: str, default: Any, kind: type, words: str) -> Any:
        self._taken.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise self.error(key, f"is missing; it should be {words}")
        if value is not default and not isinstance(value, kind):
            raise self.error(key, f"should be {words}, not {show_value(value)}")
        return value


_LIMIT = 10**300
"""Larger numbers are no floats."""


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        return False
    return isinstance(value, float) or -_LIMIT < value < _LIMIT
