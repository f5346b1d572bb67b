"""Mean and standard deviation over seeds, exact as fractions until something is printed or drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from robench.results.cells import Result


@dataclass(frozen=True)
class SeedMean:
    """A mean over seeds.

    Attributes:
        mean: mean over seeds, in the unit of the numbers.
        sd: sample standard deviation over seeds (n - 1 in the denominator); None with one seed.
        seeds: the seeds, in ascending order.
    """

    mean: Fraction
    sd: float | None
    seeds: tuple[int, ...]

    @property
    def percent(self) -> float:
        """The mean of shares, in percent."""
        return float(100 * self.mean)

    @property
    def percent_sd(self) -> float:
        """The standard deviation of shares, in percent; 0 with one seed."""
        return 100 * (self.sd or 0.0)


def over_seeds(values: Iterable[tuple[int, Fraction]]) -> SeedMean:
    """Return mean and standard deviation over seeds.

    Args:
        values: pairs of a seed and a number, at least one. Several numbers of one seed, as of several models, are
            averaged first.
    """
    by_seed: dict[int, list[Fraction]] = {}
    for seed, value in values:
        by_seed.setdefault(seed, []).append(value)
    means = [_mean(numbers) for numbers in by_seed.values()]
    mean = _mean(means)
    squares = sum((value - mean) ** 2 for value in means)
    sd = math.sqrt(squares / (len(means) - 1)) if len(means) > 1 else None
    return SeedMean(mean, sd, tuple(sorted(by_seed)))


def clean_mean(results: Sequence[Result]) -> SeedMean:
    """Return the clean accuracy of the models of some cells; a model of several cells counts once."""
    models = {result.info.model: result for result in results}
    return over_seeds((result.seed, result.clean_accuracy) for result in models.values())


def attacked_mean(results: Sequence[Result]) -> SeedMean:
    """Return the accuracy under attack of some cells."""
    return over_seeds((result.seed, result.accuracy_under_attack) for result in results)


def seeds_text(results: Sequence[Result]) -> str:
    """Return a sentence that names the seeds of a figure and explains its whiskers."""
    seeds = sorted({result.seed for result in results})
    if len(seeds) == 1:
        return f"One run, seed {seeds[0]}."
    return f"Mean and standard deviation over the seeds {', '.join(map(str, seeds))}."


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)
