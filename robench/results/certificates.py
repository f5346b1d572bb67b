"""The lines of ``certificates.jsonl``: how many changed words of each text are certified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.results.info import REMEDY

CERTIFICATES_FILE = "certificates.jsonl"


class Certificate(msgspec.Struct, frozen=True):
    """A line of ``certificates.jsonl``: the certificate of one text.

    Attributes:
        id: row of the text in the test split, from 0.
        label: index of the gold label.
        predicted: index of the label that the model names, and that is certified.
        votes: number of draws in which the network names this label.
        words: number of words of the text.
        radius: largest number of changed words for which the label is certified; None if not even the text itself is,
            because too few draws name the label.
    """

    id: int
    label: int
    predicted: int
    votes: int
    words: int
    radius: int | None

    def holds(self, changes: int) -> bool:
        """Return whether the model is right, and certified to stay so if so many words of the text are changed.

        A text of fewer words is certified for all of them.
        """
        return self.predicted == self.label and self.radius is not None and self.radius >= min(changes, self.words)


def write(path: Path, lines: Sequence[Certificate]) -> None:
    """Write the lines to a file.

    Raises:
        OSError: it cannot be written.
    """
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def read(path: Path) -> list[Certificate]:
    """Read the lines of a file.

    Raises:
        RobenchError: it cannot be read, or a line lacks a key or has a value of another type.
    """
    try:
        return [msgspec.json.decode(line, type=Certificate) for line in read_regular(path).splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise RobenchError(f"{path} cannot be read ({error}); {REMEDY}.") from error
