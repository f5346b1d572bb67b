"""The good lines of a ``records.jsonl`` that may be damaged: each line is judged on its own.

How it works: a line ends with a checksum of the stage's key and the line, so a changed line and a line of another stage
do not fit (:mod:`robench.results.records`). Every line has to be about an attacked row, with the row's text and label.
What is left out is attacked again, so a wrong verdict costs time and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from robench.errors import RobenchError
from robench.paths import read_regular, translate_read_errors
from robench.results import records
from robench.results.records import Record

TOLERANCE = 1e-3
"""How far probabilities may be off 0, 1, and a sum of 1: a user's function may round them."""
TIE = 1e-6
"""Two probabilities that differ less are equal here: the prediction was made before they were rounded."""

_SEALED = re.compile(rb'(.*), "checksum": "([0-9a-f]{16})"\}', re.DOTALL)


class AttackedRow(NamedTuple):
    """An attacked row: its text and the index of its label."""

    text: str
    label: int


@dataclass(frozen=True)
class Salvage:
    """The lines of a records file.

    Attributes:
        good: the good lines, one for each row, without newlines.
        records: their records.
        bad: the other lines, in their order.
        faults: for each bad line, a sentence without an end that names line and fault.
        is_clean: whether the file has the good lines and nothing else.
    """

    good: tuple[bytes, ...]
    records: tuple[Record, ...]
    bad: tuple[bytes, ...]
    faults: tuple[str, ...]
    is_clean: bool


def salvage_lines(path: Path, key: str, sample: Mapping[int, AttackedRow]) -> Salvage:
    """Sort the lines of a records file into good and bad ones; see :func:`salvage`.

    Args:
        path: the file; it may be missing, which is the same as empty.
        key: key of the stage.
        sample: the attacked rows, by their position in their split.

    Raises:
        RobenchError: the file cannot be read.
    """
    with translate_read_errors(path):
        data = read_regular(path) if path.exists() else b""
    return salvage(data, key, sample)


def salvage(data: bytes, key: str, sample: Mapping[int, AttackedRow]) -> Salvage:
    """Sort lines of records into good and bad ones; an incomplete last line is neither.

    Args:
        data: the lines.
        key: key of the stage.
        sample: the attacked rows, by their position in their split.
    """
    good: dict[int, tuple[int, bytes, Record]] = {}
    bad: dict[int, tuple[bytes, str]] = {}
    mixed: set[int] = set()
    for number, raw in enumerate(data.split(b"\n")[:-1], start=1):
        line = raw.rstrip(b"\r")
        try:
            record = _check_line(line, f"line {number}", key, sample)
        except RobenchError as error:
            bad[number] = line, str(error).rstrip(".")
            continue
        first = good.setdefault(record.id, (number, line, record))
        if not records.is_same_result(first[2], record):
            bad[number] = line, f"line {number} gives row {record.id} another result than line {first[0]}"
            mixed.add(record.id)
    for row in mixed:
        number, line, _ = good.pop(row)
        bad[number] = line, f"line {number} gives row {row} another result than a later line"
    kept, broken = list(good.values()), [bad[number] for number in sorted(bad)]
    return Salvage(
        good=tuple(line for _, line, _ in kept),
        records=tuple(record for *_, record in kept),
        bad=tuple(line for line, _ in broken),
        faults=tuple(fault for _, fault in broken),
        is_clean=data == b"".join(line + b"\n" for _, line, _ in kept),
    )


def _check_line(line: bytes, where: str, key: str, sample: Mapping[int, AttackedRow]) -> Record:
    """Read a line.

    Raises:
        RobenchError: it is not a good one.
    """
    record = records.decode(line, where)
    if not _is_sealed(line, key):
        raise RobenchError(f"{where} was changed, or belongs to another stage")
    if fault := _find_foreign(record, sample):
        raise RobenchError(f"{where} {fault}")
    return record


def _is_sealed(line: bytes, key: str) -> bool:
    parts = _SEALED.fullmatch(line)
    return parts is not None and records.make_line_checksum(key, parts[1] + b"}") == parts[2]


def _find_foreign(record: Record, sample: Mapping[int, AttackedRow]) -> str:
    """Return in what a record is not about a row of the sample."""
    row = sample.get(record.id)
    if row is None:
        return f"is about row {_shorten(record.id)}, which is not attacked here"
    if record.label != row.label:
        return f"has the label {_shorten(record.label)}, the data has {row.label}"
    if record.original != row.text:
        return "has another original text than the data"
    return ""


def are_probabilities(values: Sequence[float]) -> bool:
    """Return whether numbers are 0 to 1 and sum to 1, as far as rounding allows."""
    return all(-TOLERANCE <= value <= 1 + TOLERANCE for value in values) and abs(math.fsum(values) - 1) <= TOLERANCE


def can_be_right(probabilities: Sequence[float], label: int) -> bool:
    """Return whether a label can have been predicted: none is more probable, apart from rounding."""
    return probabilities[label] >= max(probabilities) - TIE


def can_be_wrong(probabilities: Sequence[float], label: int) -> bool:
    """Return whether another label can have been predicted."""
    return any(p >= probabilities[label] - TIE for i, p in enumerate(probabilities) if i != label)


def _shorten(number: int) -> str:
    return str(number) if number < 10**9 else f"{str(number)[:9]}..."
