"""Intervals of accuracies: how far a number may be from what other samples, and other seeds, would give.

How it works: outcomes are a table of S seeds (rows) by n samples (columns), the same samples for all seeds; an outcome
is 1 if the model is right, 0 if it is wrong, anything between if it is an average over models, and None if it is not
known because code failed.

* One seed: Wilson's interval over the samples. It says nothing about other seeds.
* Two seeds: no interval, since two values say too little about the spread of a third.
* Three seeds or more: seeds and samples are crossed random effects. The variance of the seeds' means, over S, is the
  seeds' part (it has the noise of single outcomes in it); the variance of the samples' means, less that noise, over n,
  is the samples' part. The squared half width is ``t(S - 1)**2`` times the seeds' part plus ``z**2`` times the samples'
  part. The width is then given Wilson's form: the interval of a sample that is as large as gives this width. Without
  that, intervals near 0 and 100 % cover too little, as simulations show: ``docs/uncertainty.md``.
* Outcomes that are all alike have no spread: the interval is Wilson's over the n samples, and says so.

Samples without a known outcome of every seed take no part in the variances; each seed's mean is over its known ones.
NumPy and SciPy are imported only for three seeds or more.

Example:
    >>> from robench.results.intervals import estimate_interval, wilson
    >>> [round(bound, 3) for bound in wilson(61, 100)]
    [0.512, 0.7]
    >>> one = estimate_interval({42: [True] * 61 + [False] * 39})
    >>> round(one.low, 3), round(one.high, 3), one.label
    (0.512, 0.7, 'of the samples; seeds not covered')
    >>> estimate_interval({1: [1, 1, 0, 1], 2: [1, 0, 0, 1]}) is None
    True
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from robench.errors import RobenchError
from robench.results.samples import Outcomes, check_outcomes, complete

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95
"""The usual level of intervals and tests."""
FEWEST_SEEDS = 3
"""Seeds from which on their spread can be told."""


@dataclass(frozen=True)
class Interval:
    """An interval of a share.

    Attributes:
        low: lower bound, 0 to 1.
        high: upper bound, 0 to 1.
        level: share of such intervals that hold the true value.
        seeds: number of seeds.
        n: samples with a known outcome of every seed.
        covers_seeds: whether it holds for other seeds, too; else it is about these trained models.
        all_alike: whether all outcomes are the same, so that it cannot tell how seeds differ.
    """

    low: float
    high: float
    level: float
    seeds: int
    n: int
    covers_seeds: bool = False
    all_alike: bool = False

    @property
    def label(self) -> str:
        """Return what the interval is about."""
        if self.covers_seeds:
            return "over seeds and samples"
        alike = "all outcomes alike, so " if self.all_alike and self.seeds > 1 else ""
        return f"of the samples; {alike}seeds not covered"


class Components(NamedTuple):
    """Mean and variances of crossed outcomes; numbers, or arrays if there are several tables of outcomes.

    Attributes:
        mean: over seeds and samples.
        seeds: variance of the seeds' means (S - 1 in the denominator): the seeds' component and 1/n of the noise.
        samples: variance of the samples' means (n - 1): the samples' component and 1/S of the noise.
        noise: variance that neither explains, the interaction of seeds and samples; 0 or more.
    """

    mean: Any
    seeds: Any
    samples: Any
    noise: Any


def wilson(right: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's score interval of a share.

    Args:
        right: successes, from 0 to n.
        n: samples, above 0; neither need be whole.
        level: of the interval, between 0 and 1.

    Returns:
        Lower and upper bound; exactly 0 for no success, and 1 for nothing but successes.

    Raises:
        ValueError: there are no samples, or more successes than samples, or the level is not between 0 and 1.

    Example:
        >>> [round(bound, 3) for bound in wilson(0, 10)]
        [0.0, 0.278]
    """
    if not n > 0 or not 0 <= right <= n:
        raise ValueError(f"{right} successes of {n} samples are no share")
    share, square = right / n, normal_quantile(level) ** 2
    middle = share + square / (2 * n)
    half = math.sqrt(square * (share * (1 - share) / n + square / (4 * n * n)))
    low, high = (middle - half) / (1 + square / n), (middle + half) / (1 + square / n)
    return (max(low, 0.0) if right > 0 else 0.0), (min(high, 1.0) if right < n else 1.0)


def estimate_interval(outcomes: Outcomes, level: float = LEVEL) -> Interval | None:
    """Return the interval of an accuracy.

    Args:
        outcomes: of one row and column of a table, by seed.
        level: of the interval, between 0 and 1.

    Returns:
        None with two seeds, without known outcomes, or if seeds share fewer than two samples.

    Raises:
        ValueError: the seeds have different numbers of samples, an outcome is not from 0 to 1, or the level is not
            between 0 and 1.

    Example:
        >>> seeds = {1: [1, 1, 0, 1, 1, 0], 2: [1, 1, 0, 1, 0, 0], 3: [1, 1, 1, 1, 0, 0]}
        >>> found = estimate_interval(seeds)
        >>> round(found.low, 2), round(found.high, 2), found.label
        (0.26, 0.88, 'over seeds and samples')
    """
    rows = [row for row in check_outcomes(outcomes) if any(one is not None for one in row)]
    if not rows or 1 < len(rows) < FEWEST_SEEDS:
        return None
    known = [[one for one in row if one is not None] for row in rows]
    means = [fmean(row) for row in known]
    if len(known) == 1:
        (row,) = known
        return Interval(*_interval_of_samples(row, level), level, 1, len(row), all_alike=len(set(row)) == 1)
    matrix, _ = complete(rows)
    n = len(matrix[0])
    if n and len(set().union(*matrix)) == 1:
        return Interval(*wilson(fmean(means) * n, n, level), level, len(means), n, all_alike=True)
    if n < 2:
        return None
    square = float(half_width_square(decompose(matrix), len(means), n, level))
    low, high = with_wilson_form(fmean(means), square, len(means), n, level)
    return Interval(float(low), float(high), level, len(means), n, covers_seeds=True)


