"""Read JSON of strangers: bounded in size and depth, standard in every respect, and without a text that could mislead.

How it works: the file is opened as a regular one and its size is known before it is read. The parser refuses what JSON
allows but no two readers agree on (a key twice, a number that no float holds, NaN), and a walk without recursion then
looks at depth, lengths and texts. So what follows may trust that comparing, hashing and printing the values is safe.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.paths import open_regular

LARGEST_FILE = 32 * 2**20
"""Most bytes of a file. 7,600 test rows, all of them under four attacks, take 8 MiB."""
DEPTH = 12
"""Most levels of lists and objects inside each other."""
LONGEST_TEXT = 10_000
"""Most characters of a text."""
LARGEST_INTEGER = 2**53
"""Larger integers are not the same in every reader of JSON."""
_DIGITS = 400
"""Most characters of a number."""
_CHECKED = {str, list, dict}
"""Types of values that have bounds of their own; the parser looks at all others."""


def read_json(path: Path) -> Any:
    """Read a file.

    Raises:
        RobenchError: it cannot be read, is a symbolic link, is too large, or is no JSON of the kind described above.
    """
    try:
        if path.is_symlink():
            raise RobenchError(f"{path} is a symbolic link: replace it by the file that it leads to.")
        with open_regular(path) as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise RobenchError(f"{path} cannot be read ({(error.strerror or str(error)).lower()}).") from error
    if len(content) > LARGEST_FILE:
        raise RobenchError(f"{path} is larger than {LARGEST_FILE // 2**20} MiB, so it is not read.")
    return parse_json(content, str(path))


def parse_json(content: bytes, where: str) -> Any:
    """Parse a file's content.

    Args:
        content: its bytes.
        where: the file, for errors.

    Raises:
        RobenchError: it is no JSON of the kind described above; the message names the place of a value.
    """
    try:
        values = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_refuse_repetition,
            parse_constant=_refuse_constant,
            parse_float=_read_float,
            parse_int=_read_integer,
        )
    except UnicodeDecodeError as error:
        raise RobenchError(f"{where} is not UTF-8 (byte {error.start:,}).") from error
    except ValueError as error:
        raise RobenchError(f"{where} is not standard JSON: {error}.") from error
    except RecursionError as error:
        raise RobenchError(f"{where} is nested too deeply.") from error
    for place, fault in _walk(values):
        raise RobenchError(f"{where} has {fault} at {show_value(place or 'its top')}.")
    return values


def _walk(values: Any) -> Iterator[tuple[str, str]]:
    """Yield the place and the fault of every value that is out of bounds."""
    stack: list[tuple[str, Any, int]] = [("", values, 1)]
    while stack:
        place, value, depth = stack.pop()
        if isinstance(value, str):
            if fault := find_text_fault(value):
                yield place, fault
        elif isinstance(value, dict | list):
            if depth > DEPTH:
                yield place, f"more than {DEPTH} levels"
                continue
            if isinstance(value, list) and _CHECKED.isdisjoint(map(type, value)):
                continue  # numbers only, as most lists of an entry
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                if isinstance(key, str) and (fault := find_text_fault(key)):
                    yield place, f"a key with {fault}"
                elif isinstance(inner, str | dict | list):
                    stack.append((f"{place}.{key}" if place else str(key), inner, depth + 1))


def find_text_fault(text: str) -> str:
    """Return what no text of an entry may have: half a character, or one that controls what is shown; else empty."""
    if len(text) > LONGEST_TEXT:
        return f"a text of more than {LONGEST_TEXT:,} characters"
    if text.isprintable():
        return ""
    for character in text:
        if (category := unicodedata.category(character)) in _UNWANTED and character not in _JOINERS:
            return f"{_UNWANTED[category]} (U+{ord(character):04X})"
    return ""


_UNWANTED = {"Cc": "a control character", "Cf": "an invisible character", "Cs": "half a character"}
"""Categories of Unicode, and what to call their characters."""
_JOINERS = "\u200c\u200d"
"""Invisible characters that the spelling of some languages needs."""


def _refuse_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"it has the key {show_value(twice)} twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it has {name}, which is no number of JSON")


def _read_float(text: str) -> float:
    number = float(text) if len(text) <= _DIGITS else math.inf
    if not math.isfinite(number):
        raise ValueError(f"it has the number {show_value(text)}, which is out of range")
    return number


def _read_integer(text: str) -> int:
    number = int(text) if len(text) <= _DIGITS else LARGEST_INTEGER
    if abs(number) >= LARGEST_INTEGER:
        raise ValueError(f"it has the number {show_value(text)}, which is out of range")
    return number
