"""``robench judge``: from a cell to a page, and from answers to a table."""

from __future__ import annotations

import csv
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from robench.report.judge import judge_table
from robench.results import records
from robench.results.blind_texts import BlindKey, read_key
from robench.results.find_stage import find_stage
from robench.results.info_parts import Draws
from robench.results.outcome import summarise
from robench.results.store import Store, StoredStage
from support.entries import HOUSE
from support.tiny_job import robench

RUNS = HOUSE / "runs"
CELL = "mr-base-pwws"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def key(here: Path) -> BlindKey:
    done = robench("judge", CELL, "--runs", RUNS, "-n", "10", "--out", "batch")
    assert done.exit_code == 0, done.output
    assert "20 texts" in done.stderr and "batch.key.json" in done.stderr
    return read_key(here / "batch.key.json")


def answer(key: BlindKey, file: Path, changed: int = 0, judge: str = "") -> Path:
    """Gold labels for all texts but the first adversarial ones, which get another label."""
    adversarial = [row.number for row in key.texts if row.kind == "adversarial"][:changed]
    labels = {r.number: key.labels[1 - r.label if r.number in adversarial else r.label] for r in key.texts}
    if file.suffix == ".json":
        given = {str(number): label for number, label in labels.items()}
        file.write_text(json.dumps({"batch": key.batch, "judge": judge, "answers": given}))
    else:
        lines = [f"{key.batch},{number},{label}\n" for number, label in labels.items()]
        file.write_text("batch,number,label\n" + "".join(lines))
    return file


def test_judge_writes_page_and_texts_and_the_key_beside_them(here: Path, key: BlindKey) -> None:
    assert sorted(path.name for path in (here / "batch").iterdir()) == ["judge.html", "texts.csv"]
    with (here / "batch" / "texts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["batch"], row["number"], row["label"]) for row in rows] == [
        (key.batch, str(number), "") for number in range(1, 21)
    ]
    found = {one.id: one for path in RUNS.glob(f"cells/{CELL}-*/records.jsonl") for one in records.read(path)}
    for row, text in zip(key.texts, rows, strict=True):
        record = found[row.row]
        assert record.status == "succeeded" and record.label == row.label
        assert text["text"] == (record.original if row.kind == "clean" else record.final)
    page = (here / "batch" / "judge.html").read_text(encoding="utf-8")
    assert CELL not in page and key.cell not in page and "pwws" not in page


def test_judge_again_writes_the_same_bytes_and_another_batch_needs_another_folder(here: Path, key: BlindKey) -> None:
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert robench("judge", CELL, "--runs", RUNS, "-n", "10", "--out", "batch").exit_code == 0
    done = robench("judge", CELL, "--runs", RUNS, "-n", "9", "--out", "batch")
    assert done.exit_code == 2 and "has no page of these texts" in done.stderr and "--out" in done.stderr
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["texts.csv", "answers-anna.csv"])
def test_judge_again_keeps_what_a_judge_wrote_into_the_folder(here: Path, key: BlindKey, name: str) -> None:
    answers = here / "batch" / name
    answers.write_text("batch,number,text,label\nb,1,a text,ABBR\n", encoding="utf-8")
    done = robench("judge", CELL, "--runs", RUNS, "-n", "10", "--out", "batch")
    assert done.exit_code == 2 and name in done.stderr and "would be lost" in done.stderr
    assert "ABBR" in answers.read_text(encoding="utf-8")


