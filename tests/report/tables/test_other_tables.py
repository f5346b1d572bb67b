"""Tables 2, 3, 4, 6 and 7, correlations of the statistics of table 7, and all tables at once."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas
import pytest
from scipy.stats import spearmanr

from robench.errors import RobenchError
from robench.plugins import plugin_files, registry
from robench.report.rendering import render
from robench.report.tables import Table, make, make_all
from robench.results import papers
from robench.results.selection import NoResultsError, Selection
from robench.results.store import Store
from support.hand_made import add_cell
from support.hand_made_statistics import add_statistics
from support.tables import BERT, fill4, fill6, fill7, fill_correlated, rows, shown, sst2, texts

pytestmark = pytest.mark.usefixtures("quick_by_hand")


PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar
import robench
from robench.defense import AdversarialDefense, Defense, TrainsOn

@robench.register("table-two-odd")
@dataclass(frozen=True, kw_only=True)
class Odd(AdversarialDefense):
    '''Pairs, and a third kind of loss.'''
    trains_on: ClassVar[TrainsOn] = TrainsOn.PAIRS
    network_count = 2
    mix_weight: float = 0.5
    ctr_weight: float = 0.0
    classifies = "adv"
    def loss(self, networks, batch):
        return {}

@robench.register("table-two-noise")
@dataclass(frozen=True, kw_only=True)
class Noise(Defense):
    '''Perturbs embeddings in a way of its own.'''
    augmentation = "virtual"
    def loss(self, networks, batch):
        return {}
"""


def test_the_methods_are_those_of_the_papers_table(store: Store) -> None:
    printed = {
        "base": ["n/a", "clean", "CE", "no"],
        "base-adv": ["n/a", "adv", "CE", "no"],
        "fgsm": ["virtual", "clean", "CE", "no"],
        "pgd": ["virtual", "clean", "CE", "no"],
        "freelb": ["virtual", "clean", "CE", "no"],
        "smart": ["virtual", "clean", "CE", "no"],
        "ada": ["real text", "clean+adv", "CE", "no"],
        "clean": ["real text", "clean", "CE+CTR", "no"],
        "adversarial": ["real text", "adv", "CE+CTR", "no"],
        "taichi-no-ctr": ["real text", "clean", "CE+KL", "yes"],
        "taichi-no-adv": ["real text", "clean", "CE+CTR+KL", "no"],
        "taichi": ["real text", "clean", "CE+CTR+KL", "yes"],
    }
    table = make("2", store)
    assert list(rows(table)) == [row.name for row in table.blocks[0].rows]
    assert set(rows(table)) == set(registry.names("defenses"))
    found = texts(table)
    assert {name: found[name] for name in printed} == printed
    # A slow average of the network is no adversarial model, whatever the number of networks.
    assert found["smart-paper"] == ["virtual", "clean", "CE", "no"]


def test_a_plugin_has_a_row_and_may_say_what_cannot_be_derived(
    store: Store, tmp_path: Path, forget_plugins: None
) -> None:
    path = tmp_path / "odd.py"
    path.write_text(PLUGIN, encoding="utf-8")
    plugin_files.load_plugin(path)
    table = make("2", store, selection=Selection(defenses=["table-two-odd", "base", "table-two-noise"]))
    assert texts(table) == {
        "base": ["n/a", "clean", "CE", "no"],
        "table-two-noise": ["virtual", "clean", "CE", "no"],
        "table-two-odd": ["real text", "adv", "CE+MIX", "yes"],
    }
    assert sum(f"is from {path}" in note for note in table.notes) == 2


def test_data_sets_are_counted(store: Store, data: Path) -> None:
    table = make("3", store, selection=Selection(tasks=["trec", "sst2"]), data=data)
    assert [(c.key, c.unit) for c in table.columns][:2] == [("classes", "count"), ("length", "number")]
    assert {label: [cell.value for cell in row.cells] for label, row in rows(table).items()} == {
        "sst2": [2, 3, 2, 1, 1],
        "trec": [6, 2, 2, 1, 2],
    }
    assert f"sst2: from local:{data / 'sst2'}" in table.notes
    assert "white space" in render(table, "md")
    assert "| sst2 | 2 | 3.0 | 2 | 1 | 1 |" in render(table, "md")


def test_a_task_that_cannot_be_loaded_has_dashes_and_a_reason(store: Store, data: Path) -> None:
    table = make("3", store, selection=Selection(tasks=["sst2", "ag"]), data=data)
    assert [cell.value for cell in rows(table)["ag"].cells] == [None] * 5
    assert any("ag" in note and "no folder" in note for note in table.notes)
    assert "| ag | — | — | — | — | — |" in render(table, "md")
    with pytest.raises(RobenchError, match=r"unknown task .sst3.: .*sst2"):
        make("3", store, selection=Selection(tasks=["sst3"]), data=data)


