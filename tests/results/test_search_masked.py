"""The flag ``search-masked``: which rows count, and when it is raised."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from robench.results.records import Status
from robench.results.samples import Outcome
from robench.results.search_masked import Masking, find_masked, is_search_masked


def masking(fooled: int, withstood: int, seeds: int = 1) -> Masking:
    row: dict[int, Outcome] = {i: i < fooled for i in range(withstood)}
    return Masking({seed: {**row, 9_999: None} for seed in range(seeds)})


def test_find_masked_of_two_ways_counts_a_row_that_one_of_them_fools() -> None:
    direct: dict[int, Status] = {
        **dict.fromkeys(range(6), "failed"),
        6: "succeeded",
        7: "skipped",
        8: "error",
    }
    transfer: dict[int, Status] = {0: "succeeded", 1: "failed", 2: "skipped", 3: "error", 4: "error", 6: "succeeded"}
    random: dict[int, Status] = {0: "failed", 1: "succeeded", 2: "failed", 3: "succeeded", 4: "failed", 5: "failed"}
    assert find_masked(direct, [transfer, random]) == {
        0: True,
        1: True,
        2: False,
        3: True,  # known, whatever the other one would do
        4: None,
        5: None,  # the other one lacks this row
        6: None,
        7: None,
        8: None,
    }
    assert find_masked(direct, [random])[5] is False


def test_masking_counts_known_rows_of_all_seeds() -> None:
    found = Masking({1: {0: True, 1: False, 2: None}, 2: {0: False, 1: None, 2: None}})
    assert (found.fooled, found.withstood) == (1, 3)
    assert found.share == pytest.approx((1 / 2 + 0) / 2)


def wilson_by_hand(k: int, n: int) -> float:
    z = NormalDist().inv_cdf(0.975)
    p = k / n
    middle = p + z * z / (2 * n)
    return float((middle - z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5) / (1 + z * z / n))


def test_lower_bound_of_one_seed_is_wilson_s() -> None:
    assert masking(12, 80).lower_bound() == pytest.approx(wilson_by_hand(12, 80))


def test_lower_bound_of_two_seeds_is_the_lower_one_of_both() -> None:
    found = Masking({1: masking(12, 80).outcomes[0], 2: masking(5, 80).outcomes[0]})
    assert found.lower_bound() == pytest.approx(wilson_by_hand(5, 80))


def test_lower_bound_of_three_seeds_that_differ_is_below_that_of_all_rows_as_one_sample() -> None:
    found = Masking({seed: masking(fooled, 80).outcomes[0] for seed, fooled in enumerate((4, 12, 20))})
    bound = found.lower_bound()
    assert bound is not None and bound < wilson_by_hand(36, 240)


def test_is_search_masked_compares_the_lower_bound_with_the_undefended_model_s_share() -> None:
    bound = wilson_by_hand(12, 80)  # 8.8 %
    assert is_search_masked(masking(12, 80), masking(8, 100)) is (bound > 0.08) is True
    assert is_search_masked(masking(12, 80), masking(9, 100)) is (bound > 0.09) is False
    assert not is_search_masked(masking(0, 80), masking(0, 50))
    assert is_search_masked(masking(12, 80), masking(0, 50))


@pytest.mark.parametrize(("defense", "reference"), [(masking(0, 0), masking(1, 9)), (masking(9, 9), masking(0, 0))])
def test_is_search_masked_without_texts_is_false(defense: Masking, reference: Masking) -> None:
    assert not is_search_masked(defense, reference)


def test_share_without_texts_is_none() -> None:
    assert (masking(0, 0).share, masking(0, 0).lower_bound()) == (None, None)
