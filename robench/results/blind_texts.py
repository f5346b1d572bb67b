"""Texts for people to label, in blind order, and the key that tells which of them are adversarial.

How it works: some successes of a cell are drawn, and each gives two texts, the clean one and the adversarial one. The
first half of the order has one of the two of every pair, chosen at random, and the second half the other one in the
same order, so that half of all texts lie between the two versions of one. Order and choice depend on the cell and a
seed alone. People see numbers and texts; the key, which lies apart, has the gold label and the kind of each number.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.results.records import Record
from robench.results.stage_file import describe_fault

Kind = Literal["clean", "adversarial"]


class BlindText(msgspec.Struct, frozen=True):
    """A text as people see it."""

    number: int
    text: str


class KeyRow(msgspec.Struct, frozen=True):
    """What the key tells of a text.

    Attributes:
        number: of the text, from 1.
        row: of its sample in the test split, from 0.
        kind: which of the two texts of that sample it is.
        label: index of the sample's gold label.
    """

    number: int
    row: int
    kind: Kind
    label: int


class BlindKey(msgspec.Struct, frozen=True):
    """The key of a batch of texts.

    Attributes:
        batch: identifies the texts and their order; it stands on the page, and tells nothing of them.
        cell: key of the cell that they come from.
        labels: names of the task's labels.
        texts: what each text is, in order of their numbers.
    """

    batch: str
    cell: str
    labels: tuple[str, ...]
    texts: tuple[KeyRow, ...]


def choose_texts(
    records: Sequence[Record], labels: Sequence[str], *, cell: str, count: int, seed: int
) -> tuple[BlindKey, list[BlindText]]:
    """Draw successes of a cell, and return the key and the texts in blind order.

    Args:
        records: of the cell.
        labels: names of the task's labels.
        cell: key of the cell.
        count: largest number of successes.
        seed: draws them and their order.

    Raises:
        RobenchError: no attack succeeded.
    """
    successes = [record for record in records if record.status == "succeeded"]
    if not successes:
        raise RobenchError(f"no attack of the cell {cell} succeeded, so there are no adversarial texts to label.")
    draw = random.Random(f"judge/{cell}/{seed}")
    chosen = draw.sample(successes, min(count, len(successes)))
    first: list[tuple[Record, Kind]] = [
        (record, "adversarial" if draw.random() < 0.5 else "clean") for record in chosen
    ]
    second: list[tuple[Record, Kind]] = [
        (record, "clean" if kind == "adversarial" else "adversarial") for record, kind in first
    ]
    texts, rows = [], []
    for number, (record, kind) in enumerate([*first, *second], start=1):
        texts.append(BlindText(number, record.original if kind == "clean" else record.final))
        rows.append(KeyRow(number, record.id, kind, record.label))
    batch = hashlib.sha256(msgspec.json.encode([cell, seed, texts])).hexdigest()[:12]
    return BlindKey(batch, cell, tuple(labels), tuple(rows)), texts


def read_key(path: Path) -> BlindKey:
    """Read a key.

    Raises:
        RobenchError: there is none, or it is broken.
    """
    try:
        key = msgspec.json.decode(read_regular(path), type=BlindKey)
    except msgspec.ValidationError as error:
        raise RobenchError(f"{path} {describe_fault(str(error))}; make page and key again.") from error
    except (OSError, ValueError) as error:
        raise RobenchError(f"the key {path} cannot be read: {error}.") from error
    rows = key.texts
    if [row.number for row in rows] != list(range(1, len(rows) + 1)):
        raise RobenchError(f"{path} does not number its texts from 1 on; make page and key again.")
    if not all(0 <= row.label < len(key.labels) for row in rows):
        raise RobenchError(f"{path} has a label that is none of its {len(key.labels)}; make page and key again.")
    return key
