"""Files of JSON lines, each of one form: read with one kind of error, and written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.results.info import REMEDY

Line = TypeVar("Line", bound=msgspec.Struct)


def write(path: Path, lines: Iterable[msgspec.Struct]) -> None:
    """Write the lines to a file.

    Raises:
        OSError: it cannot be written.
    """
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def read(path: Path, form: type[Line], *, count: int | None = None, remedy: str = REMEDY) -> list[Line]:
    """Read the first ``count`` lines of a file, or all if it has fewer or no count is given.

    Args:
        path: the file.
        form: the structure of each line; keys that it lacks are ignored.
        count: largest number of lines.
        remedy: what to do if the file is broken, for the error.

    Raises:
        RobenchError: it cannot be read, or a line lacks a key or has a value of another type.
    """
    try:
        # msgspec does not look at what it ignores, so that it would take a file that is not UTF-8.
        lines = read_regular(path).decode().splitlines()[:count]
        return [msgspec.json.decode(line, type=form) for line in lines]
    except (OSError, ValueError, RecursionError) as error:
        raise RobenchError(f"{path} cannot be read ({error}); {remedy}.") from error
