"""How large a difference has to be to be found, and how many samples and seeds find a given one.

How it works: with one seed, McNemar's test sees only the pairs that differ, so its power is that of a binomial test on
them; it is computed exactly for likely numbers of such pairs. Averages over models are tested by their mean, which is
nearly normal. A difference needs pairs that differ: where the rows at hand are more alike than that, they count as
different enough. From three seeds on the power of the crossed test, which needs NumPy and SciPy, is a mean over what
the seeds' spread may be estimated as, whose distribution is known: chi-squared with S - 1 degrees of freedom. The
components of the spread are those of the differences at hand, which are estimates themselves: a plan made of three
seeds is rough.

Example:
    >>> from robench.results.power import find_smallest_difference
    >>> from robench.results.significance import compare_outcomes
    >>> first, second = [1] * 60 + [0] * 40, [1] * 50 + [0] * 10 + [1] * 8 + [0] * 32
    >>> round(find_smallest_difference(compare_outcomes({42: first}, {42: second})), 2)
    0.12
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

from robench.results.intervals import FEWEST_SEEDS, Components, half_width_square, normal_quantile, parts_of_mean
from robench.results.significance import Difference

POWER = 0.8
"""The chance with which a difference is to be found."""
MOST_SEEDS = 50
"""Seeds beyond which no plan goes."""


@dataclass(frozen=True)
class Plan:
    """What finds a difference.

    Attributes:
        samples: samples that find it with the present seeds; None if the split has too few.
        seeds: seeds that find it with the present samples; None if :data:`MOST_SEEDS` do not, or one seed is there.
        fewest: pair of seeds and samples with the smallest product; None if no seeds and samples of the split do.
        split: samples of the split.
        reach: the smallest difference found with the whole split, and the present seeds if there is one, else
            :data:`MOST_SEEDS`.
    """

    samples: int | None
    seeds: int | None
    fewest: tuple[int, int] | None
    split: int
    reach: float | None


def find_smallest_difference(found: Difference) -> float | None:
    """Return the smallest difference that the test of such a comparison finds with the chance :data:`POWER`.

    Args:
        found: a comparison, whose samples, seeds and spread are taken.

    Returns:
        A share, 1 at most; None with two seeds, which give no test, and with so few samples that none is found.
    """
    if len(found.seeds) == 1:
        return _smallest(_paired(found, found.n))
    if found.parts is None:
        return None
    return _smallest(_crossed(found, len(found.seeds), found.n))


def plan(found: Difference, difference: float, split: int) -> Plan | None:
    """Return how many samples and seeds find a difference with the chance :data:`POWER`.

    Args:
        found: a comparison of the two rows, whose spread is taken.
        difference: to find, above 0.
        split: samples of the split.

    Returns:
        None with two seeds.

    Raises:
        ValueError: the difference is not above 0.
    """
    if not difference > 0:
        raise ValueError(f"a difference to find is above 0, not {difference}")
    split = max(split, found.n)
    if len(found.seeds) == 1:
        samples = _first(lambda n: _paired(found, n)(difference) >= POWER, 1, split)
        reach = _smallest(_paired(found, split))
        return Plan(samples, None, (1, samples) if samples else None, split, reach)
    if found.parts is None:
        return None

    def is_enough(seeds: int, n: int) -> bool:
        return _crossed(found, seeds, n)(difference) >= POWER

    def samples_of(seeds: int) -> int | None:
        return _first(lambda n: is_enough(seeds, n), 2, split)

    by_seeds = {seeds: n for seeds in range(FEWEST_SEEDS, MOST_SEEDS + 1) if (n := samples_of(seeds))}
    best = min(by_seeds.items(), key=lambda pair: (pair[0] * pair[1], pair[0]), default=None)
    seeds = _first(lambda s: is_enough(s, found.n), FEWEST_SEEDS, MOST_SEEDS)
    reach = _smallest(_crossed(found, MOST_SEEDS, split))
    return Plan(samples_of(len(found.seeds)), seeds, best, split, reach)


def power_of_pairs(difference: float, discordant: float, n: int, level: float) -> float:
    """Return the power of McNemar's exact test.

    Args:
        difference: of the two shares.
        discordant: share of the pairs that differ; the difference at least.
        n: number of pairs.
        level: of the test.
    """
    discordant = min(max(discordant, difference), 1.0)
    ahead = (1 + difference / discordant) / 2 if discordant else 0.5
    middle, spread = n * discordant, math.sqrt(n * discordant * (1 - discordant))
    if not spread:
        return _power_of_coins(round(middle), ahead, level)
    low, high = max(math.floor(middle - 4 * spread), 0), min(math.ceil(middle + 4 * spread), n)
    counts = range(low, high + 1, max((high - low) // _POINTS, 1))
    weights = [_binomial(count, n, discordant) for count in counts]
    found = sum(w * _power_of_coins(count, ahead, level) for w, count in zip(weights, counts, strict=True))
    return found / sum(weights)


def power_of_mean(difference: float, variance: float, n: int, level: float) -> float:
    """Return the power of the test of a mean difference over its standard error.

    Args:
        difference: of the two means.
        variance: of the differences of pairs.
        n: number of pairs.
        level: of the test.
    """
    if not variance > 0:
        return float(difference > 0)
    shift, edge = difference / math.sqrt(variance / n), normal_quantile(level)
    return NormalDist().cdf(shift - edge) + NormalDist().cdf(-shift - edge)


def crossed_power(difference: float, of_seeds: float, of_samples: float, seeds: int, level: float) -> float:
    """Return the power of the crossed test.

    Args:
        difference: of the two means.
        of_seeds: the seeds' part of the variance of the mean difference.
        of_samples: the samples' part.
        seeds: number of seeds.
        level: of the test.
    """
    import numpy as np
    from scipy.special import chdtri, ndtr

    chances = (np.arange(_CHI_POINTS) + 0.5) / _CHI_POINTS
    estimated = of_seeds * chdtri(seeds - 1, chances) / (seeds - 1)
    # Components whose parts of the mean are exactly these: no noise, one sample's share.
    parts = Components(0.0, estimated * seeds, of_samples, 0.0)
    half, error = np.sqrt(half_width_square(parts, seeds, 1, level)), math.sqrt(of_seeds + of_samples)
    if error == 0:
        return float(difference > 0)
    return float(np.mean(ndtr((difference - half) / error) + ndtr((-difference - half) / error)))


_POINTS = 24
"""Numbers of discordant pairs that stand for their distribution."""
_CHI_POINTS = 200
"""Estimates of the seeds' variance that stand for their distribution."""
_STEPS = 12
"""Halvings of the range in which a smallest difference lies."""


