"""The adversarial training set D_adv as training rows: row i stands beside row i of the clean set (section 3.3)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from robench.batches import TrainingRow
from robench.data import Example
from robench.defense import AdversarialDefense, Defense, TrainsOn
from robench.errors import RobenchError
from robench.records import Record


def training_rows(
    defense: Defense, clean: Sequence[tuple[int, Example]], adversarial: Sequence[Record], seed: int
) -> tuple[list[TrainingRow], dict[str, int]]:
    """The rows that a defense trains on.

    Args:
        defense: says which kind of rows it wants and what to do where the attack did not succeed.
        clean: positions in the training split and examples.
        adversarial: one record per clean row; empty for a defense that needs none.
        seed: draws the rows of D_adv where a defense wants only a share of them.

    Returns:
        The rows, and counts to tell with the result: ``clean`` rows and, with D_adv, its ``adversarial`` rows that
        are used, of them ``succeeded``, and how many attacks on the training set ``failed`` or were ``skipped``.

    Raises:
        RobenchError: nothing is left to train on.
    """
    plain = [TrainingRow(example.text, example.label) for _, example in clean]
    if not isinstance(defense, AdversarialDefense):
        return plain, {"clean": len(plain)}
    records = {record.id: record for record in adversarial}
    pairs = [
        TrainingRow(example.text, example.label, text)
        for i, example in clean
        if (text := _adversarial_text(records[i], defense.unsuccessful)) is not None
    ]
    wanted = round(defense.adversarial_share * len(pairs))
    if wanted < len(pairs):
        pairs = random.Random(f"share/{seed}").sample(pairs, wanted)
    if not pairs:
        raise RobenchError(
            "no attack on the training set succeeded, and unsuccessful=drop leaves nothing to train on; take"
            " unsuccessful=original, or more training rows."
        )
    texts = [TrainingRow(pair.adversarial or pair.text, pair.label) for pair in pairs]
    rows = {TrainsOn.PAIRS: pairs, TrainsOn.UNION: plain + texts, TrainsOn.ADVERSARIAL: texts}[defense.trains_on]
    statuses = [record.status for record in adversarial]
    return rows, {
        "clean": 0 if defense.trains_on is TrainsOn.ADVERSARIAL else len(rows) - len(texts) * (rows is not pairs),
        "adversarial": len(texts),
        **{status: statuses.count(status) for status in ("succeeded", "failed", "skipped")},
    }


def _adversarial_text(record: Record, unsuccessful: str) -> str | None:
    if record.status == "succeeded" or unsuccessful == "perturbed":
        return record.final
    return record.original if unsuccessful == "original" else None
