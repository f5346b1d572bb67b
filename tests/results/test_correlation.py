"""Rank correlations: the library's number, an interval that covers as it says, and p as of all pairings."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from robench.results.correlation import PAIRINGS, correlate, find_bounds


@pytest.mark.parametrize("n", [5, 9, 14])
def test_the_correlation_is_spearmans_with_ties_and_infinity(n: int) -> None:
    generator = np.random.default_rng(n)
    first, second = generator.integers(0, 6, n).astype(float), generator.normal(size=n)
    first[0] = math.inf
    found = correlate(list(first), list(second))
    assert found is not None and found.n == n
    assert found.value == pytest.approx(stats.spearmanr(first, second).statistic)
    turned = correlate(list(first), list(-second))
    assert turned is not None and turned.value == pytest.approx(-found.value) and turned.p == pytest.approx(found.p)


def test_p_of_few_models_is_the_share_of_all_orders() -> None:
    first, second = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 1.0, 3.0, 6.0, 4.0, 5.0]
    found = correlate(first, second)
    assert found is not None
    chances = [abs(stats.spearmanr(first, order).statistic) for order in permutations(second)]
    assert found.p == sum(one >= found.value - 1e-9 for one in chances) / len(chances)


def test_p_of_many_models_is_near_the_exact_one_and_never_zero() -> None:
    perfect = correlate(list(range(12)), list(range(12)))
    assert perfect is not None and (perfect.low, perfect.high) == (None, None)
    assert perfect.p == 1 / (PAIRINGS + 1)
    order = [2.0, 0.0, 4.0, 1.0, 7.0, 3.0, 5.0, 6.0]
    found = correlate(list(range(8)), order)
    assert found is not None
    orders = np.array(list(permutations(order)))
    exact = np.mean(np.abs((orders - 3.5) @ (np.arange(8) - 3.5)) / 42 >= found.value - 1e-9)
    assert found.p == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("numbers", [[1.0, 2.0, 3.0, 4.0], [3.0] * 8])
def test_few_models_and_models_alike_have_no_correlation(numbers: list[float]) -> None:
    assert correlate(numbers, list(range(len(numbers)))) is None
    assert correlate(list(range(len(numbers))), numbers) is None


def test_the_interval_worked_out_by_hand() -> None:
    """-0.9 of 12: atanh is -1.4722, its standard error sqrt((1 + 0.81 / 2) / 9) = 0.39511, times 1.95996 0.77440."""
    assert find_bounds(-0.9, 12) == pytest.approx((-0.9779, -0.6030), abs=1e-4)


@pytest.mark.parametrize(("true", "n"), [(0.0, 8), (0.5, 10), (0.9, 12), (0.9, 30)])
def test_the_interval_covers_as_often_as_it_says(true: float, n: int) -> None:
    generator, studies = np.random.default_rng(1), 2000
    rank = 6 / math.pi * math.asin(true / 2)  # Spearman's of a bivariate normal with that correlation
    first, noise = generator.standard_normal((2, studies, n))
    second = true * first + math.sqrt(1 - true**2) * noise
    ranks, others = (stats.rankdata(one, axis=1) - (n + 1) / 2 for one in (first, second))
    values = (ranks * others).sum(1) / (ranks**2).sum(1)
    covered = 0
    for value in values:
        low, high = find_bounds(float(value), n)
        covered += low is None or high is None or low <= rank <= high
    assert 0.93 < covered / studies < 0.985
