"""Published numbers of another paper beside ours: the runs of TextAttack itself, and papers of a user's own."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import pytest

from robench.console import Console
from robench.errors import RobenchError
from robench.report.rendering import render
from robench.report.tables import Table, make, make_all
from robench.results.papers import find_paper
from robench.results.published import read_published_table
from robench.results.store import Store
from support.hand_made import add_cell
from support.hand_made_statistics import add_statistics
from support.tables import BERT, rows, sst2
from support.tiny_job import TinyJob, robench

pytestmark = pytest.mark.usefixtures("quick_by_hand")

STAND_INS = (
    "here, textfooler (bundled), textbugger (bundled 2) ran on stand-ins, in real-mr on TextAttack's own resources"
)


def fill(store: Store) -> None:
    """Base on mr under four attacks, two of them on stand-ins, and another defense."""
    titles = {"textfooler": "textfooler (bundled)", "textbugger": "textbugger (bundled 2)"}
    for attack, failed in (("pwws", 30), ("textfooler", 20), ("textbugger", 70), ("deepwordbug", 50)):
        add_cell(store, "base", attack, failed, task="mr", attack_title=titles.get(attack))
    add_cell(store, "pgd", "pwws", 40, task="mr")


def published(table: Table, row: str) -> dict[str, Fraction | None]:
    return {column.name: cell.published for column, cell in zip(table.columns, rows(table)[row].cells, strict=True)}


def own_paper(folder: Path, number: str, before: str = "title", after: str = "title", keys: str = "") -> str:
    """Copy the paper with a change of its ``paper.toml``, and keys more in one of its tables; give its name."""
    shutil.copytree(str(files("robench.leaderboards") / "paper"), folder)
    paper, table = folder / "paper.toml", folder / f"table{number}.toml"
    text = paper.read_text(encoding="utf-8")
    assert before in text
    paper.write_text(text.replace(before, after), encoding="utf-8")
    table.write_text(keys + table.read_text(encoding="utf-8"), encoding="utf-8")
    return str(folder)


# --- TextAttack's own runs --------------------------------------------------------------------------------------------


def test_real_runs_stand_beside_base_whichever_resources_it_was_attacked_with(store: Store) -> None:
    fill(store)
    table = make("5", store, against="real-mr")
    assert published(table, "base") == {
        **{"clean%": Fraction("0.842"), "pwws": Fraction("0.157"), "deepwordbug": None},
        **{"textfooler (bundled)": Fraction("0.09"), "textbugger (bundled 2)": Fraction("0.329"), "worst%": None},
    }
    assert set(published(table, "pgd").values()) == {None}
    assert STAND_INS in table.notes and "the encoder here is minilm, in real-mr bert-base-uncased" in table.notes
    assert any("textbugger 342, 226, 118 of 686" in note for note in table.notes)
    assert "there is no such record of deepwordbug" in table.notes


def test_real_runs_stand_in_every_format(store: Store) -> None:
    fill(store)
    table = make("5", store, against="real-mr")
    text = render(table, "rich", Console(width=160, file=io.StringIO()))
    for numbers in ("[84.2, +5.8]", "[15.7, -0.7]", "[9.0, +1.0]", "[32.9, +2.1]", STAND_INS):
        assert numbers in text
    assert "In square brackets: the published number, and ours minus it." in text
    lines = {line["defense"]: line for line in csv.DictReader(io.StringIO(render(table, "csv")))}
    found = [lines["base"][f"textfooler (bundled) {part}"] for part in ("paper", "less paper")]
    assert found == ["9.0000", "1.0000"] and lines["pgd"]["pwws paper"] == ""
    done = robench("table", 5, "--against", "real-mr", "--runs", store.root, "--defense", "base", "-f", "json")
    cells = json.loads(done.stdout)["blocks"][0]["rows"][0]["cells"]
    assert (cells["textbugger (bundled 2)"]["published"], cells["deepwordbug"]["published"]) == (32.9, None)


def test_real_runs_are_the_shares_of_the_counts_in_their_note() -> None:
    table = read_published_table(find_paper("real-mr"), "5")
    assert table is not None
    (row,) = table.rows
    counts = {"pwws": (731, 167, 168), "textfooler": (802, 96, 168), "textbugger": (342, 226, 118)}
    for attack, (succeeded, failed, skipped) in counts.items():
        assert round(100 * failed / (succeeded + failed + skipped), 1) == float(row.numbers[attack] * 100)
        assert all(str(count) in table.notes[0] for count in (succeeded, failed, skipped))
    assert round(100 * (1066 - 168) / 1066, 1) == float(row.numbers["clean%"] * 100)


def test_an_attack_with_published_resources_needs_no_note_on_stand_ins(store: Store) -> None:
    add_cell(store, "base", "textfooler", 20, task="mr")
    table = make("5", store, against="real-mr")
    assert published(table, "base")["textfooler"] == Fraction("0.09")
    assert not any("stand-ins" in note for note in table.notes)


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({"max_candidates": 20}, "textfooler (bundled)"),
        ({"protocol": "textdefender"}, "textfooler (bundled, textdefender)"),
    ],
)
def test_an_attack_with_other_changes_than_its_resources_has_no_match(
    store: Store, changed: dict[str, object], title: str
) -> None:
    add_cell(store, "base", "textfooler", 20, task="mr", attack_title=title, attack_changed=changed)
    assert list(published(make("5", store, against="real-mr"), "base").values()) == [Fraction("0.842"), None]


def test_another_task_than_that_of_the_real_runs_has_no_match(store: Store) -> None:
    add_cell(store, "base", "pwws", 30, task="trec")
    table = make("5", store, against="real-mr")
    assert set(published(table, "base").values()) == {None}
    assert "real-mr has none of these rows" in table.notes and not any("In square" in line for line in table.legend)


def test_among_all_tables_those_without_real_runs_have_a_note(store: Store, nothing_here: None) -> None:
    fill(store)
    two, five = make_all(store, against="real-mr")[0]
    assert "real-mr's table 2 has no numbers to compare with" in two.notes
    assert published(five, "base")["pwws"] == Fraction("0.157")


def test_run_of_the_real_runs_table_plans_base_under_their_attacks(tiny_job: TinyJob, tmp_path: Path) -> None:
    common = ["--encoder", tiny_job.encoder, "--data", tiny_job.data, "--runs", tmp_path]
    planned = robench("run", "--table", 5, "--paper", "real-mr", "--preset", "quick", "--dry-run", *common)
    assert planned.exit_code == 0, planned.output
    attacked = re.findall(r"attack ([\w-]+) on mr with (\w+)[ \w()]*, seed", planned.stdout)
    assert sorted(attacked) == [("base", attack) for attack in ("pwws", "textbugger", "textfooler")]


def test_list_of_papers_has_the_real_runs() -> None:
    done = robench("list", "papers", "-f", "json")
    names = {row["name"]: row["summary"] for row in json.loads(done.stdout)["papers"]}
    assert names["real-mr"].startswith("TextAttack's own runs on movie reviews (MR)") and "real-mr table 5" in names


# --- papers of a user's own -------------------------------------------------------------------------------------------


def test_a_paper_without_a_table_of_that_number_is_refused(store: Store) -> None:
    fill(store)
    with pytest.raises(RobenchError, match=r"--against real-mr: it has no table 4 to compare with \(its tables: 5\)"):
        make("4", store, against="real-mr")
    with pytest.raises(RobenchError, match="--against real-mr: it has no table quality"):
        make("quality", store, against="real-mr")


def test_a_table_of_another_kind_is_refused_alone_and_noted_among_all(
    store: Store, tmp_path: Path, nothing_here: None
) -> None:
    mine = own_paper(tmp_path / "mine", "5", '[tables.2]\nkind = "methods"', '[tables.2]\nkind = "datasets"')
    with pytest.raises(
        RobenchError, match=r"its table 2 is of the kind datasets, this one of the kind methods, so they"
    ):
        make("2", store, against=mine)
    ((two,), _) = make_all(store, against=mine)
    assert f"{mine}'s table 2 has no numbers to compare with" in two.notes


def test_an_unknown_paper_to_compare_with_is_refused_as_elsewhere(store: Store) -> None:
    with pytest.raises(RobenchError, match="unknown paper 'real-mrs': did you mean real-mr"):
        make("5", store, against="real-mrs")


def test_stand_ins_are_matched_in_tables_of_statistics_and_of_label_conflicts(store: Store, tmp_path: Path) -> None:
    add_statistics(store, "base", attack_title="textfooler (bundled)", encoder=BERT)
    sst2(store, "base", "pwws", attack_title="pwws (bundled)")
    for number, attack in (("7", "textfooler"), ("4", "pwws")):
        mine = own_paper(tmp_path / number, number, keys="stand_ins = true\n")
        table = make(number, store, against=mine)
        assert None not in published(table, "base").values()
        assert f"here, {attack} (bundled) ran on stand-ins, in {mine} on TextAttack's own resources" in table.notes
        assert set(published(make(number, store, against="paper"), "base").values()) == {None}
