"""The sentences of docs/results.md, "In short": an entry that contradicts one of them makes its test fail."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import pytest

from robench import table
from robench.report.pairwise import compare
from robench.results.entries import load_entries
from robench.results.reruns import compare_reruns
from robench.results.significance import Difference, holm
from support.code_blocks import ROOT

ENTRIES = ROOT / "leaderboards" / "measured"
ATTACKS = ("deepwordbug", "pwws", "textfooler", "textbugger")
UNSEEN = ("deepwordbug", "textfooler", "textbugger")
TAICHI = "taichi on pwws"
PARTS = ("clean on pwws", "taichi-no-ctr on pwws", "taichi-no-adv on pwws")
TRAINED = ("ada on pwws", TAICHI, *PARTS)


@cache
def difference(first: str, second: str, attack: str = "") -> Difference:
    """The first less the second; on clean texts without an attack."""
    return compare(first, second, task="trec", attack=attack, seed=(42,), runs=ENTRIES).found


def list_claims(pairs: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The pairs that are told apart, adjusted for their number."""
    p_values = [difference(*pair).p for pair in pairs]
    assert None not in p_values
    return [pair for pair, p in zip(pairs, holm([p or 0.0 for p in p_values]), strict=True) if p < 0.05]


def test_taichi_cannot_be_told_from_ada_and_is_worse_than_base_on_clean_texts() -> None:
    assert not any(difference(TAICHI, "ada on pwws", attack).parted for attack in ATTACKS)
    clean = difference("base", TAICHI)
    assert clean.parted and clean.p is not None
    assert (round(100 * clean.value, 1), round(clean.p, 3)) == (2.4, 0.012)
    assert not difference("base", "ada on pwws").parted


def test_of_ada_base_and_its_parts_taichi_is_told_from_base_alone() -> None:
    pairs = [(TAICHI, other, attack) for other in ("base", "ada on pwws", *PARTS) for attack in ("", *ATTACKS)]
    assert list_claims(pairs) == [(TAICHI, "base", attack) for attack in ATTACKS]
    assert all(difference(*pair).value > 0 for pair in list_claims(pairs))


def test_the_contrastive_loss_alone_costs_no_clean_accuracy_and_is_near_taichi() -> None:
    assert difference("clean on pwws", "base").value == 0
    assert max(abs(difference(TAICHI, "clean on pwws", attack).value) for attack in ATTACKS) < 0.03


def test_models_trained_against_pwws_and_pgd_are_near_each_other_under_what_they_have_not_met() -> None:
    for attack in UNSEEN:
        assert all(difference(one, "base", attack).parted for one in (*TRAINED, "pgd"))
        pairs = product((*TRAINED, "pgd"), repeat=2)
        assert max(difference(one, other, attack).value for one, other in pairs if one != other) < 0.04
    clean = difference("base", "pgd")
    assert clean.parted and clean.value > 0


def read_worst(seed: int) -> dict[str, tuple[float, float]]:
    """Clean% and worst% of each row of the table."""
    (block,) = table("worst", task="trec", seed=seed, runs=str(ENTRIES)).blocks
    return {
        row.label: (float(100 * (row.cells[0].value or 0)), float(100 * (row.cells[2].value or 0)))
        for row in block.rows
    }


@pytest.mark.parametrize("defense", ["fgsm", "freelb", "smart"])
def test_perturbed_embeddings_with_the_authors_values_change_little(defense: str) -> None:
    worst = read_worst(42)
    assert worst[defense][1] - worst["base"][1] <= 2.0001


def test_ada_at_the_price_of_taichi_gives_its_gain_away() -> None:
    worst = read_worst(42)
    longer = worst["ada on pwws (training.epochs=6)"]
    assert not difference("ada on pwws (training.epochs=6)", "base").parted
    assert worst["ada on pwws"][1] - longer[1] == pytest.approx(7.4)
    assert worst[TAICHI][1] - longer[1] == pytest.approx(8.4)


def test_taichi_trained_longer_has_its_clean_accuracy_back() -> None:
    longer = "taichi on pwws (training.epochs=6)"
    clean = difference(longer, TAICHI)
    assert clean.p is not None and clean.value > 0 and round(clean.p, 3) == 0.019
    assert not difference(longer, "base").parted
    assert not any(difference(longer, TAICHI, attack).parted for attack in ATTACKS)
    worst = read_worst(42)
    assert worst[TAICHI][1] - worst[longer][1] == pytest.approx(2.2)


def test_kl_of_positive_pairs_orders_models_as_three_attacks_do_and_negative_pairs_do_not() -> None:
    blocks = table("correlation", task="trec", seed=42, runs=str(ENTRIES)).blocks
    found = {block.setting["attack"].split()[0]: {row.name: row.cells for row in block.rows} for block in blocks}
    assert set(found) == set(ATTACKS)
    for attack, statistics in found.items():
        rank, _, _, _, adjusted, models = (float(cell.value or 0) for cell in statistics["kl_pos"])
        assert models == 12 and rank < (-0.6 if attack == "textbugger" else -0.9)
        assert (adjusted > 0.05) == (attack == "textbugger")
        assert all((statistics[name][0].value or 0) <= 0.005 for name in ("mse_neg", "kl_neg"))


def test_another_kind_of_processor_gave_the_same_outcomes_and_texts() -> None:
    again = compare_reruns(load_entries(ENTRIES))
    assert [(one.n, one.same, one.same_texts) for one in again] == [(500, 500, 500)] * 4


def test_two_trainings_of_one_defense_lie_near_each_other() -> None:
    first, second = read_worst(42), read_worst(43)
    assert set(second) == {"base", "freelb", "ada on pwws", TAICHI}
    apart = [abs(one - other) for name in second for one, other in zip(first[name], second[name], strict=True)]
    assert max(apart) == pytest.approx(1.2)
    ahead = [worst[TAICHI][1] - worst["ada on pwws"][1] for worst in (first, second)]
    assert ahead == pytest.approx([1.0, 3.0])
