"""Paired comparisons: against scipy, statsmodels, published and hand-worked cases."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_elsewhere
from statsmodels.stats.multitest import multipletests

from robench.results.crossed_test import crossed_p, crossed_square
from robench.results.intervals import decompose, wilson
from robench.results.significance import Difference, compare_outcomes, holm, mcnemar
from uncertainty.measures import measure_difference, measure_tests
from uncertainty.studies import Design

Row = list[float | bool | None]


def pairs(both: int, gained: int, lost: int, neither: int) -> tuple[Row, Row]:
    """Two rows with so many pairs of each kind."""
    first = [1] * both + [1] * gained + [0] * lost + [0] * neither
    second = [1] * both + [0] * gained + [1] * lost + [0] * neither
    return list(first), list(second)


def compared(first: Row, second: Row, level: float = 0.95) -> Difference:
    found = compare_outcomes({1: first}, {1: second}, level)
    assert found is not None
    return found


# --- one seed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (5, 0), (0, 6), (9, 2), (30, 30), (140, 180)])
def test_mcnemar_equals_scipy_and_statsmodels(gained: int, lost: int) -> None:
    if gained + lost:
        assert mcnemar(gained, lost) == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)
    assert mcnemar(gained, lost) == pytest.approx(mcnemar_elsewhere([[3, gained], [lost, 4]], exact=True).pvalue)


def test_mcnemar_of_many_pairs_is_exact_where_floats_would_overflow() -> None:
    assert mcnemar(1500, 1500) == 1.0 and 0 < mcnemar(1300, 1700) < 1e-11


def test_one_seed_difference_has_newcombes_interval() -> None:
    # Newcombe (1998): 36 pairs right twice, 12 gained, 2 lost; his method 10.
    found = compared(*pairs(36, 12, 2, 0))
    assert (found.value, found.p) == (pytest.approx(0.2), pytest.approx(mcnemar(12, 2)))
    assert (found.low, found.high) == (pytest.approx(0.0569, abs=5e-5), pytest.approx(0.3404, abs=5e-5))
    assert found.parted and not found.covers_seeds


def test_newcombes_interval_covers_by_exact_enumeration() -> None:
    n, chances = 16, (0.5, 0.2, 0.1, 0.2)  # right twice, gained, lost, wrong twice
    covered = total = 0.0
    for counts in itertools.product(range(n + 1), repeat=3):
        last = n - sum(counts)
        if last < 0:
            continue
        chance = float(stats.multinomial.pmf([*counts, last], n, chances))
        both, gained, lost = counts
        found = compared(*pairs(both, gained, lost, last))
        assert found.low is not None and found.high is not None
        covered += chance * (found.low <= chances[1] - chances[2] <= found.high)
        total += chance
    assert total == pytest.approx(1) and 0.94 < covered < 0.985


def test_equal_rows_differ_by_nothing() -> None:
    found = compared([1, 0, 1, 1], [1, 0, 1, 1])
    assert (found.value, found.p, found.parted, found.square) == (0.0, 1.0, False, 0.0)
    assert found.low is not None and found.high is not None and found.low < 0 < found.high


def test_one_sample_tells_nothing_apart() -> None:
    found = compared([1], [0])
    assert (found.value, found.p, found.parted, found.n) == (1.0, 1.0, False, 1)


def test_all_right_against_all_wrong_is_told_apart_from_six_samples_on() -> None:
    assert [compared([1] * n, [0] * n).parted for n in (5, 6)] == [False, True]  # 2 / 2**5 = 0.0625, 2 / 2**6 = 0.03125


def test_samples_with_an_error_in_either_row_leave_and_are_counted() -> None:
    found = compared([1, 1, None, 0, 1], [0, None, 1, 0, 1])
    assert (found.n, found.left_out, found.value) == (3, 2, pytest.approx(1 / 3))


def test_averages_of_models_are_tested_by_their_mean() -> None:
    first, second = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.5, 1.0], [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    found = compared([*first], [*second])
    expected = stats.ttest_1samp(np.subtract(first, second), 0)
    assert found.p == pytest.approx(expected.pvalue) and found.value == pytest.approx(0.3125)
    assert found.low == pytest.approx(expected.confidence_interval(0.95).low)


def test_averages_that_agree_by_chance_are_tested_as_so_many_outcomes() -> None:
    found = compared([1.0, 1.0, 0.75], [0.0, 0.5, 0.0])
    least = (1.8125 + 2 - 2.25**2 / 5) / 25
    assert found.p == pytest.approx(2 * stats.t.sf(0.75 / math.sqrt(least), 2), abs=1e-9)
    same = [*[1.0] * 90, *[0.5] * 5, *[0.0] * 5]
    found = compared([*same], [*same])
    assert (found.p, found.value) == (1, 0) and found.high == pytest.approx(0.0275, abs=1e-4)


# --- two seeds --------------------------------------------------------------------------------------------------------


def test_two_seeds_give_both_differences_and_no_test() -> None:
    first, second = pairs(10, 8, 0, 2)
    found = compare_outcomes({1: first, 2: first}, {1: second, 2: second})
    assert found is not None and (found.p, found.low, found.high) == (None, None, None)
    assert found.by_seed == {1: 0.4, 2: 0.4} and found.p_by_seed == {1: mcnemar(8, 0), 2: mcnemar(8, 0)}


@pytest.mark.parametrize(("other", "parted"), [((10, 8, 0, 2), True), ((10, 5, 3, 2), False), ((10, 0, 8, 2), False)])
def test_two_seeds_tell_apart_only_if_both_do_so_with_one_sign(other: tuple[int, int, int, int], parted: bool) -> None:
    (first, second), (again, too) = pairs(10, 8, 0, 2), pairs(*other)
    found = compare_outcomes({1: first, 2: again}, {1: second, 2: too})
    assert found is not None and found.parted is parted


# --- three seeds or more ----------------------------------------------------------------------------------------------


def drawn(seeds: int, n: int, shift: float, start: int = 0) -> tuple[dict[int, Row], dict[int, Row]]:
    generator = np.random.default_rng(start)
    samples = generator.standard_normal(n)

    def row(level: float) -> dict[int, Row]:
        return {s: [bool(x > 0) for x in level + samples + 0.7 * generator.standard_normal(n)] for s in range(seeds)}

    return row(shift), row(0.0)


def test_p_is_where_the_interval_begins_to_hold_nothing() -> None:
    first, second = drawn(4, 80, 0.3)
    found = compare_outcomes(first, second)
    assert found is not None and found.p is not None and found.parts is not None and 0 < found.p < 1
    square = crossed_square(found.parts, 4, 80, found.p)
    assert math.sqrt(square) == pytest.approx(abs(found.value), rel=1e-6)
    assert found.covers_seeds and found.parted is (found.p <= 0.05)
    at_p = compare_outcomes(first, second, 1 - found.p)
    assert at_p is not None and at_p.low == pytest.approx(0, abs=1e-9)


def test_crossed_test_is_a_t_test_over_seeds_if_samples_do_not_differ() -> None:
    rows = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    zero = [0] * 5
    found = compare_outcomes(dict(enumerate(rows)), {seed: list(zero) for seed in range(4)})
    assert found is not None and found.p == pytest.approx(stats.ttest_1samp(np.mean(rows, axis=1), 0).pvalue)


def test_crossed_test_is_a_z_test_over_samples_if_seeds_are_equal() -> None:
    row = [1, 0, 0, 1, 1, 0, 1, 0, 0, 1]
    parts = decompose([row] * 3)
    z = 0.5 / (np.std(row, ddof=1) / math.sqrt(10))
    assert crossed_p(parts, 3, 10) == pytest.approx(2 * stats.norm.sf(z))


@pytest.mark.parametrize("wrong", [1, 2, 3, 5])
def test_seeds_that_agree_in_their_number_of_other_samples_tell_no_more_apart_than_as_many_pairs(wrong: int) -> None:
    first = {seed: [1] * 500 for seed in range(3)}
    second = {seed: [int(not 0 <= i - wrong * seed < wrong) for i in range(500)] for seed in range(3)}
    found = compare_outcomes(first, second)
    assert found is not None and found.p is not None and found.low is not None and found.high is not None
    assert mcnemar(3 * wrong, 0) / 3 < found.p < 1 and found.parted is (wrong > 1)
    assert found.low < found.value - 0.001 and found.high > found.value + 0.001
    back = compare_outcomes(second, first)
    assert back is not None and (back.p, back.high) == (found.p, -found.low)


def test_least_variance_of_a_difference_worked_out_by_hand() -> None:
    """One other sample in each of three seeds is lost: 3 of 1,500, and one of either sign is added."""
    first = {seed: [1] * 500 for seed in range(3)}
    found = compare_outcomes(first, {seed: [int(i != seed) for i in range(500)] for seed in range(3)})
    error = math.sqrt((3 + 2 - 3**2 / 1502) / 1502**2)
    assert found is not None and found.high == pytest.approx(0.002 + 1.959964 * error, rel=1e-6)
    assert found.p == pytest.approx(2 * stats.norm.sf(0.002 / error), rel=1e-6)


def test_size_of_differences_is_one_of_single_models_and_less_of_averages() -> None:
    assert compared([1, 0, 1, 1], [0, 1, 1, 1]).size == 1
    found = compared([1.0, 0.5, 1.0], [0.0, 0.0, 1.0])
    assert (found.square, found.size) == (pytest.approx(1.25 / 3), pytest.approx(1.25 / 1.5))


def test_crossed_test_claims_rarely_where_nearly_all_samples_are_right() -> None:
    design = Design(0.0, 200, 3, (0.99,) * 9, shared=0.75, own=0.05)
    tests = measure_tests(design, 500, 1)
    assert tests.pairs < 0.03 and tests.families < 0.02


def test_equal_rows_of_several_seeds_have_an_interval_of_rare_differences() -> None:
    rows = {seed: [1, 0] * 20 for seed in range(3)}
    found = compare_outcomes(rows, rows)
    assert found is not None and (found.value, found.p, found.parted) == (0.0, 1.0, False)
    assert (found.low, found.high) == (-wilson(0, 40)[1], wilson(0, 40)[1])


def test_rows_that_always_differ_are_tested_over_the_samples_alone() -> None:
    found = compare_outcomes({seed: [1] * 8 for seed in range(3)}, {seed: [0] * 8 for seed in range(3)})
    assert found is not None and (found.value, found.p, found.high) == (1.0, mcnemar(8, 0), 1.0)


def test_only_shared_seeds_are_compared() -> None:
    first, second = drawn(4, 30, 0.5)
    found = compare_outcomes(first, {seed: row for seed, row in second.items() if seed != 1})
    assert found is not None and found.seeds == (0, 2, 3)
    assert compare_outcomes({1: first[1]}, {2: second[2]}) is None
    assert compare_outcomes({1: [None, 1]}, {1: [1, None]}) is None


# --- families ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [[], [0.03], [0.04, 0.01, 0.03], [0.5, 0.9, 0.02, 0.02], [0.01] * 5, [1.0, 0.0, 1e-9, 0.2]]
)
def test_holm_equals_statsmodels(values: list[float]) -> None:
    expected = multipletests(values, method="holm")[1] if values else []
    assert holm(values) == pytest.approx(list(expected))


def test_simulated_equal_defenses_are_rarely_told_apart_but_of_one_seed_often() -> None:
    for effect in (0.0, 0.2):
        found = measure_tests(Design(effect, 100, 3, (0.5,) * 9), 1000, seed=5)
        assert found.pairs <= 0.06 and found.families <= 0.06
    assert found.one_seed_tables > 0.5  # of the last, with large effects of seeds


def test_simulated_difference_is_covered() -> None:
    assert measure_difference(Design(0.2, 100, 3, (0.6, 0.5)), 2000, seed=5) >= 0.93