def test_data_sets_stand_beside_the_papers(store: Store, data: Path) -> None:
    table = make("3", store, selection=Selection(tasks=["sst2", "mr", "ag"]), data=data, against="paper")
    text = render(table, "md")
    assert r"| sst2 | 2 \[2, 0\] | 3.0 \[19.0, -16.0\] | 2 \[6,900, -6,898\] | 1 \[872, -871\] |" in text
    assert r"| ag | — \[4\] | — \[32.0\] | — \[114,000\]" in text
    assert "| mr | — | — |" in text
    frame = pandas.read_csv(io.StringIO(render(table, "csv"))).set_index("task")
    assert frame.loc["sst2", "#train less paper"] == -6898


@pytest.mark.usefixtures("adversarial_cells")
def test_label_conflict_is_clean_accuracy_by_training_texts(store: Store) -> None:
    fill4(store)
    table = make("4", store)
    assert [column.name for column in table.columns] == ["clean% (pwws)"]
    # 92.0 and 92.2, 76 and 78, 88 and 89
    assert {label: shown(table, label) for label in rows(table)} == {
        "base": ["92.1"],
        "base-adv": ["77.0"],
        "base-adv-soft": ["88.5"],
    }
    (cell,) = rows(table)["base-adv"].cells
    assert cell.sd == pytest.approx(0.02 / math.sqrt(2)) and cell.seeds == (42, 43)
    assert rows(table)["base"].cells[0].best and not cell.best
    assert rows(table)["base"].attacked_n is None


@pytest.mark.usefixtures("adversarial_cells")
def test_label_conflict_of_another_attack_keeps_the_clean_model(store: Store) -> None:
    """Base needs no attack: its row is the same whichever attack met it, and however many samples were attacked."""
    sst2(store, "base", "pwws", correct=460, n=100)
    sst2(store, "base-adv", "deepwordbug", correct=350, n=150)
    table = make("4", store, selection=Selection(attacks=["deepwordbug"]), command_options=["--runs", "r"])
    assert shown(table, "base") == ["92.0"] and shown(table, "base-adv") == ["70.0"]
    assert shown(table, "base-adv-soft") == [None]
    (command,) = table.commands
    assert "--defense base-adv-soft --task sst2 --attack deepwordbug" in command and command.endswith("--runs r")


@pytest.mark.parametrize(
    ("number", "asked", "message"),
    [
        ("4", {}, "table 4, which is about sst2, .* unless --task names another; .* task trec"),
        ("4", {"tasks": ["trec"]}, "texts of pwws; there are results with attack deepwordbug"),
        ("6", {}, "table 6, which is about sst2"),
        ("7", {}, "yet; statistics .* `robench run --table 7`"),
        ("7", {"tasks": ["trec"]}, "`robench run --table 7`"),
        ("5", {"tasks": ["sst2"]}, "with task sst2; it has trec"),
    ],
)
def test_a_table_without_results_is_refused_with_what_it_lacks(
    store: Store, number: str, asked: dict[str, Any], message: str
) -> None:
    add_cell(store, "base", "deepwordbug", 40)
    with pytest.raises(NoResultsError, match=message):
        make(number, store, selection=Selection(**asked))


def test_a_block_for_each_encoder(store: Store) -> None:
    fill6(store)
    table = make("6", store)
    assert [block.heading for block in table.blocks] == ["bert-base-uncased", "bert-large-uncased", "tiny"]
    assert [[row.label for row in block.rows] for block in table.blocks] == [["base", "ada", "taichi"]] * 3
    large = table.blocks[1].rows[2]
    assert [cell.value for cell in large.cells] == [Fraction(455, 500), Fraction(75, 200)]
    assert [cell.difference for cell in large.cells] == [0, Fraction(20, 200)]
    (command,) = table.commands
    assert "--defense ada,taichi --task sst2 --attack pwws" in command and "--encoder tiny" in command


def test_other_tasks_defenses_and_encoders_can_be_asked_for(store: Store) -> None:
    fill6(store)
    assert list(rows(make("6", store, selection=Selection(tasks=["trec"])))) == ["base", "ada", "taichi"]
    assert list(rows(make("6", store, selection=Selection(defenses=["pgd"])))) == ["pgd"]
    table = make("6", store, selection=Selection(encoders=["bert-large-uncased"], tasks=["trec", "sst2"]))
    assert [block.heading for block in table.blocks] == [
        "bert-large-uncased, task sst2",
        "bert-large-uncased, task trec",
    ]


