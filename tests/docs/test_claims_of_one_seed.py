"""The sentences of docs/results.md on one seed: an entry against one of them makes its test fail."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from robench import table
from robench.results.entries import load_entries
from robench.results.significance import mcnemar
from support.code_blocks import ROOT
from support.published_entries import ATTACKS, ENTRIES, EVERYTHING, TAICHI, difference, read_points, read_seed

PLACE: dict[str, Any] = {"task": "trec", "seed": 42, "plain": True, "runs": str(ENTRIES)}
"""What the models of one seed are compared by."""


def test_soft_labels_bring_clean_accuracy_back_and_take_robustness_away() -> None:
    points = {
        ("base", "base-adv", ""): 7,
        ("base-adv-soft", "base-adv", ""): 5,
        ("base-adv", "base-adv-soft", "pwws"): 16,
        ("base", "base-adv-soft", "pwws"): 2.2,
    }
    for pair, expected in points.items():
        assert difference(*pair).parted and read_points(*pair) == pytest.approx(expected)
    made = next(entry.trained_against for entry in load_entries(ENTRIES) if entry.defense.name == "base-adv")
    assert made is not None and made.attacked is not None
    assert 0.45 < (made.attacked.succeeded or 0) / made.attacked.n < 0.55


@pytest.mark.parametrize("weight", ["0.4", "0.5", "0.6", "0.7", "0.8"])
def test_the_linear_average_cannot_be_told_from_taichi(weight: str) -> None:
    average = "average on pwws" if weight == "0.5" else f"average on pwws (weight={weight})"
    assert not any(difference(TAICHI, average, attack).parted for attack in ("", "pwws"))


def test_the_linear_average_near_the_adversarial_network_is_worse_on_clean_texts() -> None:
    clean = difference(TAICHI, "average on pwws (weight=0.2)")
    assert clean.parted and (round(100 * clean.value, 1), round(clean.p or 0, 3)) == (2.2, 0.007)


def test_more_steps_of_freelb_hold_better_than_base_and_cannot_be_told_from_fewer_in_the_worst_case() -> None:
    assert all(0.04 < difference("freelb++", "base", attack).value < 0.065 for attack in ATTACKS)
    assert all(difference("freelb++", "base", attack).parted for attack in (*ATTACKS, "worst"))
    assert read_points("freelb++", "base", "worst") == pytest.approx(2.4)
    assert not difference("freelb++", "freelb", "worst").parted
    shown = table("differences", compare="freelb++", defense=["base", "freelb", "freelb++", "pgd"], **PLACE)
    cells = {(block.setting["attack"], row.name): row.cells for block in shown.blocks for row in block.rows}
    assert [attack for attack, name in cells if name == "freelb" and cells[attack, name][0].best] == ["pwws"]
    assert round(100 * float(cells["pwws", "freelb"][0].value or 0), 1) == -3.0
    assert difference("pgd", "freelb++", "worst").parted
    assert read_points("pgd", "freelb++", "worst") == pytest.approx(3.4)
    (block,) = table("price", task="trec", runs=str(ENTRIES)).blocks
    passes = {row.label: row.cells[3].value or 0 for row in block.rows}
    assert passes["freelb++"] == 5 * passes["freelb"]
    fields = {e.defense.name: e.defense.fields for e in load_entries(ENTRIES) if e.defense.name.startswith("freelb")}
    assert (fields["freelb"]["steps"], fields["freelb++"]["steps"]) == (2, 10)


def test_ada_at_the_price_of_taichi_gives_its_gain_in_the_worst_case_away() -> None:
    longer = "ada on pwws (training.epochs=6)"
    assert not difference(longer, "base").parted
    told = table("differences", compare="ada on pwws", defense="ada", **{**PLACE, "plain": False}).blocks
    bold = [
        block.setting["attack"] for block in told for row in block.rows if row.label == longer and row.cells[0].best
    ]
    assert bold == ["textfooler (bundled 2)", "worst"]
    shown = {"base": 39.8, "ada on pwws": 45.2, TAICHI: 46.2, longer: 37.8}
    assert {name: round(read_seed(name, 42)[-1], 1) for name in shown} == shown


def test_taichi_trained_longer_has_its_clean_accuracy_back() -> None:
    longer = "taichi on pwws (training.epochs=6)"
    clean = difference(longer, TAICHI)
    assert clean.p is not None and clean.value > 0 and round(clean.p, 3) == 0.019
    assert not difference(longer, "base").parted
    assert not any(difference(longer, TAICHI, attack).parted for attack in ATTACKS)
    assert read_points(TAICHI, longer, "worst") == pytest.approx(2.2)


def test_seed_42_of_taichi_is_the_lowest_of_its_three_in_five_columns_of_six() -> None:
    one, *others = (read_seed(TAICHI, seed) for seed in (42, 43, 44))
    assert [all(own < other for other in rest) for own, *rest in zip(one, *others, strict=True)].count(True) == 5
    longer = "taichi on pwws (training.epochs=6)"
    assert read_seed(longer, 42)[0] - max(others[0][0], others[1][0]) == pytest.approx(1)
    perturbed = read_seed("taichi on pwws (unsuccessful=perturbed)", 42)
    assert sum(max(pair) >= own for own, *pair in zip(perturbed, *others, strict=True)) == 4


def test_what_stands_for_attacks_that_failed_moves_little() -> None:
    for name in ("ada on pwws", TAICHI):
        found = {attack: difference(f"{name} (unsuccessful=perturbed)", name, attack) for attack in EVERYTHING}
        assert all(one.seeds == (42,) and abs(one.value) <= 0.02 for one in found.values())
        assert [attack for attack, one in found.items() if one.parted] == (["textfooler"] if name == TAICHI else [])
        if name == TAICHI:
            assert all(one.value > 0 for one in found.values())
            told = found["textfooler"]
            assert (round(100 * told.value, 1), round(told.p or 0, 3)) == (1.8, 0.035)
    rows = {
        entry.defense.fields["unsuccessful"]: entry.rows
        for entry in load_entries(ENTRIES)
        if entry.label.startswith("trec-taichi-pwws") and entry.seed == 42 and entry.rows
    }
    unchanged = {choice: (found.unchanged or 0) / found.adversarial for choice, found in rows.items()}
    assert unchanged == {"original": pytest.approx(0.48, abs=0.005), "perturbed": pytest.approx(0.08, abs=0.005)}


def test_no_trial_of_tuning_is_told_from_the_default_form() -> None:
    file = ROOT / "leaderboards" / "development" / "trec.csv"
    lines = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    default = {line["defense"]: line for line in lines if line["form"] == "default"}
    assert all(len(line[kind]) == 452 and set(line[kind]) == {"0", "1"} for line in lines for kind in ("clean", "pwws"))
    for line in lines:
        for kind in ("clean", "pwws"):
            pairs = list(zip(line[kind], default[line["defense"]][kind], strict=True))
            assert mcnemar(pairs.count(("1", "0")), pairs.count(("0", "1"))) > 0.05
    tuned = {}
    for name in ("ada", "taichi", "freelb++"):
        right = {one["form"]: (one["clean"] + one["pwws"]).count("1") for one in lines if one["defense"] == name}
        tuned[name] = [form for form, count in right.items() if count == max(right.values())]
    rate = "training.learning_rate=6e-05"
    assert tuned == {"ada": ["ratio=0.5"], "taichi": [rate], "freelb++": ["default", rate]}


def test_the_tuned_taichi_has_clean_accuracy_back_and_the_tuned_ada_lost_what_it_had() -> None:
    ada, taichi = "ada on pwws (ratio=0.5)", "taichi on pwws (training.learning_rate=6e-05)"
    clean = difference(taichi, TAICHI)
    assert clean.seeds == (42,) and (round(100 * clean.value, 1), round(clean.p or 0, 3)) == (2.0, 0.013)
    assert abs(read_points(taichi, TAICHI, "worst")) < 0.5 and not difference(taichi, "base").parted
    lost = difference(ada, "ada on pwws", "pwws")
    assert (round(100 * lost.value, 1), round(lost.p or 0, 3)) == (-3.6, 0.008)
    told = [attack for attack in EVERYTHING if difference(taichi, ada, attack).parted]
    assert told == ["pwws", "textfooler", "worst"]
    assert [round(read_points(taichi, ada, attack), 1) for attack in told] == [6.8, 3.8, 3.0]
    assert round(difference(taichi, ada, "worst").p or 0, 3) == 0.014


def test_a_defense_trained_against_another_attack_gains_under_that_one_alone() -> None:
    for attack, gain, p in (("deepwordbug", 3.6, 0.006), ("textbugger", 3.2, 0.009)):
        taichi, ada = (f"{name} on {attack}" for name in ("taichi", "ada"))
        assert all(-13.05 < read_points(one, f"{one.split()[0]} on pwws", "pwws") < -8.95 for one in (taichi, ada))
        own = difference(taichi, TAICHI, attack)
        assert own.seeds == (42,) and (round(100 * own.value, 1), round(own.p or 0, 3)) == (gain, p)
        assert not difference(ada, "ada on pwws", attack).parted
        worst = difference(taichi, TAICHI, "worst")
        assert not worst.parted and abs(worst.value) < 0.02
        assert read_points(taichi, ada, "worst") == pytest.approx(3.8)
        assert all(difference(taichi, ada, one).parted for one in ("textfooler", "worst"))
    lost = difference("ada on textbugger", "ada on pwws", "worst")
    assert (round(100 * lost.value, 1), lost.parted) == (-4.4, True)
    assert not difference("ada on deepwordbug", "ada on pwws", "worst").parted
    assert not difference(TAICHI, "ada on pwws", "worst", (42,)).parted
    found = [
        difference(f"taichi on {attack}", f"ada on {attack}", "worst").p for attack in ("deepwordbug", "textbugger")
    ]
    assert [round(p or 0, 4) for p in found] == [0.0005, 0.0013]


def test_textfooler_is_the_worst_of_four_attacks_for_whom_does_not_know_it() -> None:
    rows = [row for kind in ("5", "matrix") for row in table(kind, task="trec", runs=str(ENTRIES)).blocks[0].rows]
    unmet = [row.cells[1:5] for row in rows if "on textfooler" not in row.label]
    known = [cells for cells in unmet if all(cell.value is not None for cell in cells)]
    found = [[cell.value or 0 for cell in cells] for cells in known]
    assert len(found) > 20 and all(min(values) == values[ATTACKS.index("textfooler")] for values in found)


def test_trained_against_textfooler_the_worst_case_of_ada_is_better_and_that_of_taichi_is_not_told() -> None:
    ada, taichi = "ada on textfooler", "taichi on textfooler"
    for one, plain, gain, p, lost in ((ada, "ada on pwws", 2.8, 0.044, 6.0), (taichi, TAICHI, 3.0, 0.02, 5.2)):
        own = difference(one, plain, "textfooler", (42,))
        assert (round(100 * own.value, 1), round(own.p or 0, 3)) == (gain, p)
        assert difference(plain, one, "pwws", (42,)).parted
        assert read_points(plain, one, "pwws", (42,)) == pytest.approx(lost)
    worst, clean = difference(ada, "ada on pwws", "worst"), difference(ada, "ada on pwws")
    assert (round(100 * worst.value, 1), round(worst.p or 0, 3)) == (3.6, 0.002)
    assert (round(100 * clean.value, 1), round(clean.p or 0, 3)) == (-1.8, 0.049)
    assert not difference(taichi, TAICHI, "worst").parted
    assert not any(difference(taichi, ada, attack).parted for attack in EVERYTHING)
    worst_of = {
        name: [read_seed(f"{name} on {attack}", 42)[-1] for attack in ("pwws", "deepwordbug")]
        + [read_seed(f"{name} on {attack} (bundled 2)", 42)[-1] for attack in ("textfooler", "textbugger")]
        for name in ("ada", "taichi")
    }
    assert {name: round(max(found) - min(found), 1) for name, found in worst_of.items()} == {"ada": 8.0, "taichi": 3.0}
    assert round(max(worst_of["ada"]), 1) == 48.8


def test_on_sst2_hardly_anything_survives_and_freelb_is_ahead_of_base() -> None:
    (block,) = table("worst", task="sst2", runs=str(ENTRIES)).blocks
    worst = {row.label: round(100 * float(row.cells[2].value or 0), 1) for row in block.rows}
    assert worst == {"base": 2.2, "freelb": 3.8}
    found = [difference("freelb", "base", attack, task="sst2") for attack in ATTACKS]
    assert all(one.seeds == (42,) and one.p is not None and one.p < 0.05 and 0.02 <= one.value < 0.05 for one in found)
    assert not difference("freelb", "base", task="sst2").parted
