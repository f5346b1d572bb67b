"""Bounds of certificates, against statsmodels, by enumeration and by hand."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import comb

import pytest
import torch
from statsmodels.stats.proportion import proportion_confint

from robench.models.reading import vote
from robench.training.certificate import CertificateSettings, bound_share, find_radius, find_required_share


@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize(("hits", "draws"), [(1, 10), (7, 10), (10, 10), (501, 1000), (999, 1000), (1000, 1000)])
def test_bound_of_a_share_is_clopper_and_pearson_s(hits: int, draws: int, alpha: float) -> None:
    lower, _ = proportion_confint(hits, draws, alpha=2 * alpha, method="beta")
    assert bound_share(hits, draws, alpha) == pytest.approx(lower, rel=1e-9)


def test_bound_of_no_hits_is_zero() -> None:
    assert bound_share(0, 10, 0.05) == 0


def test_radius_is_the_last_number_of_changes_that_leaves_more_than_half() -> None:
    shift = {1: 0.1, 2: 0.25, 3: 0.3, 4: 1.0}.__getitem__
    assert find_radius(0.78, shift, 4) == 2
    assert find_radius(0.75, shift, 4) == 1, "exactly one half is no majority"
    assert find_radius(0.55, shift, 4) == 0
    assert find_radius(0.5, shift, 4) is None
    assert find_radius(0.9, lambda changes: 0.0, 4) == 4, "no more words than there are"


@pytest.mark.parametrize(
    ("votes", "queries", "alpha"),
    [
        (1, 1, 0.1),  # one copy decides: 1 - q
        (3, 1, 0.028),  # (1 - q)^3 + 3 q (1 - q)^2 = 0.001 + 0.027
        (3, 10, 0.28),  # ten such texts
        (4, 1, 0.0523),  # 1 - q^4 - 4 q^3 (1 - q) = 1 - 0.6561 - 0.2916: a tie may be lost
    ],
)
def test_required_share_by_hand_is_nine_tenths(votes: int, queries: int, alpha: float) -> None:
    assert find_required_share(votes, queries, alpha) == pytest.approx(0.9, abs=1e-12)


@pytest.mark.parametrize("queries", [1, 7, 1000])
@pytest.mark.parametrize("votes", [1, 2, 9, 25, 200, 201])
def test_votes_of_the_required_share_fail_on_one_of_all_queries_with_a_chance_of_alpha(
    votes: int, queries: int, alpha: float = 0.01
) -> None:
    share = Fraction(find_required_share(votes, queries, alpha))
    lost = sum(comb(votes, hits) * share**hits * (1 - share) ** (votes - hits) for hits in range(votes // 2 + 1))
    assert float(queries * lost) == pytest.approx(alpha, rel=1e-6)


def test_required_share_falls_with_more_votes_and_rises_with_more_queries() -> None:
    by_votes = [find_required_share(votes, 1000, 0.001) for votes in (1, 9, 25, 101, 201, 1001, 100_001)]
    assert by_votes == sorted(by_votes, reverse=True) and 0.5 < by_votes[-1] < 0.51
    by_queries = [find_required_share(201, queries, 0.001) for queries in (1, 10, 1000, 10**6)]
    assert by_queries == sorted(by_queries) and len(set(by_queries)) == 4
    assert find_required_share(200, 1000, 0.001) > find_required_share(199, 1000, 0.001), "one more vote allows a tie"


@pytest.mark.parametrize(("copies", "labels"), [(1, 3), (4, 3), (5, 3), (5, 2), (5, 4)])
def test_label_with_more_than_half_of_the_votes_wins_whatever_the_probabilities_are(copies: int, labels: int) -> None:
    """Each copy votes for label 0 as narrowly, and for another as surely, as it can."""
    narrow, sure = torch.full((labels,), -1e-4), torch.eye(labels) * 200
    narrow[0] = 0
    narrow[2:] -= 200
    lost = set()
    for votes in itertools.product(range(labels), repeat=copies):
        logits = torch.stack([sure[label] if label else narrow for label in votes])
        assert logits.argmax(1).tolist() == list(votes)
        if vote(logits).argmax() != 0:
            lost.add(votes.count(0))
    assert max(lost) == copies // 2, "the bound counts no vote too many: with one fewer, another label can win"


def test_deployed_vote_is_certified_for_fewer_words_than_that_of_all_copies() -> None:
    def shift(changes: int) -> float:
        return 0.1 * changes

    required = {votes: find_required_share(votes, 1000, 0.001) for votes in (1, 25, 201, 100_001)}
    assert find_radius(0.95, shift, 9) == 4
    assert [find_radius(0.95, shift, 9, one) for one in required.values()] == [None, 0, 2, 4]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="draws must be 1 or more"):
        CertificateSettings(draws=0)
    with pytest.raises(ValueError, match="alpha must be"):
        CertificateSettings(alpha=0)
    with pytest.raises(ValueError, match="queries must be 1 or more"):
        CertificateSettings(queries=0)
