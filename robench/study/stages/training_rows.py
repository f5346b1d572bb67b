"""The adversarial training set D_adv as training rows (paper, section 3.3).

How it works: each clean row has one record, whose final text is its adversarial counterpart. If the attack did not
succeed, the defense's ``unsuccessful`` decides whether the original, the perturbed text or nothing takes its place. The
defense's ``trains_on`` then decides whether counterparts replace the clean rows, are added to them, or form pairs.
"""

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
        defense: decides the kind of rows, their share, and what happens if the attack did not succeed.
        clean: the clean rows with their positions in the training split.
        adversarial: one record per clean row; empty for a defense that needs none.
        seed: seed that draws rows of D_adv if the defense takes only a share of them.

    Returns:
        The rows, and their numbers for ``stage.json``.

    Raises:
        RobenchError: nothing is left to train on.
    """
    plain = [TrainingRow(example.text, example.label) for _, example in clean]
    if not isinstance(defense, AdversarialDefense) or defense.trains_on is TrainsOn.CLEAN:
        return plain, Rows(training=len(plain), clean=len(plain))
    records = {record.id: record for record in adversarial}
    pairs = [
        (example, text)
        for i, example in clean
        if (text := _find_counterpart(records[i], defense.unsuccessful)) is not None
    ]
    count = max(1, round(defense.adversarial_share * len(pairs)))
    if count < len(pairs):
        pairs = random.Random(f"share/{seed}").sample(pairs, count)
    if not pairs:
        raise RobenchError(
            "no attack on the training set succeeded, and unsuccessful=drop leaves nothing to train on; take"
            " unsuccessful=original, or more training rows."
        )
    rows, clean_count = _make_rows(defense.trains_on, plain, pairs)
    statuses = [record.status for record in adversarial]
    counts = {status: statuses.count(status) for status in ("succeeded", "failed", "skipped")}
    return rows, Rows(training=len(rows), clean=clean_count, adversarial=len(pairs), **counts)


_Counterpart = tuple[str, list[float]]
"""An adversarial text, and the victim's probability of each class for it."""


def _make_rows(
    kind: TrainsOn, plain: list[TrainingRow], pairs: Sequence[tuple[Example, _Counterpart]]
) -> tuple[list[TrainingRow], int]:
    """Return rows of a kind, and the number of clean texts in them."""
    if kind is TrainsOn.PAIRS:
        return [TrainingRow(example.text, example.label, text) for example, (text, _) in pairs], len(pairs)
    if kind is TrainsOn.UNION:
        return plain + [TrainingRow(text, example.label) for example, (text, _) in pairs], len(plain)
    return [TrainingRow(text, example.label, soft=tuple(soft)) for example, (text, soft) in pairs], 0


def _find_counterpart(record: Record, unsuccessful: str) -> _Counterpart | None:
    if record.status == "succeeded" or unsuccessful == "perturbed":
        return record.final, record.probabilities_after
    return (record.original, record.probabilities_before) if unsuccessful == "original" else None
