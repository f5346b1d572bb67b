"""Power: against exact enumeration and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from robench.results.intervals import decompose, half_width_square
from robench.results.power import (
    MOST_SEEDS,
    Plan,
    crossed_power,
    find_smallest_difference,
    plan,
    power_of_mean,
    power_of_pairs,
)
from robench.results.significance import Difference, compare_outcomes, mcnemar


def one_seed(both: int, gained: int, lost: int, neither: int) -> Difference:
    first = [1] * (both + gained) + [0] * (lost + neither)
    second = [1] * both + [0] * gained + [1] * lost + [0] * neither
    found = compare_outcomes({1: first}, {1: second})
    assert found is not None
    return found


def several_seeds(seeds: int, n: int, effect: float, start: int = 1) -> Difference:
    generator = np.random.default_rng(start)
    samples = generator.standard_normal(n)

    def row() -> dict[int, list[bool]]:
        noise = {s: 0.7 * generator.standard_normal(n) + effect * generator.standard_normal() for s in range(seeds)}
        return {s: [bool(x > 0) for x in samples + one] for s, one in noise.items()}

    found = compare_outcomes(row(), row())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("difference", "discordant", "n"), [(0.1, 0.2, 100), (0.08, 0.08, 100), (0.05, 0.3, 200), (0.2, 0.5, 60)]
)
def test_power_of_pairs_equals_exact_enumeration(difference: float, discordant: float, n: int) -> None:
    ahead, exact = (1 + difference / discordant) / 2, 0.0
    for differing in range(n + 1):
        found = [k for k in range(differing + 1) if mcnemar(k, differing - k) <= 0.05]
        chance = stats.binom.pmf(differing, n, discordant)
        exact += chance * stats.binom.pmf(found, differing, ahead).sum() if found else 0
    assert power_of_pairs(difference, discordant, n, 0.95) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(("of_seeds", "of_samples", "seeds"), [(1e-4, 4e-4, 3), (4e-4, 1e-4, 3), (2e-4, 2e-4, 5)])
def test_crossed_power_equals_simulation(of_seeds: float, of_samples: float, seeds: int) -> None:
    generator, difference, n = np.random.default_rng(2), 0.08, 400
    studies = 2000
    # Normal effects of seeds and samples whose parts of the variance of the mean are these.
    a = np.sqrt(of_seeds * seeds) * generator.standard_normal((studies, seeds, 1))
    b = np.sqrt(of_samples * n) * generator.standard_normal((studies, 1, n))
    parts = decompose(difference + a + b)
    found = (parts.mean**2 > half_width_square(parts, seeds, n)).mean()
    assert crossed_power(difference, of_seeds, of_samples, seeds, 0.95) == pytest.approx(found, abs=0.03)


def test_power_is_the_level_without_a_difference_and_certain_with_a_large_one() -> None:
    assert power_of_pairs(0.0, 0.3, 400, 0.95) < 0.05 and power_of_pairs(0.3, 0.3, 400, 0.95) == 1.0
    assert crossed_power(0.0, 1e-4, 1e-4, 4, 0.95) < 0.06 and crossed_power(0.5, 1e-4, 1e-4, 4, 0.95) == 1.0
    assert crossed_power(0.1, 0.0, 0.0, 3, 0.95) == 1.0


def test_smallest_difference_is_found_with_its_chance_and_shrinks_with_samples() -> None:
    few, many = one_seed(40, 10, 10, 40), one_seed(400, 100, 100, 400)
    found, smaller = find_smallest_difference(few), find_smallest_difference(many)
    assert found is not None and smaller is not None and smaller < found
    assert power_of_pairs(found, 0.2, 100, 0.95) >= 0.8 > power_of_pairs(found - 0.005, 0.2, 100, 0.95)


@pytest.mark.parametrize(("gained", "lost", "n"), [(400, 380, 3000), (4000, 3900, 10_000), (60, 50, 200)])
def test_smallest_difference_of_many_pairs_that_differ_is_that_of_the_normal_approximation(
    gained: int, lost: int, n: int
) -> None:
    found = find_smallest_difference(one_seed(n - gained - lost, gained, lost, 0))
    factor = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert found == pytest.approx(factor * np.sqrt((gained + lost) / n / n), rel=0.06)


def test_plan_for_a_large_difference_among_many_samples_finds_few() -> None:
    found = plan(one_seed(2220, 400, 380, 0), 0.25, 3000)
    assert found is not None and found.samples is not None
    assert power_of_pairs(0.25, 0.26, found.samples, 0.95) >= 0.8 > power_of_pairs(0.25, 0.26, 20, 0.95)
    assert 20 < found.samples < 50 and found.fewest == (1, found.samples)
    assert found.reach == pytest.approx(2.8 * np.sqrt(0.26 / 3000), rel=0.06)


@pytest.mark.parametrize(
    ("ahead", "n"), [(0.5, 10_000), (0.52, 10_000), (0.8125, 10_000), (0.9999, 5000), (1.0, 100), (0.7, 7), (1.0, 5)]
)
def test_power_of_pairs_that_all_differ_equals_the_binomial_distribution(ahead: float, n: int) -> None:
    edge = max((k for k in range(n // 2 + 1) if 2 * stats.binom.cdf(k, n, 0.5) <= 0.05), default=-1)
    exact = stats.binom.cdf(edge, n, ahead) + stats.binom.sf(n - edge - 1, n, ahead)
    assert power_of_pairs(2 * ahead - 1, 1.0, n, 0.95) == pytest.approx(exact if edge >= 0 else 0.0, abs=1e-9)


def test_smallest_difference_of_equal_rows_needs_pairs_that_differ() -> None:
    found = find_smallest_difference(one_seed(50, 0, 0, 50))
    # Six pairs that differ one way are told from none (2 / 2**6 < 0.05): 8 of 100 give as many with 81 %.
    assert found == pytest.approx(0.08, abs=0.006)


@pytest.mark.parametrize("samples", [1, 5])
def test_samples_too_few_for_any_difference_have_no_smallest_one(samples: int) -> None:
    assert find_smallest_difference(one_seed(samples, 0, 0, 0)) is None  # 2 / 2**5 > 0.05
    assert plan(one_seed(samples, 0, 0, 0), 0.5, samples) == Plan(None, None, None, samples, None)


def test_smallest_difference_of_seeds_that_are_all_alike_is_what_other_samples_would_show() -> None:
    rows = {seed: [1] * 500 for seed in range(3)}
    found = compare_outcomes(rows, rows)
    assert found is not None
    assert find_smallest_difference(found) == pytest.approx(find_smallest_difference(one_seed(500, 0, 0, 0)), abs=0.003)
    made = plan(found, 0.03, 500)
    assert made is not None and made.samples is not None and 200 < made.samples < 300


def test_power_of_a_mean_equals_simulation() -> None:
    generator, n, studies = np.random.default_rng(4), 100, 4000
    rows = 0.08 + np.sqrt(0.1) * generator.standard_normal((studies, n))
    found = np.abs(rows.mean(axis=1)) > 1.96 * rows.std(axis=1, ddof=1) / np.sqrt(n)
    assert power_of_mean(0.08, 0.1, n, 0.95) == pytest.approx(found.mean(), abs=0.02)


def test_smallest_difference_of_averages_is_that_of_their_scatter_and_not_of_pairs_that_are_wholly_different() -> None:
    generator, n = np.random.default_rng(4), 500
    base = generator.random(n) < 0.94
    models = np.where(generator.random((4, n)) < 0.04, ~base, base)
    found = compare_outcomes({1: models.mean(axis=0).tolist()}, {1: base.astype(float).tolist()})
    assert found is not None and 0.2 < found.size < 0.5
    scatter = np.var(models.mean(axis=0) - base, ddof=1)
    factor = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert find_smallest_difference(found) == pytest.approx(factor * np.sqrt(scatter / n), rel=0.05)
    made = plan(found, 0.02, 5000)
    assert made is not None and made.samples == pytest.approx((factor / 0.02) ** 2 * scatter, rel=0.1)


def test_smallest_difference_shrinks_with_seeds() -> None:
    few, many = (find_smallest_difference(several_seeds(seeds, 200, 0.1)) for seeds in (3, 20))
    assert few is not None and many is not None and 0 < many < few


def test_smallest_difference_of_seeds_that_agree_by_chance_is_no_smaller_than_what_is_found() -> None:
    generator, seeds, n, studies = np.random.default_rng(3), 3, 300, 400
    samples = generator.standard_normal((studies, 1, n))
    first, second = (samples + 0.7 * generator.standard_normal((studies, seeds, n)) > 0 for _ in range(2))
    parts = decompose(first * 1.0 - second)
    half = np.sqrt(half_width_square(parts, seeds, n))
    sizes = np.linspace(0, 0.3, 301)
    chances = np.array([(np.abs(parts.mean + size) > half).mean() for size in sizes])
    truth = sizes[np.argmax(chances >= 0.8)]  # 80 % of these studies find a difference of this size
    found = []
    for study in np.argsort(half)[:20]:  # their intervals are the narrowest
        one, other = (dict(enumerate(side[study].tolist())) for side in (first, second))
        pair = compare_outcomes(one, other)
        assert pair is not None
        found.append(find_smallest_difference(pair))
    assert half.min() < truth / 6
    assert all(size is not None and 0.85 * truth < size < 1.2 * truth for size in found)


def test_two_seeds_have_no_smallest_difference_and_no_plan() -> None:
    found = several_seeds(2, 50, 0.1)
    assert find_smallest_difference(found) is None and plan(found, 0.1, 100) is None


def test_plan_of_one_seed_is_the_first_number_of_samples_that_finds_it() -> None:
    found = plan(one_seed(40, 10, 10, 40), 0.1, 500)
    assert found is not None and found.samples is not None and found.seeds is None
    assert power_of_pairs(0.1, 0.2, found.samples, 0.95) >= 0.8
    assert 140 < found.samples < 200  # without the test's discreteness: (1.96 √0.2 + 0.84 √0.19)² / 0.01 = 155


def test_plan_says_when_the_test_split_is_too_small() -> None:
    found = plan(one_seed(40, 10, 10, 40), 0.01, 500)
    assert found is not None and (found.samples, found.fewest) == (None, None)
    assert found.reach is not None and 0.03 < found.reach < 0.08
    found = plan(several_seeds(3, 100, 0.2), 0.001, 150)
    assert found is not None and (found.samples, found.seeds, found.fewest) == (None, None, None)


def test_plan_of_several_seeds_finds_the_difference_and_less_does_not() -> None:
    at_hand = several_seeds(4, 100, 0.15)
    found = plan(at_hand, 0.08, 2000)
    assert found is not None and found.fewest is not None
    seeds, samples = found.fewest
    assert 3 <= seeds <= MOST_SEEDS and samples <= 2000 and (found.reach or 1) < 0.08
    assert found.seeds is None or found.seeds >= 3


def test_plan_for_no_difference_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        plan(one_seed(1, 1, 1, 1), 0.0, 10)
