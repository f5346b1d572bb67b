"""The adversarial training set D_adv as training rows (paper, section 3.3).

How it works: each clean row has one record, whose final text is its adversarial counterpart. If the attack did not
succeed, the defense's ``unsuccessful`` decides whether the original, the perturbed text or nothing takes its place; an
attack that ended in an error counts as skipped, and its text has its label for sure if the victim never scored it. The
defense's ``trains_on`` then decides whether counterparts replace the clean rows, are added to them, or form pairs. A
clean row whose counterpart is dropped, or not drawn, stays if the defense has a use for it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from robench.data.load import Example
from robench.errors import UnitError
from robench.models.batches import TrainingRow
from robench.results.info_parts import RowCounts
from robench.results.records import Record
from robench.training.defense import AdversarialDefense, Defense, TrainsOn


class _Counterpart(NamedTuple):
    """A row of D_adv: its text, the victim's probability of each class for it, and whether it is the clean text.

    After an error, the probabilities may be missing: they are empty.
    """

    text: str
    soft: tuple[float, ...]
    is_unchanged: bool


def arrange_rows(
    defense: Defense, clean: Sequence[tuple[int, Example]], adversarial: Sequence[Record], seed: int
) -> tuple[list[TrainingRow], RowCounts]:
    """Arrange the rows that a defense trains on.

    Args:
        defense: decides the kind of rows, their share, and what happens if the attack did not succeed.
        clean: the clean rows with their positions in the training split.
        adversarial: one record per clean row; empty if the defense uses none.
        seed: seed that draws rows of D_adv if the defense takes only a share of them.

    Returns:
        The rows, and their numbers for ``stage.json``.

    Raises:
        UnitError: nothing is left to train on.
    """
    plain = [TrainingRow(example.text, example.label) for _, example in clean]
    if not isinstance(defense, AdversarialDefense) or defense.trains_on is TrainsOn.CLEAN or not adversarial:
        return plain, RowCounts(training=len(plain), clean=len(plain))
    records = {record.id: record for record in adversarial}
    found = [_find_counterpart(records[i], defense.unsuccessful) for i, _ in clean]
    positions = [position for position, counterpart in enumerate(found) if counterpart is not None]
    count = max(1, round(defense.adversarial_share * len(positions)))
    if count < len(positions):
        positions = random.Random(f"share/{seed}").sample(positions, count)
    if not positions:
        raise UnitError(
            "no attack on the training set succeeded, and unsuccessful=drop leaves nothing to train on; take"
            " unsuccessful=original, or more training rows."
        )
    used = {position: counterpart for position in positions if (counterpart := found[position]) is not None}
    classes = max([len(record.probabilities_before) for record in adversarial] + [row.label + 1 for row in plain])
    used = {i: made._replace(soft=made.soft or _one_hot(plain[i].label, classes)) for i, made in used.items()}
    rows, clean_count = _make_rows(defense.trains_on, plain, used)
    if defense.trains_on is TrainsOn.PAIRS and defense.takes_unpaired_rows:
        unpaired = [row for i, row in enumerate(plain) if i not in used]
        rows, clean_count = rows + unpaired, clean_count + len(unpaired)
    statuses = [record.status for record in adversarial]
    return rows, RowCounts(
        training=len(rows),
        clean=clean_count,
        adversarial=len(used),
        unchanged=sum(counterpart.is_unchanged for counterpart in used.values()),
        succeeded=statuses.count("succeeded"),
        failed=statuses.count("failed"),
        skipped=statuses.count("skipped"),
        errors=statuses.count("error"),
    )


def list_adversarial_rows(defense: Defense, records: Sequence[Record]) -> list[TrainingRow]:
    """Return the rows that attacks while training add to the clean ones, in the order of their records.

    Args:
        defense: decides what happens if an attack did not succeed.
        records: of the attacks.
    """
    assert isinstance(defense, AdversarialDefense), "only these attack while they train"
    found = [(record, _find_counterpart(record, defense.unsuccessful)) for record in records]
    return [TrainingRow(made.text, record.label) for record, made in found if made is not None]


def _make_rows(
    kind: TrainsOn, plain: list[TrainingRow], used: Mapping[int, _Counterpart]
) -> tuple[list[TrainingRow], int]:
    """Return rows of a kind, and the number of clean texts in them.

    Args:
        kind: the kind.
        plain: all clean rows.
        used: rows of D_adv by the position of their clean row, in the order in which they were drawn.
    """
    if kind is TrainsOn.PAIRS:
        return [TrainingRow(plain[i].text, plain[i].label, made.text) for i, made in used.items()], len(used)
    if kind is TrainsOn.UNION:
        return plain + [TrainingRow(made.text, plain[i].label) for i, made in used.items()], len(plain)
    return [TrainingRow(made.text, plain[i].label, soft=made.soft) for i, made in used.items()], 0


def _one_hot(label: int, classes: int) -> tuple[float, ...]:
    return tuple(float(i == label) for i in range(classes))


def _find_counterpart(record: Record, unsuccessful: str) -> _Counterpart | None:
    if record.status == "succeeded" or unsuccessful == "perturbed":
        return _Counterpart(record.final, tuple(record.probabilities_after), record.final == record.original)
    if unsuccessful == "original":
        return _Counterpart(record.original, tuple(record.probabilities_before), True)
    return None