@lru_cache(maxsize=20_000)
def _critical(n: int, level: float) -> int:
    """Return the largest smaller count of n discordant pairs with which they differ at a level; -1 if none does."""
    alpha = round(1 - level, 12)
    middle = n / 2 - normal_quantile(level) * math.sqrt(n) / 2
    count = max(min(math.floor(middle) + 2, n // 2), 0)
    while count >= 0 and round(2 * _binomial_tail(count, n, 0.5), 12) > alpha:
        count -= 1
    return count


@lru_cache(maxsize=20_000)
def _power_of_coins(n: int, ahead: float, level: float) -> float:
    """Return the chance that n discordant pairs, each in favour with a given chance, are found to differ."""
    edge = _critical(n, level)
    if edge < 0:
        return 0.0
    return _binomial_tail(edge, n, 1 - ahead) + (_binomial_tail(edge, n, ahead) if edge < n - edge else 0.0)


def _binomial_tail(edge: int, n: int, chance: float) -> float:
    """Return the chance of at most some successes in n, without SciPy, which takes longer to import than a table."""
    if chance <= 0:
        return 1.0
    if chance >= 1:
        return float(edge >= n)
    odds = (1 - chance) / chance
    start = min(edge, int((n + 1) * chance))  # of the largest term: one that underflows there is all there is
    largest = term = total = _binomial(start, n, chance)
    for k in range(start, 0, -1):
        term *= odds * k / (n - k + 1)
        total += term
        if term < _NEGLIGIBLE * total:
            break
    term = largest
    for k in range(start, edge):
        term *= (n - k) / (k + 1) / odds
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return min(total, 1.0)


_NEGLIGIBLE = 1e-18
"""Share of a sum below which terms, which fall ever faster, no longer change it."""


def _binomial(count: int, n: int, chance: float) -> float:
    """Return the chance, above 0 and below 1, of so many successes in n."""
    ways = math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
    return math.exp(ways + count * math.log(chance) + (n - count) * math.log1p(-chance))


def _variances(found: Difference) -> tuple[float, float, float]:
    """Return the components of seeds, samples and noise of single differences.

    The variance of the seeds' means has a share of the noise in it, ``noise / n``. Where it comes out below that, seeds
    agree by chance, and would not with other seeds: they count as without effect, and as noisy as their samples. The
    interval at hand may be much narrower. Without this, the smallest difference of one simulated study in ten comes out
    three times too small.
    """
    parts = found.parts
    assert parts is not None  # the caller has seen to it
    noise = float(parts.noise)
    of_seeds, of_samples = float(parts.seeds) - noise / found.n, float(parts.samples) - noise / len(found.seeds)
    return max(of_seeds, 0.0), max(of_samples, 0.0), noise


def _paired(found: Difference, n: int) -> Callable[[float], float]:
    """Return the power of the test of one seed's n pairs, as a function of the difference."""
    if found.size == 1:
        return lambda difference: power_of_pairs(difference, found.square, n, found.level)

    def chance(difference: float) -> float:
        variance = max(found.square - found.value**2, found.size * difference - difference**2)
        return power_of_mean(difference, variance, n, found.level)

    return chance


def _crossed(found: Difference, seeds: int, n: int) -> Callable[[float], float]:
    """Return the power of the crossed test as a function of the difference."""
    of_seeds, of_samples, noise = _variances(found)

    def chance(difference: float) -> float:
        # What a difference adds to the scatter of pairs that are alike, it adds for each seed.
        missing = found.size * difference - difference**2 - (of_seeds + of_samples + noise)
        of_both = of_samples + max(missing, 0.0)
        parts: Any = Components(0.0, of_seeds + noise / n, of_both + noise / seeds, noise)
        first, second = parts_of_mean(parts, seeds, n)
        return crossed_power(difference, float(first), float(second), seeds, found.level)

    return chance


def _smallest(chance: Callable[[float], float]) -> float | None:
    """Return the smallest difference that is found with the chance :data:`POWER`; None if none is."""
    if chance(1.0) < POWER:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= POWER else (middle, high)
    return high


def _first(is_enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the smallest number that is enough, if more are enough, too; None if the largest is not."""
    return low + bisect_left(range(low, high), True, key=is_enough) if is_enough(high) else None
