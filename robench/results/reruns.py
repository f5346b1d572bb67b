"""What a rerun says of an entry: how far a second run of the same model and attacks gives the same.

On the same kind of processor, with the same versions, records are equal to the last digit. Another processor rounds
differently: probabilities move a little, and the outcomes of some samples may change. The accuracy should stay within
the interval of the first run; that interval is of the samples, which are the same here, so a rerun that leaves it tells
of more than rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from robench.results.entry_form import AttackMet, Entry
from robench.results.entry_parts import Records
from robench.results.intervals import LEVEL, wilson


@dataclass(frozen=True)
class RerunAgreement:
    """One attack in two entries of the same model.

    Attributes:
        label: name of the entry.
        attack: the attack.
        rerun_by: who made the second run; empty if that is reported, too.
        first: accuracy under attack in the first run.
        second: the same in the second run.
        interval: lower and upper bound of the first.
        same: rows with the same outcome in both; None if one has counts only.
        same_texts: rows with the same text at the end; None if one has counts only.
        shift: largest difference of a probability at the end, 0 to 1; None if one has counts only.
        n: attacked rows.
        is_equal: whether records are equal to the last digit.
    """

    label: str
    attack: str
    rerun_by: str
    first: Fraction
    second: Fraction
    interval: tuple[float, float]
    same: int | None
    same_texts: int | None
    shift: float | None
    n: int
    is_equal: bool

    @property
    def is_within(self) -> bool:
        """Return whether the second accuracy lies within the interval of the first."""
        return self.interval[0] <= self.second <= self.interval[1]


def compare_reruns(entries: Sequence[Entry], level: float = LEVEL) -> list[RerunAgreement]:
    """Compare each rerun with the entry that it ran again, by label, who ran it, and attack.

    A rerun without a reported entry is left out, and so is an attack that only one of the two has, or of which all
    rows ended in an error.

    Args:
        entries: all entries of a folder.
        level: of the interval.
    """
    reported = {entry.key: entry for entry in entries if not entry.rerun_by}
    reruns = sorted((entry for entry in entries if entry.rerun_by), key=lambda entry: (entry.label, entry.rerun_by))
    return [one for again in reruns if again.key in reported for one in compare_runs(reported[again.key], again, level)]


def compare_runs(first: Entry, second: Entry, level: float = LEVEL) -> list[RerunAgreement]:
    """Compare two entries of the same model, attack by attack.

    Args:
        first: an entry.
        second: another run of the same.
        level: of the interval.
    """
    again = {attack.key: attack for attack in second.attacks}
    pairs = [(attack, again[attack.key]) for attack in first.attacks if attack.key in again]
    found = [_compare(first.label, second.rerun_by, one, other, level) for one, other in pairs]
    return sorted(filter(None, found), key=lambda one: one.attack)


def _compare(label: str, rerun_by: str, first: AttackMet, second: AttackMet, level: float) -> RerunAgreement | None:
    one, other = first.attacked, second.attacked
    if one.accuracy is None or other.accuracy is None:
        return None
    rows = (first.records, second.records) if first.records and second.records else None
    return RerunAgreement(
        label=label,
        attack=first.attack.title or first.attack.name,
        rerun_by=rerun_by,
        first=one.accuracy,
        second=other.accuracy,
        interval=wilson(one.failed, one.n - one.errors, level),
        same=_count_same(rows, "status") if rows else None,
        same_texts=_count_same(rows, "final") if rows else None,
        shift=_measure_shift(rows) if rows else None,
        n=one.n,
        is_equal=rows is not None and rows[0] == rows[1],
    )


def _count_same(runs: tuple[Records, Records], column: str) -> int:
    first, second = (dict(zip(run.id, getattr(run, column), strict=True)) for run in runs)
    return sum(first[row] == second[row] for row in first.keys() & second.keys())


def _measure_shift(runs: tuple[Records, Records]) -> float:
    first, second = (dict(zip(run.id, run.after, strict=True)) for run in runs)
    pairs = (pair for row in first.keys() & second.keys() for pair in zip(first[row], second[row], strict=False))
    return max((abs(one - other) for one, other in pairs), default=0.0)
