"""Draws: how often a random model is right about the texts at which attacks stopped.

How it works: an attack on a model that gives the same text different scores skips a text that the model has wrong once,
and stops at the first candidate that it has wrong once. So the share of attacks that fail says how lucky they were, and
not how often the model is right about what they made. Therefore each final text is scored anew several times, and the
accuracy under attack is the mean share of right answers. Clean accuracy needs no draws: no text was chosen for its
score there, so one draw of each is as often too high as too low, and its interval covers the draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from robench.errors import RobenchError
from robench.paths import read_regular, translate_os_errors
from robench.results.info_parts import Draws

DRAWS_FILE = "draws.jsonl"
DRAWS = 10
"""Draws of each text."""
REMEDY = "attack again with --existing always"


class DrawsLine(msgspec.Struct, frozen=True):
    """A line of ``draws.jsonl``: the draws of the final text of one record.

    Attributes:
        id: row of the example in its split, from 0.
        right: number of draws in which the model is right.
        n: number of draws.
    """

    id: int
    right: int
    n: int


def write_draws(folder: Path, right: Mapping[int, int], n: int) -> Draws:
    """Write the draws of a cell, and count them.

    Args:
        folder: the folder of the cell.
        right: number of right draws by row.
        n: draws of each text.

    Raises:
        RobenchError: they cannot be written.
    """
    lines = [msgspec.json.encode(DrawsLine(row, count, n)) + b"\n" for row, count in right.items()]
    path = folder / DRAWS_FILE
    with translate_os_errors(path):
        path.write_bytes(b"".join(lines))
    return Draws(n=n, right=sum(right.values()))


def read_draws(folder: Path) -> dict[int, float]:
    """Read the share of right draws by row; empty if a cell has no draws.

    Raises:
        RobenchError: the file is broken.
    """
    path = folder / DRAWS_FILE
    if not path.is_file():
        return {}
    try:
        lines = [msgspec.json.decode(line, type=DrawsLine) for line in read_regular(path).splitlines()]
        return {line.id: line.right / line.n for line in lines}
    except (OSError, ValueError, RecursionError, ZeroDivisionError) as error:
        raise RobenchError(f"{path} cannot be read ({error}); {REMEDY}.") from error
