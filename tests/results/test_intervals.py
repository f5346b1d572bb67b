"""Intervals: against exact enumeration, statsmodels, and cases worked by hand."""

from __future__ import annotations

import math
import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pandas
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.proportion import proportion_confint

from robench.errors import RobenchError
from robench.results.intervals import check_level, decompose, estimate_interval, half_width_square, wilson
from robench.results.samples import align, average
from uncertainty.measures import measure_coverage, measure_one_seed
from uncertainty.studies import Design

Z = 1.959963984540054

# --- one seed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 30), (1, 30), (17, 30), (30, 30), (61, 100), (7, 1821)])
def test_wilson_equals_statsmodels(right: int, n: int, level: float) -> None:
    assert wilson(right, n, level) == pytest.approx(proportion_confint(right, n, 1 - level, "wilson"), abs=1e-12)


@pytest.mark.parametrize("n", [1, 10, 100])
def test_wilson_holds_exactly_the_shares_that_a_score_test_keeps(n: int) -> None:
    shares = np.linspace(0.0005, 0.9995, 1000)
    for right in range(n + 1):
        low, high = wilson(right, n)
        kept = np.abs(right / n - shares) <= Z * np.sqrt(shares * (1 - shares) / n)
        assert ((low <= shares) & (shares <= high)).tolist() == kept.tolist()


@pytest.mark.parametrize("n", [20, 100, 500])
def test_wilson_covers_as_stated_by_exact_enumeration(n: int) -> None:
    bounds = np.array([wilson(right, n) for right in range(n + 1)])
    shares = np.linspace(0.05, 0.95, 181)
    chances = stats.binom.pmf(np.arange(n + 1)[:, None], n, shares)
    covered = (chances * ((bounds[:, :1] <= shares) & (shares <= bounds[:, 1:]))).sum(axis=0)
    assert 0.945 <= covered.mean() <= 0.96 and covered.min() > 0.88


def test_wilson_of_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(0, 0)


def test_one_seed_covers_the_samples_alone() -> None:
    found = estimate_interval({7: [True] * 61 + [False] * 39 + [None] * 5})
    assert found is not None and (found.low, found.high) == wilson(61, 100)
    assert (found.seeds, found.n, found.covers_seeds, found.label) == (
        1,
        100,
        False,
        "of the samples; seeds not covered",
    )


@pytest.mark.parametrize(("outcome", "bounds"), [(True, (Z**-2, 1.0)), (False, (0.0, None))])
def test_one_sample_has_the_widest_interval(outcome: bool, bounds: tuple[float, float | None]) -> None:
    found = estimate_interval({1: [outcome]})
    low, high = 1 / (1 + Z**2), Z**2 / (1 + Z**2)  # Wilson's by hand: p = 1 and n = 1 give (1 + z²/2 ± z²/2) / (1 + z²)
    assert found is not None and found.all_alike
    assert (found.low, found.high) == pytest.approx((low, 1.0) if outcome else (0.0, high))


def test_averages_of_models_have_the_interval_of_so_many_outcomes_as_vary_so_little() -> None:
    row = [1.0, 1.0, 0.5, 0.5, 0.5, 0.0, 1.0, 0.5]
    found = estimate_interval({1: row})
    mean, variance = float(np.mean(row)), float(np.var(row, ddof=1))
    size = mean * (1 - mean) / (variance / len(row))
    assert found is not None and (found.low, found.high) == pytest.approx(wilson(mean * size, size))
    assert found.high - found.low < np.diff(wilson(5, 8))[0]  # that of outcomes that are right or wrong


# --- several seeds ----------------------------------------------------------------------------------------------------

THREE = [[1, 1, 0, 1, 1, 0], [1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 0, 0]]


def test_two_seeds_have_no_interval() -> None:
    assert estimate_interval({1: [1, 0, 1], 2: [1, 1, 1]}) is None


