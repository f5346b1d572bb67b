"""The table of differences: each model less one of them, as ``robench compare`` has it, and p of the whole family."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest

from robench import table
from robench.report.rendering import render
from robench.report.tables import Block, Row, Table, make
from robench.results.integrity import CLEAN_FILE
from robench.results.selection import NoResultsError, Selection
from robench.results.significance import holm
from robench.results.store import Store, StoredStage
from support.hand_made import add_cell, digest
from support.published_entries import ENTRIES, difference

STANDING = {"base": 100, "pgd": 112, "taichi": 130}


@pytest.fixture
def filled(store: Store) -> Store:
    """Three defenses under two attacks, of one seed; the more robust stand on all texts on which the others do."""
    for defense, failed in STANDING.items():
        for attack, more in (("pwws", 0), ("deepwordbug", 10)):
            add_cell(store, defense, attack, failed + more)
    add_cell(store, "taichi", "deepwordbug", 120, trained="pwws")
    return store


def conditions(shown: Table) -> dict[str, Block]:
    return {block.setting["attack"]: block for block in shown.blocks}


def numbers(row: Row) -> list[float | None]:
    return [None if cell.value is None else float(cell.value) for cell in row.cells]


def add_clean(store: Store, cell: StoredStage[Any], right: int, n: int = 500) -> None:
    """Store what the model of a cell predicts for clean texts, right for the first of them."""
    folder = store.root / "models" / f"{cell.info.label}-{cell.info.model}"
    folder.mkdir(parents=True)
    first, rest = ({"probabilities": [p, 1 - p], "correct": p > 0.5} for p in (0.75, 0.25))
    text = "".join(json.dumps({"id": i, "label": 0} | (first if i < right else rest)) + "\n" for i in range(n))
    (folder / CLEAN_FILE).write_text(text, encoding="utf-8")


def points(block: Block) -> dict[str, float]:
    """The differences of a block, in points."""
    return {row.label: round(100 * (numbers(row)[0] or 0), 9) for row in block.rows}


def test_each_model_is_compared_with_the_undefended_one_under_each_attack(filled: Store) -> None:
    shown = conditions(make("differences", filled))
    assert list(shown) == ["deepwordbug", "pwws", "worst"]  # what models predict for clean texts is not stored
    assert points(shown["pwws"]) == {"pgd": 6, "taichi on pwws": 15}
    assert points(shown["deepwordbug"]) == {"pgd": 6, "taichi on deepwordbug": 15, "taichi on pwws": 5}
    # Only models that met both attacks have a worst case, and under deepwordbug all stand where they do under pwws.
    assert points(shown["worst"]) == {"pgd": 6, "taichi on pwws": 10}


def test_p_is_mcnemars_and_adjusted_for_all_tests_of_the_table(filled: Store) -> None:
    found = list(chain(*(block.rows for block in make("differences", filled).blocks)))
    plain = [2 * 0.5 ** round(200 * (numbers(row)[0] or 0)) for row in found]  # nothing is lost: all are on one side
    assert [numbers(row)[3] for row in found] == plain
    assert [numbers(row)[4] for row in found] == holm(plain)
    assert all(row.cells[0].best for row in found)


@pytest.mark.parametrize(("gained", "is_claim"), [(5, False), (6, True)])
def test_a_difference_is_bold_if_the_adjusted_p_tells_it_from_none(store: Store, gained: int, is_claim: bool) -> None:
    add_cell(store, "base", "pwws", 100)
    add_cell(store, "pgd", "pwws", 100 + gained)
    (block,) = make("differences", store).blocks  # the worst of one attack is that attack
    assert numbers(block.rows[0])[3:5] == [2 * 0.5**gained] * 2
    assert block.rows[0].cells[0].best is is_claim


def test_models_of_few_seeds_are_left_out_beside_pairs_of_three(store: Store) -> None:
    for seed in (1, 2, 3):
        add_cell(store, "base", "pwws", 100 + seed, seed=seed)
        add_cell(store, "pgd", "pwws", 112 - seed, seed=seed)
    add_cell(store, "taichi", "pwws", 130, seed=2)
    shown = make("differences", store)
    block = conditions(shown)["pwws"]
    found = {row.label: numbers(row) for row in block.rows}
    assert points(block) == {"pgd": 4}
    assert any(note.startswith("taichi on pwws: left out, since with fewer than 3 seeds") for note in shown.notes)
    assert None not in found["pgd"] and found["pgd"][-1] == 3
    alone = conditions(make("differences", store, selection=Selection(seeds=[2])))["pwws"]
    assert points(alone) == {"pgd": 4, "taichi on pwws": 14} and all(None not in numbers(row) for row in alone.rows)


def test_the_compared_model_is_subtracted(filled: Store) -> None:
    shown = make("differences", filled, compare="taichi on pwws")
    assert shown.caption.startswith("Each model minus taichi on pwws. ")
    found = points(conditions(shown)["deepwordbug"])
    assert found == {"base": -5, "pgd": 1, "taichi on deepwordbug": 10}
    assert "| base | **-5.0** | " in render(shown, "md") and "| pgd | +1.0 | " in render(shown, "md")


def test_what_cannot_be_subtracted_is_refused(filled: Store) -> None:
    several = "trec: taichi is the name of several models, taichi on deepwordbug, taichi on pwws: `robench table"
    with pytest.raises(NoResultsError, match=several):
        make("differences", filled, compare="taichi")
    with pytest.raises(NoResultsError, match="did you mean pgd"):
        make("differences", filled, compare="pdg")
    with pytest.raises(NoResultsError, match="there are no results of ada to subtract, but of base, pgd, taichi on"):
        make("differences", filled, compare="ada")
    with pytest.raises(NoResultsError, match=r"has no pair of models .* with base as one of them\. `robench run"):
        make("differences", filled, selection=Selection(defenses=["base"]))
    with pytest.raises(NoResultsError, match="subtracts base, which --defense leaves out; add it, or --compare names"):
        make("differences", filled, selection=Selection(defenses=["pgd"]))


def test_a_task_whose_model_cannot_be_subtracted_is_named_and_the_others_stay(filled: Store) -> None:
    for code in ("", "x"):
        add_cell(filled, "base", "pwws", 50, task="sst2", code=code)
    add_cell(filled, "pgd", "pwws", 60, task="mr")
    shown = make("differences", filled)
    assert {block.task for block in shown.blocks} == {"trec"}
    assert any(note.startswith("sst2: base is the name of several models, base [") for note in shown.notes)
    assert any(note.startswith("mr: there are no results of base to subtract, but of pgd") for note in shown.notes)


def test_clean_texts_are_compared_once_however_many_were_attacked(store: Store) -> None:
    for n in (100, 150, 200):
        for defense, failed in (("base", 40), ("pgd", 48)):
            cell = add_cell(store, defense, "pwws", failed, n=n)
            if n == 100:
                add_clean(store, cell, right=440 if defense == "base" else 448)
    shown = make("differences", store)
    assert [block.setting["attack"] for block in shown.blocks] == ["clean", "pwws", "pwws", "pwws"]
    assert [numbers(block.rows[0])[-2] for block in shown.blocks] == [500, 100, 150, 200]
    assert points(shown.blocks[0]) == {"pgd": pytest.approx(1.6)}
    assert len({block.heading for block in shown.blocks}) == 4


def test_clean_texts_are_compared_over_the_seeds_whose_predictions_are_stored(store: Store) -> None:
    for seed in (1, 2):
        for defense, right in (("base", 440), ("pgd", 448)):
            cell = add_cell(store, defense, "pwws", 90, seed=seed)
            if (defense, seed) != ("base", 2):
                add_clean(store, cell, right=right)
    shown = make("differences", store)
    assert numbers(conditions(shown)["clean"].rows[0])[-1] == 1
    assert "base: what a model predicts for clean texts is not stored, or not with every seed" in shown.notes


def test_two_seeds_have_both_values_and_no_test(store: Store) -> None:
    for seed in (1, 2):
        add_cell(store, "base", "pwws", 100, seed=seed)
        add_cell(store, "pgd", "pwws", 110 + 4 * seed, seed=seed)
    shown = make("differences", store)
    (row,) = shown.blocks[0].rows
    assert numbers(row)[1:] == [None, None, None, None, 200, 2]
    assert "| pgd | +8.0 (+7.0, +9.0) | — | — | — | — | 200 | 2 |" in render(shown, "md")
    assert any(line.startswith("In parentheses, of two seeds") for line in shown.legend)


def test_errors_are_counted_beside_the_samples_that_are_left(store: Store) -> None:
    add_cell(store, "base", "pwws", 100, errors=50)
    add_cell(store, "pgd", "pwws", 112)
    shown = make("differences", store)
    assert "| 150, 50 errors ! |" in render(shown, "md")
    assert "base: more than 1 % of the samples ended in an error; they may have changed the number" in shown.notes
    assert not any(line.startswith((":", " ")) for line in shown.legend)


def test_few_attacked_samples_say_nothing_of_clean_texts(store: Store) -> None:
    for defense, failed in (("base", 20), ("pgd", 30)):
        add_clean(store, add_cell(store, defense, "pwws", failed, n=50), right=440)
    shown = conditions(make("differences", store))
    assert [shown[attack].rows[0].flags for attack in ("clean", "pwws")] == [(), ("few samples",)]


def test_without_intervals_there_are_no_bounds(filled: Store) -> None:
    shown = make("differences", filled, intervals=False)
    assert [column.name for column in shown.columns] == ["difference", "p", "p, adjusted", "samples", "seeds"]
    assert all(len(row.cells) == 5 for block in shown.blocks for row in block.rows)
    assert not any(line.startswith("from, to") for line in shown.legend)


def test_csv_says_which_model_is_subtracted(filled: Store) -> None:
    head, line, *_ = render(make("differences", filled), "csv").splitlines()
    assert dict(zip(head.split(","), line.split(","), strict=False))["compared_with"] == "base"


def test_notes_are_about_the_models_that_are_shown(filled: Store) -> None:
    for row, (defense, note) in enumerate((("base", "trec has no dev split"), ("ada", "of ada alone"))):
        data = {"source": "local:elsewhere", "digest": digest(row), "notes": [note]}
        add_cell(filled, defense, "textfooler", 30, data=data)
    shown = make("differences", filled)
    assert any("no dev split" in note for note in shown.notes) and not any(
        "of ada alone" in note for note in shown.notes
    )


def test_models_that_learned_nothing_are_left_out(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    add_cell(store, "pgd", "pwws", 112)
    add_cell(store, "smart", "pwws", 199, clean=(250, 500, 250))
    shown = make("differences", store)
    assert {row.label for row in chain(*(block.rows for block in shown.blocks))} == {"pgd"}
    assert any(note.startswith("smart: left out, for a model cannot be told") for note in shown.notes)


def test_the_published_differences_are_those_that_compare_finds() -> None:
    shown = table("differences", task="trec", defense=["base", "pgd", "ada", "taichi"], plain=True, runs=str(ENTRIES))
    tested = []
    for block in shown.blocks:
        attack = str(block.setting["attack"]).removesuffix(" (bundled 2)")
        for row in block.rows:
            own = difference(row.label, "base", "" if attack == "clean" else attack)
            cells = numbers(row)
            assert cells[:4] == [own.value, own.low, own.high, own.p] and cells[-1] == len(own.seeds) == 3
            tested.append((own.p, cells[4]))
    assert len(tested) == 3 * 6
    plain, adjusted = zip(*tested, strict=True)
    assert list(adjusted) == holm(plain)


def test_a_small_p_is_not_shown_as_none() -> None:
    shown = table("differences", task="sst2", runs=str(ENTRIES))
    assert r"\<0.0001" in render(shown, "md") and "0.0000" not in render(shown, "md")
