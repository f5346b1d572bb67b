"""The sentences of docs/results.md on three seeds: an entry against one of them makes its test fail."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

from robench import table
from robench.results.entries import load_entries
from robench.results.power import find_smallest_difference
from robench.results.reruns import compare_reruns
from support.published_entries import ATTACKS, ENTRIES, TAICHI, difference, read_points

UNSEEN = ("deepwordbug", "textfooler", "textbugger")
KL_POS = {"deepwordbug": -0.73, "pwws": -0.97, "textfooler": -0.92, "textbugger": -0.55}
PARTS = ("clean on pwws", "taichi-no-ctr on pwws", "taichi-no-adv on pwws")
TRAINED = ("ada on pwws", TAICHI, *PARTS)


@pytest.mark.parametrize(("defense", "least", "most", "worst"), [(TAICHI, 7, 16.5, 7.3), ("ada on pwws", 6, 15.3, 5.1)])
def test_over_three_seeds_taichi_and_ada_hold_better_than_base(
    defense: str, least: float, most: float, worst: float
) -> None:
    for attack in (*ATTACKS, "worst"):
        found = difference(defense, "base", attack)
        assert found.parted and found.covers_seeds and len(found.seeds) == 3
    points = [read_points(defense, "base", attack) for attack in ATTACKS]
    assert least < min(points) and max(points) < most
    assert read_points(defense, "base", "worst") == pytest.approx(worst, abs=0.05)


def test_over_three_seeds_taichi_cannot_be_told_from_ada() -> None:
    found = [difference(TAICHI, "ada on pwws", attack) for attack in ("", *ATTACKS, "worst")]
    assert all(one.covers_seeds and not one.parted for one in found)
    assert read_points(TAICHI, "ada on pwws", "worst") == pytest.approx(2.3, abs=0.05)
    assert read_points(TAICHI, "ada on pwws") == pytest.approx(-1.1, abs=0.05)
    assert [round(one.p or 0, 2) for one in (found[-1], found[0])] == [0.08, 0.1]
    reach = [100 * (find_smallest_difference(one) or 1) for one in found]
    assert max(reach) < 5


def test_taichi_is_worse_than_base_on_clean_texts_and_ada_cannot_be_told_from_it() -> None:
    clean = difference("base", TAICHI)
    assert clean.parted and clean.covers_seeds and clean.p is not None
    assert (round(100 * clean.value, 1), round(clean.p, 3)) == (2.0, 0.026)
    assert not difference("base", "ada on pwws").parted


def list_bold(compared: str, defenses: str) -> list[tuple[str, str]]:
    """The rows of the table of differences that are told apart, adjusted for all its tests, and what each is under."""
    shown = table(
        "differences", compare=compared, defense=defenses.split(","), plain=True, task="trec", runs=str(ENTRIES)
    )
    assert all(row.cells[-1].value == 3 for block in shown.blocks for row in block.rows)
    cells = [(row, str(block.setting["attack"]).split()[0]) for block in shown.blocks for row in block.rows]
    return [(row.label, attack) for row, attack in cells if row.cells[0].best]


def test_of_54_comparisons_with_base_six_are_claims() -> None:
    defenses = "base,pgd,fgsm,freelb,smart,ada,clean,taichi-no-ctr,taichi-no-adv,taichi"
    assert list_bold("base", defenses) == [
        (TAICHI, "deepwordbug"),
        ("taichi-no-ctr on pwws", "pwws"),
        (TAICHI, "textfooler"),
        ("smart", "textbugger"),
        ("pgd", "worst"),
        ("taichi-no-adv on pwws", "worst"),
    ]
    told = [
        one
        for one in ("pgd", "fgsm", "freelb", "smart", "ada on pwws", TAICHI, *PARTS)
        if difference(one, "base").parted
    ]
    assert told == ["pgd", TAICHI, "taichi-no-adv on pwws"] and all(difference(one, "base").value < 0 for one in told)


def test_no_comparison_of_taichi_with_ada_and_its_parts_is_a_claim_and_of_pgd_only_those_under_pwws() -> None:
    assert list_bold(TAICHI, "ada,clean,taichi-no-ctr,taichi-no-adv,taichi") == []
    assert list_bold("pgd", "pgd,ada,taichi") == [("ada on pwws", "pwws"), (TAICHI, "pwws")]


def test_taichi_and_ada_are_ahead_of_pgd_under_the_attack_that_they_know_alone() -> None:
    for one, ahead, p in ((TAICHI, 10.1, 0.002), ("ada on pwws", 8.9, 0.003)):
        told = [attack for attack in (*UNSEEN, "worst") if difference(one, "pgd", attack).parted]
        assert told == ([] if one == TAICHI else ["textbugger"])
        known = difference(one, "pgd", "pwws")
        assert known.parted and read_points(one, "pgd", "pwws") == pytest.approx(ahead, abs=0.05)
        assert round(known.p or 0, 3) == p
    assert read_points("ada on pwws", "pgd", "textbugger") == pytest.approx(2.8, abs=0.05)
    assert round(difference("ada on pwws", "pgd", "textbugger").p or 0, 4) == 0.0499


def test_taichi_cannot_be_told_from_its_parts_and_those_with_one_loss_not_from_base_on_clean_texts() -> None:
    for part in PARTS:
        found = [difference(TAICHI, part, attack) for attack in ("", *ATTACKS, "worst")]
        assert all(one.covers_seeds and len(one.seeds) == 3 and not one.parted for one in found)
        assert max(abs(one.value) for one in found[1:-1]) < 0.03
    assert not any(difference(part, "base").parted for part in PARTS[:2])
    clean = difference(TAICHI, "taichi-no-adv on pwws")
    assert [round(100 * (one or 0), 1) for one in (clean.value, clean.low, clean.high)] == [0.0, -1.0, 1.0]
    found = [difference(TAICHI, "taichi-no-adv on pwws", attack) for attack in (*ATTACKS, "worst")]
    assert max(-100 * (one.low or 0) for one in found) == pytest.approx(5, abs=0.05)
    assert max(100 * (one.high or 0) for one in found) < 5


def test_models_trained_against_pwws_are_near_each_other_under_what_they_have_not_met() -> None:
    for attack in UNSEEN:
        assert all(6 < read_points(one, "base", attack) < 9 for one in TRAINED)
        pairs = product(TRAINED, repeat=2)
        assert max(difference(one, other, attack).value for one, other in pairs if one != other) < 0.03


def test_pgd_holds_better_than_base_and_pays_with_clean_accuracy() -> None:
    found = [difference("pgd", "base", attack) for attack in (*ATTACKS, "worst")]
    assert all(one.covers_seeds and one.parted and 0.04 < one.value < 0.09 for one in found)
    assert read_points("pgd", "base", "worst") == pytest.approx(5.6, abs=0.05)
    assert not any(difference(one, "pgd", "worst").parted for one in ("ada on pwws", TAICHI))
    more = difference("ada on pwws", "pgd")
    assert (round(100 * more.value, 1), round(more.p or 0, 3)) == (2.5, 0.008)
    clean = difference("base", "pgd")
    assert (round(100 * clean.value, 1), round(clean.p or 0, 3)) == (3.4, 0.008)


@cache
def read_worst() -> dict[str, tuple[float, float]]:
    """Clean% and worst% of each row of the table."""
    (block,) = table("worst", task="trec", runs=str(ENTRIES)).blocks
    return {
        row.label: (float(100 * (row.cells[0].value or 0)), float(100 * (row.cells[2].value or 0)))
        for row in block.rows
    }


def test_the_best_worst_case_is_that_of_ada_with_texts_of_textfooler() -> None:
    worst = read_worst()
    best = max(worst, key=lambda name: worst[name][1])
    assert best == "ada on textfooler (bundled 2)" and round(worst[best][1], 1) == 48.8
    assert read_points("base", "ada on textfooler") == pytest.approx(2.8)


def test_perturbed_embeddings_with_the_authors_values_change_less_and_cost_little() -> None:
    worst = read_worst()
    for one in ("fgsm", "freelb", "smart"):
        assert all(0 < read_points(one, "base", attack) < 4 for attack in (*ATTACKS, "worst"))
        assert not difference(one, "base").parted
    told = {one: [a for a in ATTACKS if difference(one, "base", a).parted] for one in ("fgsm", "freelb", "smart")}
    assert told == {"fgsm": list(ATTACKS), "freelb": ["pwws"], "smart": ["textfooler", "textbugger"]}
    assert not difference("smart", "base", "worst").parted
    found = {one: difference(one, "base", "worst") for one in ("fgsm", "freelb")}
    assert all(one.covers_seeds and round(100 * one.value, 1) == 1.7 for one in found.values())
    assert {name: round(one.p or 0, 3) for name, one in found.items()} == {"fgsm": 0.008, "freelb": 0.033}
    (block,) = table("price", task="trec", runs=str(ENTRIES)).blocks
    passes = {row.label: row.cells[3].value or 0 for row in block.rows}
    texts = {row.label: row.cells[1].value for row in block.rows}
    more = [name for name in worst if texts[name] == 0 and worst[name][1] > worst["fgsm"][1]]
    assert {name: passes[name] / passes["fgsm"] for name in more} == {"pgd": 2, "freelb++": 5}


def test_kl_of_positive_pairs_orders_models_as_three_attacks_do_and_negative_pairs_do_not() -> None:
    blocks = table("correlation", task="trec", runs=str(ENTRIES)).blocks
    found = {block.setting["attack"].split()[0]: {row.name: row.cells for row in block.rows} for block in blocks}
    assert set(found) == set(ATTACKS)
    for attack, statistics in found.items():
        rank, _, _, _, adjusted, models = (float(cell.value or 0) for cell in statistics["kl_pos"])
        assert models == 17 and round(rank, 2) == KL_POS[attack]
        assert (adjusted > 0.05) == (attack == "textbugger")
    assert all((rows["ctr"][0].value or 0) < 0 and (rows["ctr"][4].value or 1) < 0.05 for rows in found.values())
    negative = {(a, name): rows[name] for a, rows in found.items() for name in ("mse_neg", "kl_neg")}
    assert [place for place, cells in negative.items() if (cells[4].value or 0) < 0.05] == [("textfooler", "mse_neg")]
    assert round(float(negative["textfooler", "mse_neg"][0].value or 0), 2) == -0.67
    assert [place for place, cells in negative.items() if (cells[0].value or 0) > 0] == [("textbugger", "kl_neg")]


def test_the_same_kind_of_processor_gave_the_same_records_and_another_kind_the_same_outcomes_and_texts() -> None:
    again = compare_reruns(load_entries(ENTRIES))
    assert {(one.n, one.same, one.same_texts) for one in again} == {(500, 500, 500)}
    equal = {who: [one.is_equal for one in again if one.rerun_by == who] for who in ("robench-epyc", "robench-xeon")}
    assert equal == {"robench-epyc": [True] * 8, "robench-xeon": [False] * 4} and len(again) == 12
