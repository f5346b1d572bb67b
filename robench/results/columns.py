"""The columns of a cell's records that tables need, in a copy that is read quickly: ``columns.json``.

How it works: records hold texts, and reading a million of them as JSON takes half a minute. So a copy of their numbers
is written when a cell is finished: a list for each field, with an entry for each record. It is derived, so it is no
part of what the cell's ``stage.json`` describes. It names the sha256 of the ``records.jsonl`` that it was made from and
that of its own lists: a copy that is stale or damaged is ignored, and the records are read instead, as they are in
cells of early versions, which have no copy. Reading never writes one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from robench.paths import atomic_write_bytes, read_regular
from robench.results.classes import predict
from robench.results.records import Record, Status

if TYPE_CHECKING:
    from robench.results.entry_parts import RecordRow

COLUMNS_FILE = "columns.json"

LETTERS: Mapping[Status, str] = {"failed": "f", "succeeded": "s", "skipped": "k", "error": "e"}
"""The letter of each status in :attr:`RecordColumns.status`."""
STATUSES: Mapping[str, Status] = {letter: status for status, letter in LETTERS.items()}
"""The status of each letter."""
FAILED, SUCCEEDED, SKIPPED, ERROR = LETTERS.values()


class RecordColumns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Numbers of the N records of a cell; each attribute but the last has N entries, in order of ids.

    Attributes:
        id: rows of the examples in their split, from 0.
        label: indices of the gold labels.
        status: a letter for each record, see :data:`LETTERS`.
        predicted: index of the most probable class of the original; None if the model's code failed.
        final_predicted: the same of the final text.
        probability: the model's probability of the gold label for the original, 0 to 1; None as above.
        final_probability: the same for the final text.
        queries: number of texts that the attack sent to the model.
        words_changed: number of words that the attack replaced or removed.
        words: number of words of the original.
        seconds: time of the attack.
        right: of a random model the share of draws in which it is right about the final text; empty if there are none,
            and in the copy, since draws have a file of their own.
    """

    id: Sequence[int]
    label: Sequence[int]
    status: str
    predicted: Sequence[int | None]
    final_predicted: Sequence[int | None]
    probability: Sequence[float | None]
    final_probability: Sequence[float | None]
    queries: Sequence[int]
    words_changed: Sequence[int]
    words: Sequence[int]
    seconds: Sequence[float]
    right: Sequence[float | None] = ()

    def __len__(self) -> int:
        return len(self.id)


class _Copy(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``columns.json``.

    Attributes:
        records: sha256 of the ``records.jsonl`` that it was made from.
        checksum: sha256 of the bytes of ``columns``.
        columns: the columns, as JSON.
    """

    records: str
    checksum: str
    columns: msgspec.Raw


def make_columns(records: Sequence[Record] | Sequence[RecordRow]) -> RecordColumns:
    """Return the columns of some records, which are in order of ids."""
    before = [describe_probabilities(record.probabilities_before, record.label) for record in records]
    after = [describe_probabilities(record.probabilities_after, record.label) for record in records]
    return RecordColumns(
        id=[record.id for record in records],
        label=[record.label for record in records],
        status="".join(LETTERS[record.status] for record in records),
        predicted=[predicted for predicted, _ in before],
        final_predicted=[predicted for predicted, _ in after],
        probability=[probability for _, probability in before],
        final_probability=[probability for _, probability in after],
        queries=[record.queries for record in records],
        words_changed=[record.words_changed for record in records],
        words=[record.words for record in records],
        seconds=[record.seconds for record in records],
    )


def write_columns(folder: Path, records: Sequence[Record], sha256: str) -> None:
    """Write the copy of a cell's records, so that a reader sees a whole one or none.

    Args:
        folder: the folder of the cell.
        records: all its records, in order of ids.
        sha256: of its ``records.jsonl``.

    Raises:
        RobenchError: it cannot be written.
    """
    columns = msgspec.json.encode(make_columns(records))
    copy = _Copy(records=sha256, checksum=_digest(columns), columns=msgspec.Raw(columns))
    atomic_write_bytes(folder / COLUMNS_FILE, msgspec.json.encode(copy) + b"\n")


def read_copy(folder: Path, sha256: str) -> RecordColumns | None:
    """Read the copy of a cell's records; None if there is none that is whole and of these records.

    Args:
        folder: the folder of the cell.
        sha256: of its ``records.jsonl``.
    """
    try:
        copy = msgspec.json.decode(read_regular(folder / COLUMNS_FILE), type=_Copy)
        content = bytes(copy.columns)
        if copy.records != sha256 or copy.checksum != _digest(content):
            return None
        columns = msgspec.json.decode(content, type=RecordColumns)
    except (OSError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    lengths = {len(getattr(columns, name)) for name in RecordColumns.__struct_fields__ if name != "right"}
    return columns if len(lengths) == 1 and not columns.right else None


def describe_probabilities(probabilities: Sequence[float], label: int) -> tuple[int | None, float | None]:
    """Return the most probable class, the first of equal ones, and the probability of a label."""
    if not probabilities:
        return None, None
    return predict(probabilities), probabilities[label] if label < len(probabilities) else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