def decompose(values: Sequence[Sequence[float]] | NDArray[Any]) -> Components:
    """Return mean and variances of outcomes, or of differences of outcomes.

    Args:
        values: (..., S, n): S seeds and n samples, two or more each; what stands before them are separate tables.

    Example:
        >>> parts = decompose([[1, 0], [0, 0]])
        >>> float(parts.mean), float(parts.seeds), float(parts.samples), float(parts.noise)
        (0.25, 0.125, 0.125, 0.25)
    """
    import numpy as np

    x = np.asarray(values, dtype=float)
    s, n = x.shape[-2:]
    by_seed, by_sample = x.mean(axis=-1), x.mean(axis=-2)
    mean = by_seed.mean(axis=-1)
    residue = x - by_seed[..., :, None] - by_sample[..., None, :] + mean[..., None, None]
    noise = (residue * residue).sum(axis=(-2, -1)) / ((s - 1) * (n - 1))
    return Components(mean, by_seed.var(axis=-1, ddof=1), by_sample.var(axis=-1, ddof=1), noise)


def half_width_square(parts: Components, seeds: int, n: int, level: float = LEVEL) -> Any:
    """Return the squared half width of the interval of a mean over seeds and samples; likewise for arrays.

    Args:
        parts: mean and variances.
        seeds: number of seeds.
        n: number of samples.
        level: of the interval.
    """
    of_seeds, of_samples = parts_of_mean(parts, seeds, n)
    t_square, z_square = square_quantiles(seeds, 1 - level)
    return t_square * of_seeds + z_square * of_samples


def square_quantiles(seeds: int, alpha: float) -> tuple[float, float]:
    """Return the squares of t with S - 1 degrees of freedom and of z that are exceeded with a chance, on both sides.

    Args:
        seeds: number of seeds, two or more.
        alpha: the chance, above 0; at most 1.
    """
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, alpha / 2)) ** 2, NormalDist().inv_cdf(alpha / 2) ** 2


def parts_of_mean(parts: Components, seeds: int, n: int) -> tuple[Any, Any]:
    """Return the seeds' and the samples' part of the variance of the mean.

    The noise of single outcomes is in the seeds' part alone, which has the larger quantile: put into the samples' part
    instead, the test of two equal defenses rejects up to 7 % of the time with three seeds.
    """
    import numpy as np

    return parts.seeds / seeds, np.maximum(parts.samples / n - parts.noise / (seeds * n), 0)


def with_wilson_form(mean: Any, square: Any, seeds: int, n: int, level: float = LEVEL) -> tuple[Any, Any]:
    """Return Wilson's interval of a sample so large that its normal interval would have the given half width.

    Its greatest size is that of S times n outcomes half of whose variance is of their n samples. Near 0 and 100 % most
    studies see too few wrong outcomes to show that all seeds have the same samples wrong.

    Args:
        mean: shares, above 0 and below 1; with 0 and 1 the sample has its greatest size.
        square: squared half widths.
        seeds: number of seeds.
        n: number of samples.
        level: of the interval.
    """
    import numpy as np

    most = 2 * seeds / (seeds + 1) * n
    z2, p = normal_quantile(level) ** 2, np.asarray(mean, dtype=float)
    spread = p * (1 - p) * z2
    size = np.where(spread > most * np.asarray(square), most, spread / np.maximum(square, 1e-300))
    size = np.where(spread > 0, size, most)
    middle, half = p + z2 / (2 * size), np.sqrt(z2 * (p * (1 - p) / size + z2 / (4 * size * size)))
    return np.maximum((middle - half) / (1 + z2 / size), 0), np.minimum((middle + half) / (1 + z2 / size), 1)


def normal_quantile(level: float) -> float:
    """Return z, beyond which a standard normal number lies, on either side, with a chance of 1 less the level.

    Raises:
        ValueError: the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"a level is between 0 and 1, such as 0.95, not {level}")
    return NormalDist().inv_cdf((1 + level) / 2)


def check_level(level: float) -> float:
    """Return a level.

    Raises:
        RobenchError: it is not between 0.5 and 1.
    """
    if not 0.5 <= level < 1:
        hint = f"; for {level:g} %, write {level / 100:g}" if 50 <= level < 100 else ""
        raise RobenchError(f"a level of intervals and tests is from 0.5 to below 1, such as 0.95, not {level:g}{hint}.")
    return level


def _interval_of_samples(row: Sequence[float], level: float) -> tuple[float, float]:
    """Return Wilson's interval of the mean of outcomes; of averages, that of outcomes with their variance."""
    mean, n = fmean(row), float(len(row))
    if not {0.0, 1.0}.issuperset(row) and len(set(row)) > 1:
        n = mean * (1 - mean) / (fmean((one - mean) ** 2 for one in row) / (n - 1))
    return wilson(mean * n, n, level)