def test_statistics_of_models(store: Store) -> None:
    fill7(store)
    table = make("7", store)
    names = ["before", "base", "clean", "taichi-no-ctr", "taichi-no-adv", "taichi"]
    assert list(rows(table)) == names
    found = rows(table)
    assert found["clean"].cells[1].value == Fraction(3, 4) and found["base"].cells[2].text == "∞"
    assert found["taichi"].cells[4].value == Fraction("6.375")  # of 6.25 and 6.5
    assert shown(table, "taichi")[5:] == ["91.8", "20.5"] and found["taichi"].cells[5].sd == pytest.approx(
        0.002 * math.sqrt(2)
    )
    assert all(cell.value is None for cell in found["taichi-no-adv"].cells)
    assert "`robench run --table 7`" in table.legend[-1]


def test_lower_is_better_where_it_is_and_before_takes_no_part(store: Store) -> None:
    fill7(store)
    found = rows(make("7", store))
    best = {column: [name for name, row in found.items() if row.cells[i].best] for i, column in enumerate("abcdefg")}
    assert best["a"] == ["clean", "taichi"]  # a tie; before is lower
    assert best["b"] == ["clean"] and best["e"] == ["taichi"]
    assert best["c"] == ["clean", "taichi-no-ctr", "taichi"]
    assert best["f"] == ["clean"] and best["g"] == ["taichi"]


def test_settings_and_attacks_of_statistics_are_not_mixed(store: Store) -> None:
    fill7(store)
    add_statistics(store, "base", train_rows=500, encoder=BERT)
    add_statistics(store, "base", attack_title="textfooler (bundled)", encoder=BERT)
    add_statistics(store, "base", attack="pwws", encoder=BERT)
    table = make("7", store)
    assert len(table.blocks) == 3 and len({block.heading for block in table.blocks}) == 3
    assert not any("[" in block.heading for block in table.blocks), "no identity in the words of JSON"
    befores = [block.rows[0].cells[0].value for block in table.blocks]
    assert befores.count(Fraction(1, 32)) == 2  # the same encoder before it is trained on 500 or 1,000 rows
    (block,) = make("7", store, selection=Selection(attacks=["pwws"])).blocks
    assert block.setting["attack"] == "pwws"


@pytest.mark.parametrize(("trained", "label"), [(None, "ada"), ("pwws", "ada on pwws")])
def test_statistics_of_a_model_trained_against_another_attack_stand_under_the_name_of_that(
    store: Store, trained: str | None, label: str
) -> None:
    add_statistics(store, "base")
    fill_ada(store, trained)
    table = make("7", store)
    assert [name for name in rows(table) if name.startswith("ada")] == [label]
    assert any(line.startswith("DEFENSE on ATTACK") for line in table.legend) == (trained is not None)


def test_statistics_of_a_model_trained_against_the_attack_itself_stand_for_its_defense(store: Store) -> None:
    fill_ada(store, None)
    fill_ada(store, "pwws")
    assert [name for name in rows(make("7", store)) if name.startswith("ada")] == ["ada"]


def fill_ada(store: Store, trained: str | None) -> None:
    cell = add_cell(store, "ada", "textfooler", 50, task="sst2", trained=trained)
    add_statistics(store, "ada", model=cell.info.model, attack_fields=cell.info.attack.fields)


def test_correlation_of_statistics_with_accuracies(store: Store) -> None:
    fill_correlated(store)
    table = make("correlation", store)
    found = rows(table)
    assert len(table.blocks) == 1, "two models under pwws are too few"
    assert [cell.value for cell in found["MSE (neg, ↑)"].cells] == [None] * 5 + [7]
    rank, low, high, p, adjusted, models = (float(cell.value or 0) for cell in found["KL (pos, ↓)"].cells)
    kl, accuracy = [0.25, 0.5, 1, 1.5, 2, 2.5, math.inf], [100, 90, 80, 70, 50, 60, 15]
    assert rank == pytest.approx(spearmanr(kl, accuracy).statistic) and models == 7
    assert -1 < low < rank < high < 0 and p < 0.01 and adjusted == pytest.approx(p)
    ctr = [cell.value for cell in found["CTR (↓)"].cells]
    assert ctr[:3] == [1, None, None] and ctr[3] is not None and float(ctr[4] or 0) == pytest.approx(2 * ctr[3])
    assert "95 % interval" in " ".join(table.legend) and "90 %" in " ".join(
        make("correlation", store, level=0.9).legend
    )