def test_components_equal_the_mean_squares_of_statsmodels() -> None:
    values = np.random.default_rng(3).random((4, 7)) > 0.4
    columns = {"y": values.ravel().astype(float), "seed": np.repeat(range(4), 7), "sample": np.tile(range(7), 4)}
    frame = pandas.DataFrame(columns)
    squares = anova_lm(ols("y ~ C(seed) + C(sample)", frame).fit())["mean_sq"]
    found = decompose(values.astype(float))
    # The variance of means over 7 samples is the mean square of seeds over 7; that over 4 seeds likewise.
    expected = (values.mean(), squares["C(seed)"] / 7, squares["C(sample)"] / 4, squares["Residual"])
    assert tuple(map(float, found)) == pytest.approx(expected)


def test_interval_of_three_seeds_equals_the_one_worked_by_hand() -> None:
    found = estimate_interval(dict(enumerate(THREE)))
    # Means of seeds 4/6, 3/6, 4/6: variance 1/108. Of samples 1, 1, 1/3, 1, 1/3, 0: mean 11/18, variance 0.185185.
    # The noise is what both leave of the total sum of squares, over 2 times 5 degrees.
    total = sum((one - 11 / 18) ** 2 for row in THREE for one in row)
    seeds, samples = 1 / 108, float(np.var([1, 1, 1 / 3, 1, 1 / 3, 0], ddof=1))
    noise = (total - 6 * 2 * seeds - 3 * 5 * samples) / 10
    square = 4.302652729749464**2 * seeds / 3 + Z**2 * (samples / 6 - noise / 18)  # t with 2 degrees
    size = 11 / 18 * 7 / 18 * Z**2 / square
    assert found is not None and found.covers_seeds and found.n == 6
    assert (found.low, found.high) == pytest.approx(wilson(11 / 18 * size, size))


def test_samples_with_an_error_leave_the_variances_and_the_mean_of_their_seed_alone() -> None:
    with_error: dict[int, list[float | None]] = {1: [*THREE[0], None], 2: [*THREE[1], 1], 3: [*THREE[2], 1]}
    found, plain = estimate_interval(with_error), estimate_interval(dict(enumerate(THREE)))
    assert found is not None and plain is not None and found.n == plain.n == 6
    assert found.low > plain.low and found.high > plain.high  # two of three seeds have one more right


@pytest.mark.parametrize("outcome", [0, 1])
def test_seeds_that_are_all_alike_fall_back_to_the_samples_and_say_so(outcome: int) -> None:
    found = estimate_interval({seed: [outcome] * 40 for seed in range(5)})
    assert found is not None and (found.low, found.high) == wilson(40 * outcome, 40)
    assert found.label == "of the samples; all outcomes alike, so seeds not covered"


def test_one_wrong_outcome_of_many_seeds_does_not_make_their_samples_independent() -> None:
    outcomes = {seed: [1.0] * 100 for seed in range(10)} | {0: [0.0, *[1.0] * 99]}
    found = estimate_interval(outcomes)
    assert found is not None and found.covers_seeds
    assert (found.low, found.high) == pytest.approx(wilson(0.999 * 2000 / 11, 2000 / 11))


def test_seeds_that_are_alike_where_all_have_outcomes_say_nothing_of_seeds() -> None:
    alike: dict[int, list[float | None]] = {seed: [1.0] * 20 for seed in (1, 2, 3)}
    for seed in (1, 2, 3):
        alike[seed][seed], alike[seed % 3 + 1][seed] = 0, None
    found = estimate_interval(alike)
    assert found is not None and (found.n, found.covers_seeds) == (17, False)
    assert found.low < wilson(16, 17)[1] < 1


def test_one_sample_of_several_seeds_has_no_interval_unless_all_are_alike() -> None:
    assert estimate_interval({1: [1], 2: [0], 3: [1]}) is None
    assert estimate_interval({1: [1], 2: [1], 3: [1]}) is not None


def test_seeds_without_any_outcome_do_not_count() -> None:
    found = estimate_interval({1: [1, 0, 1], 2: [None] * 3})
    assert found is not None and (found.seeds, found.low) == (1, wilson(2, 3)[0])
    assert estimate_interval({1: [None]}) is None and estimate_interval({}) is None


