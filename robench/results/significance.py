"""Paired comparisons of two rows of a table: the difference, its interval, and whether it can be chance.

How it works: both rows are measured on the same samples, and with the same seeds, so that differences are taken sample
by sample; a sample without a known outcome of both takes no part, and is counted.

* One seed: McNemar's exact test, and Newcombe's hybrid score interval (his method 10) of the difference. They are about
  these two trained models: with another seed two equal methods may give models that are really different.
* Two seeds: the differences of both, no test over seeds.
* Three seeds or more: the differences are crossed outcomes as in :mod:`robench.results.intervals`, and the test's p is
  1 less the level at which their interval begins to hold 0.

Averages over models, and of random ones over draws, have no discordant pairs to count; with one seed, their differences
are tested by Student's t. Seeds and averages can agree by chance far more closely than outcomes scatter, so their
variance counts as that of as many independent outcomes at least. These two need NumPy and SciPy.

Example:
    >>> from robench.results.significance import compare_outcomes
    >>> first, second = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    >>> found = compare_outcomes({42: first}, {42: second})
    >>> round(found.value, 2), found.p, found.parted
    (0.6, 0.03125, True)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import sub
from statistics import fmean, variance

from robench.results.crossed_test import crossed_p, crossed_square, least_variance
from robench.results.intervals import FEWEST_SEEDS, LEVEL, Components, decompose, square_quantiles, wilson
from robench.results.samples import Outcomes, check_outcomes, complete


@dataclass(frozen=True)
class Difference:
    """The paired difference of two rows: the share of the first less that of the second.

    Attributes:
        value: mean over seeds and samples, -1 to 1.
        low: lower bound of its interval; None if there is none.
        high: upper bound.
        p: chance of a difference as large, of either sign, between two equal rows; None if there is no test.
        level: of the interval, and of tests.
        seeds: the shared seeds.
        n: samples that are compared.
        left_out: samples without a known outcome of both.
        by_seed: the difference of each seed.
        p_by_seed: p of each seed's two models alone; empty with three seeds or more.
        square: mean square of the differences of pairs; of single models the share of pairs that differ.
        size: mean size of a difference, where there is one, weighted by itself: 1 of single models, less of averages.
        parts: mean and variances of the differences; None with fewer than three seeds.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    level: float
    seeds: tuple[int, ...]
    n: int
    left_out: int
    by_seed: Mapping[int, float]
    p_by_seed: Mapping[int, float]
    square: float
    size: float = 1.0
    parts: Components | None = None

    @property
    def covers_seeds(self) -> bool:
        """Return whether the test is about the methods; else it is about these trained models."""
        return len(self.seeds) >= FEWEST_SEEDS and self.p is not None

    @property
    def parted(self) -> bool:
        """Return whether the two rows can be told apart at the level.

        With two seeds, both have to tell them apart, with differences of the same sign.
        """
        if self.p is not None:
            return self.p <= _alpha(self.level)
        signs = {math.copysign(1, value) for value in self.by_seed.values()}
        return (
            len(self.p_by_seed) > 0
            and len(signs) == 1
            and all(p <= _alpha(self.level) for p in self.p_by_seed.values())
        )