def test_a_model_that_learned_nothing_is_marked_in_table_7_and_correlates_with_nothing(store: Store) -> None:
    fill_correlated(store)
    add_statistics(store, "spell", clean=255, majority=250, failed=90, values={"kl_pos": 0.0}, encoder=BERT)
    assert rows(make("correlation", store))["KL (pos, ↓)"].cells[5].value == 7
    (cell,) = {cell.learned for cell in rows(make("7", store))["spell"].cells}
    assert cell is False


def test_correlation_compares_no_defenses_and_needs_models(store: Store) -> None:
    add_statistics(store, "base")
    with pytest.raises(NoResultsError, match=r"fewer than 5 models .* under one attack: `robench run --table corr"):
        make("correlation", store)
    with pytest.raises(RobenchError, match="compares no defenses"):
        make("correlation", store, compare="base")


@pytest.mark.usefixtures("nothing_here", "adversarial_cells")
@pytest.mark.parametrize(
    ("fill", "there"),
    [
        (lambda store: None, ["2"]),
        (lambda store: add_cell(store, "base", "pwws", 40), ["2", "5"]),
        (lambda store: sst2(store, "base-adv", "pwws"), ["2", "4", "5"]),
        (lambda store: sst2(store, "taichi", "deepwordbug"), ["2", "5"]),
        (fill4, ["2", "4", "5"]),
        (fill6, ["2", "4", "5", "6"]),
        (fill7, ["2", "7"]),
    ],
)
def test_all_tables_that_have_data(store: Store, fill: Callable[[Store], None], there: list[str]) -> None:
    fill(store)
    tables, reasons = make_all(store, runs="runs")
    assert [table.name for table in tables] == there
    assert [reason.split(":")[0] for reason in reasons] == [
        f"table {n}" for n in papers.find_paper().tables if n not in there
    ]


@pytest.mark.usefixtures("nothing_here")
def test_the_data_sets_are_shown_where_one_of_them_is_here(store: Store, data: Path) -> None:
    tables, _ = make_all(store, data=data)
    assert [table.name for table in tables] == ["2", "3"]


@pytest.mark.usefixtures("nothing_here")
def test_only_data_sets_with_results_are_looked_up_beside_other_tables(store: Store, data: Path) -> None:
    """No line speaks of an option that the user did not give."""
    for task in ("trec", "mr", "a-task-of-ones-own"):
        add_cell(store, "base", "pwws", 40, task=task)
    tables, _ = make_all(store, data=data)
    (shown,) = [table for table in tables if table.name == "3"]
    assert sorted(row.name for row in shown.blocks[0].rows) == ["mr", "trec"]
    assert not [note for note in shown.notes if "offline" in note]


@pytest.mark.usefixtures("nothing_here")
def test_data_sets_that_are_not_here_are_told_of_without_an_option_that_nobody_gave(store: Store) -> None:
    notes = " ".join(make("3", store, offline=True).notes)
    assert "and this command fetches nothing" in notes and "--offline forbids" not in notes


def test_a_broken_cell_is_not_taken_for_a_missing_one(store: Store) -> None:
    add_cell(store, "base", "pwws", 40)
    (folder,) = (store.root / "cells").iterdir()
    (folder / "records.jsonl").unlink()
    sentences: list[str] = []
    tables, _ = make_all(Store(store.root, sentences.append))
    assert not {"4", "5", "6"} & {table.name for table in tables}
    assert len(sentences) == 1 and f"{folder}: records.jsonl is missing" in sentences[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda store: make("8", store), "table '8'"),
        (lambda store: make("5", store, against="papr"), "meant|mean paper"),
    ],
)
def test_unknown_names_are_errors(store: Store, call: Callable[[Store], Table], message: str) -> None:
    with pytest.raises(RobenchError, match=message):
        call(store)


def test_table_7_tells_what_clean_accuracy_before_is_over(store: Store) -> None:
    add_statistics(store, "base")
    (line,) = (line for line in make("7", store).legend if line.startswith("clean%"))
    assert line.startswith("clean%: correct / all test samples. ")
    add_statistics(store, "before")
    (line,) = (line for line in make("7", store).legend if line.startswith("clean%"))
    assert line.startswith("clean%: correct / all test samples (before: correct / clean texts of the pairs). ")


def test_table_7_counts_the_pairs_that_are_one_text_twice(store: Store) -> None:
    for seed, unchanged in ((1, 80), (2, 83)):
        for name in ("before", "base"):
            add_statistics(store, name, seed=seed, values={"unchanged": unchanged})
    (note,) = (note for note in make("7", store).notes if "twice" in note)
    assert note.startswith("sst2, textfooler: 80 to 83 of 1,000 pairs are the clean text twice")
    add_statistics(store, "base", seed=3, task="trec", values={"unchanged": 0})
    assert not any("trec" in note for note in make("7", store, selection=Selection(tasks=["trec"])).notes)
