"""Mean and standard deviation over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import fmean, stdev

from robench.results.cells import Result


@dataclass(frozen=True)
class Point:
    """An accuracy in percent.

    Attributes:
        mean: mean over seeds.
        sd: sample standard deviation over seeds (n - 1 in the denominator); 0 with one seed.
        seeds: the seeds, in ascending order.
    """

    mean: float
    sd: float
    seeds: tuple[int, ...]


def over_seeds(values: Iterable[tuple[int, Fraction]]) -> Point:
    """Return mean and standard deviation over seeds; several values of one seed are averaged first."""
    by_seed: dict[int, list[float]] = {}
    for seed, value in values:
        by_seed.setdefault(seed, []).append(float(100 * value))
    means = [fmean(found) for found in by_seed.values()]
    return Point(fmean(means), stdev(means) if len(means) > 1 else 0.0, tuple(sorted(by_seed)))


def clean_point(results: Sequence[Result]) -> Point:
    """Return the clean accuracy of the models of some cells; a model of several cells counts once."""
    models = {result.info.model: result for result in results}
    return over_seeds((result.seed, result.clean_accuracy) for result in models.values())


def attacked_point(results: Sequence[Result]) -> Point:
    """Return the accuracy under attack of some cells."""
    return over_seeds((result.seed, result.accuracy_under_attack) for result in results)


def seeds_text(results: Sequence[Result]) -> str:
    """Return a sentence that names the seeds of a figure and explains its whiskers."""
    seeds = sorted({result.seed for result in results})
    if len(seeds) == 1:
        return f"One run, seed {seeds[0]}."
    return f"Mean and standard deviation over the seeds {', '.join(map(str, seeds))}."