def test_judge_with_answers_shows_kept_labels_beside_accuracy_under_attack(here: Path, key: BlindKey) -> None:
    first = answer(key, here / "anna.csv", changed=3)
    second = answer(key, here / "b.json", changed=1, judge="Ben")
    third = answer(key, here / "c.json", changed=2, judge="Cleo")
    command = ("judge", CELL, "--runs", RUNS, "--out", "batch", "--read", first, second, third)
    shown = robench(*command, "--format", "json")
    assert shown.exit_code == 0, shown.output
    table = json.loads(shown.stdout)
    rows = {row["name"]: row["cells"] for row in table["blocks"][0]["rows"]}
    assert list(rows) == ["anna", "Ben", "Cleo", "majority"]
    kept = {name: cells["adversarial label kept%"]["percent"] for name, cells in rows.items()}
    assert kept == {"anna": 70.0, "Ben": 90.0, "Cleo": 80.0, "majority": 80.0}
    assert {cells["clean label kept%"]["percent"] for cells in rows.values()} == {100.0}
    outcome = summarise([one for path in RUNS.glob(f"cells/{CELL}-*/records.jsonl") for one in records.read(path)])
    assert rows["anna"]["attack%"]["percent"] == pytest.approx(100 * (outcome.failed or 0) / outcome.n)
    corrected = 100 * ((outcome.failed or 0) + 0.3 * outcome.succeeded) / outcome.n
    assert rows["anna"]["attack% of kept"]["percent"] == pytest.approx(corrected)
    interval = rows["anna"]["adversarial label kept%"]["interval"]
    assert interval["low"] == pytest.approx(39.68, abs=0.01) and interval["high"] == pytest.approx(89.22, abs=0.01)
    (note,) = [note for note in table["notes"] if "agree" in note]
    # 20 texts, 17 of them alike; in the other three, one of three judges differs in two and two of three in none
    assert re.fullmatch(r"of 20 texts that all judges answered, they agree on 93\.3 %; Fleiss' kappa 0\.\d\d", note)


@pytest.mark.parametrize("format", ["rich", "md", "csv", "latex", "html"])
def test_judge_with_answers_shows_its_table_in_each_format(here: Path, key: BlindKey, format: str) -> None:
    file = answer(key, here / "anna.csv", changed=2)
    shown = robench("judge", CELL, "--runs", RUNS, "--out", "batch", "--read", file, "--format", format)
    assert shown.exit_code == 0 and "anna" in shown.stdout and "80" in shown.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("mr-ada-pwws", "--out", "batch", "--read", "anna.csv"), "belongs to the cell"),
        ((CELL, "--out", "elsewhere", "--read", "anna.csv"), "there is no key"),
        ((CELL, "--out", "batch", "--read", "none.csv"), "none.csv cannot be read"),
        ((CELL, "anna.csv"), "stand behind --read"),
        (("nothing",), "no cell or model 'nothing'"),
        (("mr-base-seed42",), "is no cell, but one of the models"),
        ((CELL, "--out", "batch", "--read", "anna.csv", "--format", "pdf"), "unknown format 'pdf'"),
    ],
)
def test_judge_with_wrong_words_is_a_sentence(here: Path, key: BlindKey, words: tuple[str, ...], told: str) -> None:
    answer(key, here / "anna.csv")
    done = robench("judge", *words, "--runs", RUNS)
    assert done.exit_code == 2 and told in done.stderr


def test_judge_with_a_broken_key_is_a_sentence(here: Path, key: BlindKey) -> None:
    file = here / "batch.key.json"
    values = json.loads(file.read_text())
    answer(key, here / "anna.csv")
    for broken in ("{", json.dumps(values | {"labels": ["one"]}), json.dumps(values | {"texts": values["texts"][1:]})):
        file.write_text(broken)
        done = robench("judge", CELL, "--runs", RUNS, "--out", "batch", "--read", "anna.csv")
        assert done.exit_code == 2 and "batch.key.json" in done.stderr


def test_accuracy_of_a_random_model_is_that_of_its_draws(here: Path, key: BlindKey) -> None:
    cell = find_stage(Store(RUNS), CELL)
    outcome = cell.info.attacked
    info = replace(cell.info, draws=Draws(n=10, right=2 * (outcome.n - outcome.errors)))
    table = judge_table(StoredStage(cell.folder, info), here / "batch", [answer(key, here / "anna.csv", 0)])
    attacked, corrected = table.blocks[0].rows[0].cells[2:]
    assert attacked.value == Fraction(1, 5) and corrected.value is None
