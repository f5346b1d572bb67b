"""Mean and standard deviation over seeds; means are exact fractions until they are printed or drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from robench.errors import RobenchError
from robench.results.cells import Result, group, keep_shared_models


@dataclass(frozen=True)
class SeedMean:
    """A mean over seeds.

    Attributes:
        mean: the mean, in the unit of the numbers.
        sd: sample standard deviation (n - 1 in the denominator); None with one seed.
        seeds: the seeds, in ascending order.
        by_seed: the mean of each seed, in the same order.
    """

    mean: Fraction
    sd: float | None
    seeds: tuple[int, ...]
    by_seed: tuple[Fraction, ...]

    @property
    def percent(self) -> float:
        """Return the mean of shares in percent."""
        return float(100 * self.mean)

    @property
    def percent_sd(self) -> float:
        """Return the standard deviation of shares in percent; 0 with one seed."""
        return 100 * (self.sd or 0.0)


def average_over_seeds(values: Iterable[tuple[int, Fraction]]) -> SeedMean:
    """Return mean and standard deviation over seeds.

    Args:
        values: at least one pair of a seed and a number. Several numbers of one seed, of several models for example,
            are averaged first.
    """
    by_seed: dict[int, list[Fraction]] = {}
    for seed, value in values:
        by_seed.setdefault(seed, []).append(value)
    means = [_mean(numbers) for _, numbers in sorted(by_seed.items())]
    mean = _mean(means)
    squares = sum((value - mean) ** 2 for value in means)
    sd = math.sqrt(squares / (len(means) - 1)) if len(means) > 1 else None
    return SeedMean(mean, sd, tuple(sorted(by_seed)), tuple(means))


def average_clean_accuracy(results: Sequence[Result]) -> SeedMean:
    """Return the clean accuracy of the models that all seeds of a defense have; each model counts once."""
    models = {result.info.model: result for result in keep_shared_models(results)}
    return average_over_seeds((result.seed, result.clean_accuracy) for result in models.values())


def average_accuracy_under_attack(results: Sequence[Result]) -> SeedMean:
    """Return the accuracy under attack of some cells; those in which every sample ended in an error are left out.

    Raises:
        RobenchError: no cell is left.
    """
    found = [(result.seed, result.accuracy_under_attack) for result in results]
    known = [(seed, accuracy) for seed, accuracy in found if accuracy is not None]
    if not known:
        raise RobenchError(
            f"every sample of {results[0].info.label} ended in an error, so there is no accuracy under attack; the"
            " records tell the reasons."
        )
    return average_over_seeds(known)


def describe_errors(results: Sequence[Result]) -> str:
    """Return a sentence, with a space before it, on samples that ended in an error; empty if there are none."""
    errors = sum(result.outcome.errors for result in results)
    samples = sum(result.attacked_n for result in results)
    verb = "is" if errors == 1 else "are"
    return f" {errors:,} of the {samples:,} attacks ended in an error and {verb} left out." if errors else ""


def describe_seeds(results: Sequence[Result], lead: str = "Mean and standard deviation") -> str:
    """Return a sentence that names the seeds of a figure, and so what its whiskers are.

    Args:
        results: those in the figure.
        lead: what is shown of several seeds.
    """
    models = group(results, lambda r: r.row + r.column).values()
    return describe_means(([r.seed for r in found] for found in models), lead)


def describe_means(models: Iterable[Iterable[int]], lead: str = "Means") -> str:
    """Return a sentence that names the seeds of a figure.

    Args:
        models: the seeds of each model.
        lead: what is shown of several seeds.
    """
    seeds = {frozenset(found) for found in models}
    every = sorted(frozenset().union(*seeds))
    if len(every) == 1:
        return f"One run, seed {every[0]}."
    where = "over the seeds" if len(seeds) == 1 else "over each model's seeds, of"
    return f"{lead} {where} {', '.join(map(str, every))}."


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)
