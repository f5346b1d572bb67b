"""What is measured on simulated studies, with the functions that tables and `robench compare` use."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, t

from robench.results.crossed_test import crossed_square
from robench.results.intervals import (
    LEVEL,
    Components,
    decompose,
    half_width_square,
    normal_quantile,
    parts_of_mean,
    wilson,
    with_wilson_form,
)
from robench.results.significance import mcnemar
from uncertainty.studies import Array, Design


class Coverage(NamedTuple):
    """Shares of intervals that hold the true accuracy, and their mean width in points.

    Attributes:
        used: the interval of tables.
        plain: the mean and its half width, without Wilson's form.
        width: of the interval of tables.
    """

    used: float
    plain: float
    width: float


class OneSeed(NamedTuple):
    """Shares of Wilson's intervals of one seed that hold the accuracy of that model, and that of a new seed."""

    same: float
    new: float


class Tests(NamedTuple):
    """Shares of wrong claims among equal defenses.

    Attributes:
        pairs: pairs of two defenses that the crossed test tells apart.
        families: families of one defense against all others with a claim, by Holm's method.
        one_seed: pairs of the models of one seed that McNemar's test tells apart.
        one_seed_tables: families of the latter with a pair that it tells apart.
    """

    pairs: float
    families: float
    one_seed: float
    one_seed_tables: float


def measure_coverage(design: Design, studies: int, seed: int) -> Coverage:
    """Return how often intervals over seeds and samples hold the accuracy of the first model."""
    truth, used, plain, width = design.truth[0], [], [], []
    for outcomes, _ in design.draw(studies, np.random.default_rng(seed)):
        parts = decompose(outcomes[:, 0])
        square = half_width_square(parts, design.seeds, design.samples)
        low, high = with_wilson_form(parts.mean, square, design.seeds, design.samples)
        low = np.where(parts.mean == 1, wilson(design.samples, design.samples)[0], low)
        high = np.where(parts.mean == 0, wilson(0, design.samples)[1], high)
        used.append((low <= truth) & (truth <= high))
        plain.append((parts.mean - truth) ** 2 <= square)
        width.append(high - low)
    shares = [float(np.concatenate(found).mean()) for found in (used, plain, width)]
    return Coverage(shares[0], shares[1], 100 * shares[2])


def measure_difference(design: Design, studies: int, seed: int) -> float:
    """Return how often the interval of the difference of the first two models holds it."""
    truth, held = design.truth[0] - design.truth[1], []
    for outcomes, _ in design.draw(studies, np.random.default_rng(seed)):
        parts = decompose(outcomes[:, 0] - outcomes[:, 1])
        held.append((parts.mean - truth) ** 2 <= crossed_square(parts, design.seeds, design.samples, 1 - LEVEL))
    return float(np.concatenate(held).mean())


def measure_one_seed(design: Design, studies: int, seed: int) -> OneSeed:
    """Return how often Wilson's interval of the first seed holds its model's accuracy, and that of the second seed."""
    bounds = np.array([wilson(right, design.samples) for right in range(design.samples + 1)])
    same: list[Array] = []
    new: list[Array] = []
    for outcomes, trained in design.draw(studies, np.random.default_rng(seed)):
        low, high = bounds[outcomes[:, 0, 0].sum(axis=-1).astype(int)].T
        for found, place in ((same, 0), (new, 1)):
            accuracy = trained[:, 0, place]
            found.append((low <= accuracy) & (accuracy <= high))
    return OneSeed(*(float(np.concatenate(found).mean()) for found in (same, new)))


def measure_tests(design: Design, studies: int, seed: int) -> Tests:
    """Return how often tests tell equal defenses apart; the first is compared with all others."""
    others = len(design.accuracies) - 1
    alpha = 1 - LEVEL
    p_of = np.vectorize(lambda gained, lost: mcnemar(int(gained), int(lost)), otypes=[float])
    pairs, families, one_seed = [], [], []
    for outcomes, _ in design.draw(studies, np.random.default_rng(seed)):
        differences = outcomes[:, :1] - outcomes[:, 1:]
        parts = decompose(differences)
        square = partial(crossed_square, parts, design.seeds, design.samples)
        pairs.append(parts.mean**2 > square(alpha))
        # Of a family of equal defenses Holm's method claims one if the smallest p is below alpha over their number.
        families.append((parts.mean**2 > square(alpha / others)).any(axis=1))
        first = differences[:, :, 0]
        one_seed.append(p_of((first > 0).sum(axis=-1), (first < 0).sum(axis=-1)) <= alpha)
    single = np.concatenate(one_seed)
    return Tests(
        float(np.concatenate(pairs).mean()),
        float(np.concatenate(families).mean()),
        float(single.mean()),
        float(single.any(axis=1).mean()),
    )


def measure_pooling(designs: list[Design], studies: int, seed: int) -> tuple[float, float, float]:
    """Return what pooling of the seeds' variance over rows does, if Bartlett's test does not tell them apart at 5 %.

    Each design is a row of the same table, with samples of its own.

    Returns:
        The lowest share of a row's intervals that hold its accuracy, without pooling and with it, and the ratio of the
        widths.
    """
    generators = [np.random.default_rng([seed, row]) for row in range(len(designs))]
    apart: list[Array] = []
    pooled: list[Array] = []
    ratio: list[float] = []
    for chunks in zip(*(d.draw(studies, g) for d, g in zip(designs, generators, strict=True)), strict=True):
        parts = decompose(np.stack([outcomes[:, 0] for outcomes, _ in chunks], axis=1))
        seeds, n = designs[0].seeds, designs[0].samples
        square = half_width_square(parts, seeds, n)
        together = np.where(_are_alike(parts.seeds, seeds - 1)[:, None], _pooled_square(parts, seeds, n), square)
        truth = np.array([design.truth[0] for design in designs])
        for found, one in ((apart, square), (pooled, together)):
            low, high = with_wilson_form(parts.mean, one, seeds, n)
            found.append((low <= truth) & (truth <= high))
        ratio.append(float(np.sqrt(together).mean() / np.sqrt(square).mean()))
    lowest = [float(np.concatenate(found).mean(axis=0).min()) for found in (apart, pooled)]
    return lowest[0], lowest[1], float(np.mean(ratio))


def _pooled_square(parts: Components, seeds: int, n: int) -> Array:
    """Return squared half widths with the mean of all rows' seed variances, and its degrees of freedom."""
    rows = parts.seeds.shape[1]
    _, of_samples = parts_of_mean(parts, seeds, n)
    of_seeds = parts.seeds.mean(axis=1, keepdims=True) / seeds
    quantile = t.ppf((1 + LEVEL) / 2, rows * (seeds - 1))
    found: Array = quantile**2 * of_seeds + normal_quantile(LEVEL) ** 2 * of_samples
    return found


def _are_alike(variances: Array, degrees: int) -> Array:
    """Return whether Bartlett's test does not tell the variances of a table's rows apart at 5 %."""
    rows = variances.shape[1]
    variances = np.maximum(variances, 1e-12)
    statistic = degrees * (rows * np.log(variances.mean(axis=1)) - np.log(variances).sum(axis=1))
    statistic /= 1 + (rows / degrees - 1 / (rows * degrees)) / (3 * (rows - 1))
    alike: Array = chi2.sf(statistic, rows - 1) > 1 - LEVEL
    return alike