def test_an_interval_is_wider_at_a_higher_level_and_stays_between_0_and_1() -> None:
    for outcomes in ({1: THREE[0]}, dict(enumerate(THREE))):
        found = [estimate_interval(outcomes, level) for level in (0.5, 0.8, 0.95, 0.999)]
        widths = [one.high - one.low for one in found if one is not None]
        assert widths == sorted(widths) and all(one and 0 <= one.low < one.high <= 1 for one in found)


def test_half_width_is_that_of_a_t_test_on_seeds_if_samples_do_not_differ() -> None:
    rows = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    parts = decompose(rows)
    expected = stats.sem(np.mean(rows, axis=1)) * stats.t.ppf(0.975, 3)
    assert float(parts.samples / 5) < float(parts.noise / 20)
    assert math.sqrt(half_width_square(parts, 4, 5)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [({1: [1, 0], 2: [1]}, "2 of seed 1, 1 of seed 2"), ({1: [1.5]}, "seed 1 has 1.5"), ({1: [-1]}, "from 0 to 1")],
)
def test_outcomes_that_do_not_fit_are_refused(outcomes: dict[int, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_interval(outcomes)


@pytest.mark.parametrize(("level", "hint"), [(95, "for 95 %, write 0.95"), (0.0, "not 0"), (1.0, "below 1")])
def test_a_level_that_is_none_is_refused(level: float, hint: str) -> None:
    with pytest.raises(RobenchError, match=hint):
        check_level(level)
    with pytest.raises(ValueError, match="between 0 and 1"):
        estimate_interval({1: [1, 0]}, level)


# --- simulated studies: `make coverage` has 5,000 of each of many kinds -----------------------------------------------


@pytest.mark.parametrize(
    ("effect", "seeds", "accuracy"),
    [(0.0, 3, 0.5), (0.0, 5, 0.05), (0.05, 3, 0.9), (0.2, 3, 0.5), (0.2, 5, 0.05), (0.05, 10, 0.98)],
)
def test_intervals_of_simulated_studies_cover(effect: float, seeds: int, accuracy: float) -> None:
    found = measure_coverage(Design(effect, 100, seeds, (accuracy,)), 2000, seed=5)
    assert found.used >= 0.93


def test_one_seed_covers_its_model_but_not_what_a_new_seed_would_give() -> None:
    found = measure_one_seed(Design(0.2, 100, 2), 2000, seed=5)
    assert found.same >= 0.93 and 0.54 < found.new < 0.64


# --- without NumPy ----------------------------------------------------------------------------------------------------


def test_one_and_two_seeds_import_no_numpy() -> None:
    script = """
import sys
from robench.results.intervals import estimate_interval
from robench.results.power import find_smallest_difference
from robench.results.significance import compare_outcomes
one, other = {1: 3 * [1, 1, 0, 1]}, {1: 3 * [1, 0, 0, 0]}
assert estimate_interval(one) and find_smallest_difference(compare_outcomes(one, other))
assert compare_outcomes(one | {2: 3 * [1, 1, 1, 1]}, other | {2: 3 * [0, 1, 1, 1]})
assert not {"numpy", "scipy", "pandas"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_normal_quantile_is_that_of_scipy() -> None:
    assert NormalDist().inv_cdf(0.975) == pytest.approx(stats.norm.ppf(0.975), abs=1e-12)


# --- samples ----------------------------------------------------------------------------------------------------------


def test_align_puts_all_rows_in_the_order_of_ids() -> None:
    first, second = align({1: {5: True, 2: False}, 2: {2: True, 5: None}}, {9: {7: True, 5: False}})
    assert first == {1: [False, True, None], 2: [True, None, None]} and second == {9: [None, False, True]}


def test_average_is_not_known_if_one_of_the_models_is_not() -> None:
    found = average([{1: True, 2: True, 3: None}, {1: False, 2: True, 3: True}, {1: False, 2: True, 3: True, 4: True}])
    assert found == {1: pytest.approx(1 / 3), 2: 1.0, 3: None}
