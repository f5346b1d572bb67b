"""Rank correlation of two numbers of the same models: whether one orders them as the other does.

How it works: Spearman's correlation is that of the ranks, with equal numbers at the mean of their ranks. Its interval
is Fisher's, with the variance that Bonett and Wright (2000) found for ranks; a perfect correlation has none. p is the
share of all pairings of the two orders that correlate as strongly, in either direction; with more than seven models, of
:data:`PAIRINGS` drawn ones, always the same, and the observed one. Interval and p take the models for a random sample
of models, which the defenses of a study are not.

Example:
    >>> from robench.results.correlation import correlate
    >>> found = correlate([1, 2, 3, 4, 5, 6], [2, 1, 3, 4, 6, 5])
    >>> round(found.value, 3), round(found.low, 2), round(found.high, 2), round(found.p, 3)
    (0.886, 0.07, 0.99, 0.033)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

from robench.results.intervals import LEVEL, normal_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 5
"""Models from which on a correlation says anything."""
PAIRINGS = 9_999
"""Pairings that are drawn if there are more."""


@dataclass(frozen=True)
class Correlation:
    """A rank correlation.

    Attributes:
        value: -1 to 1.
        low: lower bound of its interval; None if the correlation is perfect.
        high: upper bound, likewise.
        p: chance of one as strong, of either sign, between unrelated orders.
        n: models.
    """

    value: float
    low: float | None
    high: float | None
    p: float
    n: int


def correlate(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> Correlation | None:
    """Correlate the ranks of two numbers of the same models.

    Args:
        first: one number of each model; infinity is above all others.
        second: the other numbers, in the same order.
        level: of the interval.

    Returns:
        None with fewer than :data:`FEWEST` models, or if all have the same number.
    """
    n = len(first)
    if n < FEWEST or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    import numpy as np
    from scipy.stats import rankdata

    ranks, others = (rankdata(numbers) - (n + 1) / 2 for numbers in (first, second))
    norm = math.sqrt((ranks @ ranks) * (others @ others))
    value = float(ranks @ others) / norm
    by_chance = np.abs(_pair(ranks) @ others) / norm >= abs(value) - 1e-12
    p = by_chance.mean() if len(by_chance) == math.factorial(n) else (1 + by_chance.sum()) / (1 + PAIRINGS)
    return Correlation(value, *find_bounds(value, n, level), float(p), n)


def _pair(ranks: NDArray[Any]) -> NDArray[Any]:
    """Return all orders of the ranks, or :data:`PAIRINGS` drawn ones if there are more; one a row."""
    import numpy as np

    if math.factorial(len(ranks)) <= PAIRINGS:
        return np.array(list(permutations(ranks)))
    return np.random.default_rng(0).permuted(np.tile(ranks, (PAIRINGS, 1)), axis=1)


def find_bounds(value: float, n: int, level: float = LEVEL) -> tuple[float | None, float | None]:
    """Return the bounds of a rank correlation's interval (Bonett and Wright 2000); None if it is perfect.

    Args:
        value: the correlation, -1 to 1.
        n: models, at least four.
        level: of the interval.
    """
    if abs(value) > 1 - 1e-12:
        return None, None
    wide = normal_quantile(level) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return math.tanh(math.atanh(value) - wide), math.tanh(math.atanh(value) + wide)
