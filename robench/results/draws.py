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
from typing import Annotated

import msgspec

from robench.paths import translate_os_errors
from robench.results import json_lines
from robench.results.info_parts import Draws

DRAWS_FILE = "draws.jsonl"
DRAWS = 10
"""Draws of each text."""
_ATTACK_AGAIN = "attack again with --existing always"


class DrawsLine(msgspec.Struct, frozen=True):
    """A line of ``draws.jsonl``: the draws of the final text of one record.

    Attributes:
        id: row of the example in its split, from 0.
        right: number of draws in which the model is right.
        n: number of draws, at least one.
    """

    id: int
    right: int
    n: Annotated[int, msgspec.Meta(ge=1)]


def write_draws(folder: Path, right: Mapping[int, int], n: int) -> Draws:
    """Write the draws of a cell, and count them.

    Args:
        folder: the folder of the cell.
        right: number of right draws by row.
        n: draws of each text.

    Raises:
        RobenchError: they cannot be written.
    """
    path = folder / DRAWS_FILE
    with translate_os_errors(path):
        json_lines.write(path, (DrawsLine(row, count, n) for row, count in right.items()))
    return Draws(n=n, right=sum(right.values()))


def read_draws(folder: Path) -> dict[int, float]:
    """Read the share of right draws by row; empty if a cell has no draws.

    Raises:
        RobenchError: the file is broken.
    """
    path = folder / DRAWS_FILE
    if not path.is_file():
        return {}
    return {line.id: line.right / line.n for line in json_lines.read(path, DrawsLine, remedy=_ATTACK_AGAIN)}