def compare_outcomes(first: Outcomes, second: Outcomes, level: float = LEVEL) -> Difference | None:
    """Compare two rows on the samples and seeds that they share.

    Args:
        first: outcomes by seed, all of the same samples in the same order.
        second: of the same samples in the same order.
        level: of the interval and of tests, between 0 and 1.

    Returns:
        First less second; None if they share no seed or no sample.

    Raises:
        ValueError: the numbers of samples differ, or an outcome is not from 0 to 1.

    Example:
        >>> seeds = compare_outcomes({1: [1, 0, 1], 2: [1, 1, 1]}, {1: [0, 0, 1], 2: [1, 0, None]})
        >>> seeds.by_seed, seeds.p, seeds.left_out
        ({1: 0.5, 2: 0.5}, None, 1)
    """
    check_outcomes({place: row for place, row in enumerate([*first.values(), *second.values()])})
    seeds = [seed for seed in sorted(first) if seed in second and _has_known(first[seed]) and _has_known(second[seed])]
    matrix, left_out = complete([*(first[seed] for seed in seeds), *(second[seed] for seed in seeds)])
    if not seeds or not matrix[0]:
        return None
    pairs = dict(zip(seeds, zip(matrix[: len(seeds)], matrix[len(seeds) :], strict=True), strict=True))
    differences = {seed: list(map(sub, *pair)) for seed, pair in pairs.items()}
    n = len(matrix[0])
    low = high = p = parts = None
    if len(seeds) == 1:
        ((one, other),) = pairs.values()
        low, high = _interval_of_pairs(one, other, level)
        p = _p_of_pairs(differences[seeds[0]])
    elif len(seeds) >= FEWEST_SEEDS and n > 1:
        parts = decompose(list(differences.values()))
        if len(set().union(*differences.values())) == 1:  # no spread to go by: as if the samples were all there is
            half, p = wilson(0, n, level)[1], _p_of_pairs(differences[seeds[0]])
        else:
            half = math.sqrt(crossed_square(parts, len(seeds), n, 1 - level))
            p = crossed_p(parts, len(seeds), n)
        low, high = max(float(parts.mean) - half, -1.0), min(float(parts.mean) + half, 1.0)
    sizes = [abs(one) for row in differences.values() for one in row]
    square = math.fsum(one * one for one in sizes)
    by_seed = {seed: fmean(row) for seed, row in differences.items()}
    return Difference(
        value=fmean(by_seed.values()),
        low=low,
        high=high,
        p=p,
        level=level,
        seeds=tuple(seeds),
        n=n,
        left_out=left_out,
        by_seed=by_seed,
        p_by_seed={} if parts else {seed: _p_of_pairs(row) for seed, row in differences.items()},
        square=square / len(sizes),
        size=square / math.fsum(sizes) if square else 1.0,
        parts=parts,
    )


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided p of McNemar's exact test.

    Args:
        gained: pairs in which the first alone is right.
        lost: pairs in which the second alone is right.

    Returns:
        The chance that a fair coin falls at least as one-sidedly, 1 at most.

    Example:
        >>> mcnemar(6, 0), mcnemar(5, 0), mcnemar(3, 3)
        (0.03125, 0.0625, 1.0)
    """
    n = gained + lost
    ways = tail = 1
    for k in range(min(gained, lost)):
        ways = ways * (n - k) // (k + 1)
        tail += ways
    return min(1.0, 2 * tail / (1 << n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values of a family, adjusted by Holm's method: one below 0.05 is a claim even among all of them.

    Args:
        p_values: of the family, such as one column against one defense that was named beforehand.

    Returns:
        The adjusted values, in the same order.

    Example:
        >>> holm([0.04, 0.01, 0.03])
        [0.06, 0.03, 0.06]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def _p_of_pairs(differences: Sequence[float]) -> float:
    """Return p of one seed's differences: McNemar's, or of averages Student's."""
    if {-1.0, 0.0, 1.0}.issuperset(differences) or len(differences) == 1:
        return mcnemar(sum(one > 0 for one in differences), sum(one < 0 for one in differences))
    from scipy.special import stdtr

    return float(2 * stdtr(len(differences) - 1, -abs(fmean(differences)) / _error_of_averages(differences)))


def _error_of_averages(differences: Sequence[float]) -> float:
    """Return the standard error of the mean of differences of averages, two or more."""
    n, mean = len(differences), fmean(differences)
    least = least_variance(mean, math.fsum(one * one for one in differences), n)
    return math.sqrt(max(variance(differences) / n, least))


def _interval_of_pairs(first: Sequence[float], second: Sequence[float], level: float) -> tuple[float, float]:
    """Return the interval of the difference of two paired shares: Newcombe's, of averages Student's.

    Source: Newcombe, Improved confidence intervals for the difference between binomial proportions based on paired
    data, Statistics in Medicine 17 (1998), method 10.
    """
    n, p, q = len(first), fmean(first), fmean(second)
    if not {0.0, 1.0}.issuperset([*first, *second]) and n > 1:
        differences = list(map(sub, first, second))
        half = math.sqrt(square_quantiles(n, 1 - level)[0]) * _error_of_averages(differences)
        return max(p - q - half, -1.0), min(p - q + half, 1.0)
    (low_p, high_p), (low_q, high_q) = wilson(p * n, n, level), wilson(q * n, n, level)
    phi = _correlation(first, second)
    below = (p - low_p) ** 2 - 2 * phi * (p - low_p) * (high_q - q) + (high_q - q) ** 2
    above = (high_p - p) ** 2 - 2 * phi * (high_p - p) * (q - low_q) + (q - low_q) ** 2
    return p - q - math.sqrt(max(below, 0.0)), p - q + math.sqrt(max(above, 0.0))


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return phi of Newcombe's method 10: a positive one is lowered by a correction for continuity."""
    n = len(first)
    both = sum(a * b for a, b in zip(first, second, strict=True))
    right, right_too = sum(first), sum(second)
    neither = n - right - right_too + both
    product = both * neither - (right - both) * (right_too - both)
    square = right * (n - right) * right_too * (n - right_too)
    if square <= 0:
        return 0.0
    return (max(product - n / 2, 0.0) if product > 0 else product) / math.sqrt(square)


def _has_known(row: Sequence[object]) -> bool:
    return any(one is not None for one in row)


def _alpha(level: float) -> float:
    """Return the chance of an error that a level leaves, without the last digits that floating point adds."""
    return round(1 - level, 12)
