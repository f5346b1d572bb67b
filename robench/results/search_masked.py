"""The flag ``search-masked``: a model that hides from the search of an attack instead of being robust.

How it works: an attack that fails may have searched badly. So the texts that it fails on are given to the same model in
other ways that need no good search: as adversarial texts that were made against another model, and as searches that
take the words in random order. The share of these texts that another way fools is compared with the share of the
undefended model: no search is perfect, so some of that is normal. If the interval of a defense's share lies above it as
a whole, the defense's accuracy under the attack is too high.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from robench.results.intervals import LEVEL, estimate_interval, wilson
from robench.results.records import Status
from robench.results.samples import Outcome, align

Statuses = Mapping[int, Status]
"""Outcomes of an attack, or of another way, by the samples' rows in the test split."""


@dataclass(frozen=True)
class Masking:
    """The texts that an attack fails on, and what other ways do to them.

    Attributes:
        outcomes: by seed and row whether another way fools the model; None if the attack itself does not fail there, or
            if that is not known.
    """

    outcomes: Mapping[int, Mapping[int, Outcome]]

    @property
    def withstood(self) -> int:
        """Count the texts of all seeds that the attack fails on, and of which it is known what other ways do."""
        return sum(len(row) for row in self._known)

    @property
    def fooled(self) -> int:
        """Count those of them that another way fools."""
        return sum(sum(map(bool, row)) for row in self._known)

    @property
    def share(self) -> float | None:
        """Return the share of texts that another way fools, averaged over seeds; None if the attack fails on none."""
        shares = [fmean(map(bool, row)) for row in self._known if row]
        return fmean(shares) if shares else None

    def lower_bound(self, level: float = LEVEL) -> float | None:
        """Return the lower bound of the share's interval; of two seeds the lower one of both, None if there is none.

        Args:
            level: of the interval, between 0 and 1.
        """
        interval = estimate_interval(align(self.outcomes)[0], level)
        if interval is not None:
            return interval.low
        if len([row for row in self._known if row]) > 2:  # seeds that have no two texts in common
            return None
        return min((wilson(sum(map(bool, row)), len(row), level)[0] for row in self._known if row), default=None)

    @property
    def _known(self) -> list[list[Outcome]]:
        return [[one for one in row.values() if one is not None] for row in self.outcomes.values()]


def find_masked(direct: Statuses, others: Sequence[Statuses]) -> dict[int, Outcome]:
    """Return for each row whether another way fools the model where the attack fails.

    Args:
        direct: outcomes of the attack.
        others: outcomes of the other ways, at least one; a row that one of them lacks, or that ended in an error there,
            is only known if another one fools the model.

    Example:
        >>> direct = {0: "failed", 1: "failed", 2: "succeeded", 3: "failed"}
        >>> find_masked(direct, [{0: "succeeded", 1: "skipped", 2: "succeeded", 3: "error"}])
        {0: True, 1: False, 2: None, 3: None}
    """
    return {row: _judge(row, others) if status == "failed" else None for row, status in direct.items()}


def is_search_masked(defense: Masking, reference: Masking, level: float = LEVEL) -> bool:
    """Return whether more of a defense's texts are fooled in other ways than is normal.

    Args:
        defense: the texts that the attack on the defense fails on.
        reference: those of the undefended model, given to it in the same other ways.
        level: of the interval of the defense's share.

    Returns:
        True if the interval's lower bound is above the undefended model's share; False if one of them has no texts.
    """
    bound, usual = defense.lower_bound(level), reference.share
    return bound is not None and usual is not None and bound > usual


def _judge(row: int, others: Sequence[Statuses]) -> Outcome:
    found = [statuses.get(row, "error") for statuses in others]
    if "succeeded" in found:
        return True
    return None if "error" in found else False
