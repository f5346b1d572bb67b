"""The lines of ``clean.jsonl``: what a model predicts for the test split; no other code knows their keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from robench.results import json_lines


class CleanLine(msgspec.Struct, frozen=True):
    """A line of ``clean.jsonl``: a model's prediction for one text of the test split.

    Attributes:
        id: row of the text in the test split, from 0.
        label: index of the gold label.
        probabilities: the model's probability of each class.
        correct: whether the most probable class is the gold label.
    """

    id: int
    label: int
    probabilities: list[float]
    correct: bool


def write(path: Path, lines: Sequence[CleanLine]) -> None:
    """Write the lines to a file.

    Raises:
        OSError: it cannot be written.
    """
    # Not by msgspec: it leaves out the blanks, with which files were always written and correct lines are counted.
    text = "".join(json.dumps(msgspec.structs.asdict(line)) + "\n" for line in lines)
    path.write_bytes(text.encode())


def read(path: Path, count: int | None = None) -> list[CleanLine]:
    """Read the first ``count`` lines of a file, or all if it has fewer or no count is given.

    Raises:
        RobenchError: it cannot be read, or a line lacks a key or has a value of another type.
    """
    return json_lines.read(path, CleanLine, count=count)
