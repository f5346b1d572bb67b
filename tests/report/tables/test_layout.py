"""Which blocks, rows and columns table 5 has, and what stored files make it refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.report.tables import make
from robench.results import papers
from robench.results.selection import Selection
from robench.results.stage_file import encode
from robench.results.store import RECORDS_FILE, STAGE_FILE, Store, StoredStage
from support.hand_made import TRAINING, add_cell, add_on_dev, write_records
from support.tables import SECOND_ENCODER, fill5, names_of, options_of, rows, table5

pytestmark = pytest.mark.usefixtures("quick_by_hand")


def test_rows_and_columns_stand_in_the_papers_order(store: Store) -> None:
    order = papers.find_paper().defense_order
    named = [name for name in order if name != "*"]
    for defense in [*reversed(named), "zeta", "my-defense"]:
        add_cell(store, defense, "pwws", 100, n=110)
    for attack, title in (
        ("bae", None),
        ("textbugger", None),
        ("textfooler", "textfooler (bundled)"),
        ("textfooler", None),
    ):
        add_cell(store, "base", attack, 100, n=110, attack_title=title)
    table = table5(store)
    place = order.index("*")
    assert list(rows(table)) == [*named[:place], "my-defense", "zeta", *named[place:]]
    assert names_of(table) == ("clean%", "pwws", "textfooler", "textfooler (bundled)", "textbugger", "bae", "worst%")


@pytest.mark.parametrize(
    ("setting", "heading"),
    [
        ({"train_rows": 500}, "trec, 500 training rows"),
        ({"encoder": SECOND_ENCODER}, "trec, encoder tiny"),
        ({"encoder": {"name": "minilm", "digest": "f" * 64}}, "trec, encoder minilm (ffffffff)"),
        ({"precision": "bf16"}, "trec, bf16"),
        ({"training": {**TRAINING, "epochs": 9}}, "epochs 9"),
        ({"data": {"source": "local:there", "digest": "e" * 64, "notes": []}}, "trec, data local:there"),
        ({"n": 150}, "trec, 150 attacked samples"),
    ],
)
def test_two_settings_never_share_a_row(store: Store, setting: dict[str, Any], heading: str) -> None:
    add_cell(store, "base", "pwws", 100)
    add_cell(store, "base", "pwws", 140, **setting)
    table = table5(store)
    assert [len(block.rows) for block in table.blocks] == [1, 1]
    assert any(heading in block.heading for block in table.blocks)
    assert len({block.heading for block in table.blocks}) == 2
    assert all(row.seeds == (42,) for block in table.blocks for row in block.rows)


def test_development_rows_stand_below_test_rows(store: Store) -> None:
    add_on_dev(store, "base", wrong=20, n=150)
    add_cell(store, "base", "pwws", 100, seed=1)
    first, second = table5(store).blocks
    assert "dev rows" in second.heading and "dev rows" not in first.heading
    assert table5(store).legend[0].startswith("clean%: correct / all test or dev samples.")


def test_a_limit_of_clean_test_rows_is_none_of_development_rows(store: Store) -> None:
    add_cell(store, "base", "pwws", 100, split="dev", clean_limit=100)
    assert "clean%" not in table5(store).caption
    add_cell(store, "base", "pwws", 100, clean_limit=100)
    assert "clean% on 100 rows" in table5(store).blocks[0].heading


def test_settings_that_all_blocks_share_stand_in_the_caption(store: Store) -> None:
    fill5(store)
    table = table5(store)
    assert [block.heading for block in table.blocks] == ["sst2", "trec"]
    for words in ("minilm", "fp32", "learning_rate 0.0001", "1,000 training rows", "200 attacked samples"):
        assert words in table.caption


def test_changed_fields_are_rows_of_their_own(store: Store) -> None:
    add_cell(store, "taichi", "pwws", 90)
    add_cell(store, "taichi", "pwws", 95, changed={"temperature": 0.5, "cold": True})
    add_cell(store, "base", "pwws", 80)
    assert list(rows(table5(store))) == ["base", "taichi", "taichi (cold=true, temperature=0.5)"]


@pytest.mark.parametrize("number", ["5", "quality", "flips"])
def test_forms_of_a_defense_stand_by_their_labels(store: Store, number: str) -> None:
    for temperature in (0.5, 0.25, 2.0):
        changed = {} if temperature == 2.0 else {"temperature": temperature}
        add_cell(store, "taichi", "pwws", 90, changed=changed, fields={"temperature": temperature})
    labels = [row.label for row in make(number, store).blocks[0].rows]
    assert labels == ["taichi", "taichi (temperature=0.25)", "taichi (temperature=0.5)"]


@pytest.mark.parametrize("difference", [{"fields": {"temperature": 2.0}}, {"code": "somewhere 1.1"}])
def test_the_same_name_for_two_things_gets_keys_and_no_command(store: Store, difference: dict[str, Any]) -> None:
    first = add_cell(store, "taichi", "pwws", 90)
    second = add_cell(store, "taichi", "pwws", 95, **difference)
    add_cell(store, "base", "pwws", 80)
    add_cell(store, "base", "deepwordbug", 80)
    table = table5(store)
    assert set(rows(table)) == {"base", *(f"taichi [{cell.info.model[:8]}]" for cell in (first, second))}
    assert table.commands == ()
    assert any("No command makes" in line for line in table.legend)


def test_attacks_that_differ_are_columns_of_their_own(store: Store) -> None:
    add_cell(store, "base", "pwws", 90)
    add_cell(store, "base", "pwws", 95, attack_changed={"query_budget": 100})
    assert names_of(table5(store)) == ("clean%", "pwws", "pwws (query_budget=100)", "worst%")


def test_cells_of_two_adversarial_training_sets_are_rows_with_their_keys(store: Store) -> None:
    """Two adversarial training sets, made against victims of different versions."""
    for failed, victim in ((90, "base"), (95, "older base")):
        add_cell(store, "ada", "pwws", failed, victim=victim)
    found = rows(table5(store))
    assert all(re.fullmatch(r"ada \[[0-9a-f]{8}\]", label) for label in found)
    assert sorted(row.cells[1].value or 0 for row in found.values()) == [Fraction(90, 200), Fraction(95, 200)]


def test_notes_of_the_data_stand_once_below_the_table(store: Store) -> None:
    fill5(store)
    assert table5(store).notes == ("sst2: sst2 has no dev split", "trec: trec has no dev split")


@pytest.mark.parametrize(
    ("filters", "labels", "columns"),
    [
        ({"defenses": ["base"]}, ["base", "base"], 4),
        ({"attacks": ["pwws"], "tasks": ["trec"]}, ["base", "ada", "taichi"], 2),
        ({"tasks": ["sst2"], "encoders": ["minilm"], "presets": ["quick"], "seeds": [42]}, ["base", "taichi"], 4),
    ],
)
def test_filters_leave_the_rest_out(store: Store, filters: dict[str, Any], labels: list[str], columns: int) -> None:
    fill5(store)
    table = table5(store, selection=Selection(**filters))
    assert [row.label for block in table.blocks for row in block.rows] == labels
    assert len(table.columns) == columns


def other_records(cell: StoredStage[Any]) -> None:
    (cell.folder / RECORDS_FILE).unlink()
    write_records(cell.folder, 3, 4)


def no_encoder(cell: StoredStage[Any]) -> None:
    (cell.folder / STAGE_FILE).write_text(encode(cell.info).replace('"encoder"', '"other"'), encoding="utf-8")


@pytest.mark.parametrize(
    "spoil",
    [other_records, no_encoder, lambda cell: (cell.folder / RECORDS_FILE).unlink()],
    ids=["other records", "no encoder", "no records"],
)
def test_a_broken_cell_is_named_and_left_out(store: Store, spoil: Callable[[StoredStage[Any]], None]) -> None:
    cell = add_cell(store, "base", "pwws", 100)
    add_cell(store, "ada", "pwws", 120)
    spoil(cell)
    sentences: list[str] = []
    table = table5(Store(store.root, sentences.append))
    ada = rows(table)["ada"].cells[1]
    assert "base" not in rows(table) or not rows(table)["base"].seeds
    assert ada.value == Fraction(120, 200)
    (sentence,) = sentences
    assert str(cell.folder) in sentence


def test_the_table_of_worst_cases_is_named_with_what_the_table_shows(store: Store) -> None:
    fill5(store)
    chosen = Selection(tasks=["trec"], defenses=["ada", "base"], seeds=[42])
    legend = table5(store, selection=chosen, command_options=["--runs", "r"]).legend
    command = "`robench table worst --task trec --defense ada,base --seed 42 --runs r`"
    assert f"n/a: one model per attack; {command} has the worst% of each." in legend


def test_an_empty_store_says_what_fills_it(store: Store) -> None:
    with pytest.raises(RobenchError, match="no results in runs yet; `robench run --defense") as error:
        table5(store, runs="runs")
    assert options_of(str(error.value).split("`")[1])["preset"] == "quick"


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"defenses": ["smart"]}, "with defense smart; it has ada, base, taichi"),
        ({"seeds": [1, 42]}, "with seed 1; it has 42"),
        ({"tasks": ["sst2"], "defenses": ["ada"]}, "at once"),
    ],
)
def test_a_filter_that_leaves_nothing_is_an_error(store: Store, filters: dict[str, Any], message: str) -> None:
    fill5(store)
    with pytest.raises(RobenchError, match=message):
        table5(store, selection=Selection(**filters))


def test_a_warning_is_noted_once_after_the_models_or_the_task_that_it_is_about(store: Store) -> None:
    for defense, warnings in (("base", ["window", "flat"]), ("ada", ["window"])):
        add_cell(store, defense, "pwws", 50, warnings=warnings)
    assert [note for note in table5(store).notes if "window" in note or "flat" in note] == [
        "trec: warning: window",
        "base on trec: warning: flat",
    ]
