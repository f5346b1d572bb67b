"""D_adv as training rows: row i stands beside row i of the clean set (paper, section 3.3)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from robench.data.load import Example
from robench.errors import RobenchError
from robench.models.batches import TrainingRow
from robench.results.info_parts import Rows
from robench.results.records import Record
from robench.training.defense import AdversarialDefense, Defense, TrainsOn


def arrange_rows(
    defense: Defense, clean: Sequence[tuple[int, Example]], adversarial: Sequence[Record], seed: int
) -> tuple[list[TrainingRow], Rows]:
    """Arrange the rows that a defense trains on.

    Args:
        defense: says which kind of rows it wants and what to do if the attack did not succeed.
        clean: positions in the training split and examples.
        adversarial: one record per clean row; empty for a defense that needs none.
        seed: draws the rows of D_adv where a defense wants only a share of them.

    Returns:
        The rows, and counts of them for ``stage.json``.

    Raises:
        RobenchError: nothing is left to train on.
    """
    plain = [TrainingRow(example.text, example.label) for _, example in clean]
    if not isinstance(defense, AdversarialDefense) or defense.trains_on is TrainsOn.CLEAN:
        return plain, Rows(training=len(plain), clean=len(plain))
    records = {record.id: record for record in adversarial}
    found = [
        (example, text) for i, example in clean if (text := _counterpart(records[i], defense.unsuccessful)) is not None
    ]
    wanted = max(1, round(defense.adversarial_share * len(found)))
    if wanted < len(found):
        found = random.Random(f"share/{seed}").sample(found, wanted)
    if not found:
        raise RobenchError(
            "no attack on the training set succeeded, and unsuccessful=drop leaves nothing to train on; take"
            " unsuccessful=original, or more training rows."
        )
    rows, clean_count = _rows_of_kind(defense.trains_on, plain, found)
    statuses = [record.status for record in adversarial]
    counts = {status: statuses.count(status) for status in ("succeeded", "failed", "skipped")}
    return rows, Rows(training=len(rows), clean=clean_count, adversarial=len(found), **counts)


_Counterpart = tuple[str, list[float]]
"""An adversarial text, and the victim's probability of each class for it."""


def _rows_of_kind(
    kind: TrainsOn, plain: list[TrainingRow], found: Sequence[tuple[Example, _Counterpart]]
) -> tuple[list[TrainingRow], int]:
    """Return rows of a kind, and the number of clean texts in them."""
    if kind is TrainsOn.PAIRS:
        return [TrainingRow(example.text, example.label, text) for example, (text, _) in found], len(found)
    if kind is TrainsOn.UNION:
        return plain + [TrainingRow(text, example.label) for example, (text, _) in found], len(plain)
    return [TrainingRow(text, example.label, soft=tuple(soft)) for example, (text, soft) in found], 0


def _counterpart(record: Record, unsuccessful: str) -> _Counterpart | None:
    if record.status == "succeeded" or unsuccessful == "perturbed":
        return record.final, record.probabilities_after
    return (record.original, record.probabilities_before) if unsuccessful == "original" else None
