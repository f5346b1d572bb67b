"""What people say of adversarial texts: whether the label is kept, and how far people agree.

An attack that changes the label of a text for people, too, does not show that the model is wrong. So the share of
adversarial texts whose label people keep stands beside the accuracy under attack. The clean texts among them show how
often people and gold labels differ without any attack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from robench.results.answers import JudgeAnswers
from robench.results.blind_texts import BlindKey, Kind
from robench.results.info_parts import Outcome

MAJORITY = "majority"
"""What the row is called that counts a label as kept if more than half of the judges of a text keep it."""


@dataclass(frozen=True)
class ValidTexts:
    """The texts of one kind whose gold label people give as well.

    Attributes:
        kept: number of these texts.
        n: number of texts with an answer.
    """

    kept: int
    n: int

    @property
    def share(self) -> Fraction | None:
        """Return the share of texts whose label is kept; None without answers."""
        return Fraction(self.kept, self.n) if self.n else None


def count_kept(key: BlindKey, labels: Mapping[int, int], kind: Kind) -> ValidTexts:
    """Count the texts of a kind whose gold label one person gives as well.

    Args:
        key: of the texts.
        labels: the person's labels by number.
        kind: of the texts.
    """
    rows = [row for row in key.texts if row.kind == kind and row.number in labels]
    return ValidTexts(sum(labels[row.number] == row.label for row in rows), len(rows))


def count_kept_by_majority(key: BlindKey, answers: Sequence[JudgeAnswers], kind: Kind) -> ValidTexts:
    """Count the texts of a kind whose gold label more than half of their judges give as well."""
    kept = n = 0
    for row in key.texts:
        votes = [one.labels[row.number] == row.label for one in answers if row.number in one.labels]
        if row.kind == kind and votes:
            kept, n = kept + (2 * sum(votes) > len(votes)), n + 1
    return ValidTexts(kept, n)


def correct_accuracy(outcome: Outcome, share: Fraction | float) -> Fraction | None:
    """Return the accuracy under attack if a success counts only where people keep the label.

    Args:
        outcome: of the cell.
        share: of adversarial texts whose label people keep, 0 to 1.

    Returns:
        The accuracy, 0 to 1: a success whose label people change counts as withstood. None if all samples are errors.
    """
    measured = outcome.n - outcome.errors
    return (outcome.failed + outcome.succeeded * (1 - Fraction(share))) / measured if measured else None


@dataclass(frozen=True)
class Agreement:
    """How far judges agree on the texts that all of them have answered.

    Attributes:
        n: number of these texts.
        share: mean over pairs of judges of the share of texts with equal answers.
        kappa: the same beyond chance: Cohen's with two judges, Fleiss' with more; None if all answers are the same one.
    """

    n: int
    share: float
    kappa: float | None


def measure_agreement(answers: Sequence[JudgeAnswers]) -> Agreement | None:
    """Measure how far judges agree; None with one judge, or if they have no text in common."""
    shared = set.intersection(*(set(one.labels) for one in answers)) if len(answers) > 1 else set()
    if not shared:
        return None
    table = [[one.labels[number] for one in answers] for number in sorted(shared)]
    equal = sum(map(_share_of_equal_pairs, table)) / len(table)
    chance = _chance_of_two(table) if len(answers) == 2 else _chance_of_many(table)
    return Agreement(len(table), float(equal), None if chance == 1 else float((equal - chance) / (1 - chance)))


def _share_of_equal_pairs(votes: Sequence[int]) -> Fraction:
    """Return the share of pairs of judges who say the same of a text."""
    pairs = sum(count * (count - 1) for count in Counter(votes).values())
    return Fraction(pairs, len(votes) * (len(votes) - 1))


def _chance_of_two(table: Sequence[Sequence[int]]) -> Fraction:
    """Return the agreement by chance of Cohen 1960: each judge has frequencies of labels of their own."""
    first, second = (Counter(row[judge] for row in table) for judge in (0, 1))
    return Fraction(sum(first[label] * second[label] for label in first), len(table) ** 2)


def _chance_of_many(table: Sequence[Sequence[int]]) -> Fraction:
    """Return the agreement by chance of Fleiss 1971: the frequencies of labels over all judges."""
    counts = Counter(label for row in table for label in row)
    return Fraction(sum(count * count for count in counts.values()), sum(counts.values()) ** 2)
