"""The test of a mean difference over crossed seeds and samples, as the level at which its interval begins to hold 0."""

from __future__ import annotations

import math
from typing import Any

from robench.results.intervals import Components, parts_of_mean, square_quantiles


def crossed_p(parts: Components, seeds: int, n: int) -> float:
    """Return the two-sided p of a mean difference over crossed seeds and samples.

    Args:
        parts: mean and variances of the differences.
        seeds: number of seeds, three or more.
        n: number of samples, two or more.

    Returns:
        1 less the level at which the interval begins to hold 0.
    """
    square = float(parts.mean) ** 2
    low, high = _SMALLEST, 0.0
    for _ in range(_HALVINGS):  # the width falls as p rises
        middle = (low + high) / 2
        low, high = (middle, high) if crossed_square(parts, seeds, n, math.exp(middle)) > square else (low, middle)
    return math.exp(high)


_SMALLEST = -30.0
"""Logarithm of the smallest p that is told apart from smaller ones."""
_HALVINGS = 50
"""Halvings of the range in which the logarithm of p lies."""


def crossed_square(parts: Components, seeds: int, n: int, alpha: float) -> Any:
    """Return the squared half width of the interval of a mean difference over crossed seeds and samples.

    It is at least that of as many independent outcomes: seeds can agree by chance.

    Args:
        parts: mean and variances of the differences; numbers, or arrays.
        seeds: number of seeds, three or more.
        n: number of samples, two or more.
        alpha: share of such intervals that may miss the true difference.
    """
    import numpy as np

    total = seeds * n * parts.mean**2 + n * (seeds - 1) * parts.seeds
    total = total + seeds * (n - 1) * parts.samples + (seeds - 1) * (n - 1) * parts.noise
    least = least_variance(parts.mean, total, seeds * n)
    of_seeds, of_samples = parts_of_mean(parts, seeds, n)
    t_square, z_square = square_quantiles(seeds, alpha)
    return np.maximum(t_square * of_seeds + z_square * of_samples, z_square * least)


def least_variance(mean: Any, total: Any, outcomes: int) -> Any:
    """Return the variance of the mean of independent differences, with one of either sign added.

    Args:
        mean: of the differences; a number, or an array.
        total: the sum of their squares.
        outcomes: their number.

    Source: Bonett and Price, Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data, Journal of Educational and Behavioral Statistics 37 (2012).
    """
    return (total + 2 - (outcomes * mean) ** 2 / (outcomes + 2)) / (outcomes + 2) ** 2
