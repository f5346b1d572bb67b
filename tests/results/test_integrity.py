"""What is told of a stage that is not as it was stored; records that are kept."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from robench.errors import RobenchError
from robench.results import records
from robench.results.info import CellInfo, ModelInfo, StatisticsInfo
from robench.results.inspection import inspect_runs
from robench.results.integrity import digest_content, find_changed_parents, find_faults, write_stage
from robench.results.misfits import set_aside, set_aside_but_records, set_lines_aside
from robench.results.records import Record
from robench.results.salvage import AttackedRow, salvage_lines
from robench.results.store import Store, StoredStage
from support.hand_made import add_cell, add_model, record
from support.hand_made_statistics import add_statistics

HOUSE = Path(__file__).parents[1] / "goldens" / "house" / "runs"
KEY = "0123456789abcdef"


def put(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def edit(name: str, old: bytes, new: bytes) -> Callable[[Path], object]:
    def harm(folder: Path) -> None:
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new, 1))

    return harm


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda folder: (folder / "records.jsonl").unlink(), "records.jsonl is missing"),
        (put("records.jsonl", b""), "records.jsonl has 0 lines in place of 4"),
        (edit("records.jsonl", b"\n", b"\r\n"), "records.jsonl has 1,107 bytes in place of 1,106"),
        (edit("records.jsonl", b"failed", b"FAILED"), "records.jsonl has another content than when it was stored"),
    ],
)
def test_a_file_that_differs_from_what_was_stored_is_told_with_the_difference(
    store: Store, harm: Callable[[Path], object], told: str
) -> None:
    cell = add_cell(store, "base", "pwws", 2, n=4)
    assert find_faults(cell.folder, cell.info, names=None) == []
    harm(cell.folder)
    (fault,) = find_faults(cell.folder, cell.info)
    assert fault.startswith(told)


def test_a_model_is_checked_to_its_last_file_and_a_file_of_others_is_told_where_transformers_would_read_it(
    store: Store,
) -> None:
    model = add_model(store, add_cell(store, "base", "pwws", 2, n=4))
    for name in ("model.safetensors", "tokenizer.json"):
        (model.folder / name).write_bytes(b"weights")
    info = write_stage(model.folder, model.info)
    assert set(info.files) == {"model.safetensors", "tokenizer.json", "training.jsonl"}
    (model.folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert find_faults(model.folder, info, names=None) == []
    (model.folder / "model.safetensors").write_bytes(b"weight\0")
    (model.folder / "added_tokens.json").write_text("{}", encoding="utf-8")
    assert find_faults(model.folder, info) == [], "tables do not use weights"
    assert find_faults(model.folder, info, names=None) == [
        "model.safetensors has another content than when it was stored",
        "added_tokens.json is none of the files that robench wrote",
    ]


def test_a_file_that_tables_would_read_and_that_is_not_described_is_told(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 2, n=4)
    model = add_model(store, cell)
    for folder, info, name in ((model.folder, model.info, "clean.jsonl"), (cell.folder, cell.info, "draws.jsonl")):
        (folder / name).write_bytes(b"{}\n")
        told = [f"{name} is none of the files that robench wrote"]
        assert find_faults(folder, info) == find_faults(folder, info, names=None) == told
        assert find_faults(folder, info, names=()) == []


@pytest.mark.parametrize("part", [("statistics", "kl_neg"), ("clean", "correct"), ("attacked", "failed")])
def test_a_changed_number_of_statistics_is_named_and_left_out(store: Store, part: tuple[str, str]) -> None:
    made = add_statistics(store, "taichi")
    other = add_statistics(store, "base")
    file = made.folder / "stage.json"
    values = json.loads(file.read_bytes())
    values[part[0]][part[1]] += 1
    file.write_text(json.dumps(values), encoding="utf-8")
    sentences: list[str] = []
    assert Store(store.root, sentences.append).stages(StatisticsInfo) == [other]
    assert len(sentences) == 1 and f"{file} was changed after robench wrote it" in sentences[0]


def test_the_golden_runs_folder_fits() -> None:
    found = inspect_runs(Store(HOUSE))
    assert (found.faults, found.notes, found.finished) == ((), (), 22)


def change_identity(values: dict[str, Any]) -> None:
    values["identity"]["seed"] = 43


def take_another_key(values: dict[str, Any]) -> None:
    other = HOUSE / "cells" / "mr-taichi-pwws-seed42-95d15251b5dd92ed" / "stage.json"
    values |= json.loads(other.read_bytes()) | {"key": values["key"], "files": values["files"]}


def drop_class(values: dict[str, Any]) -> None:
    values["defense"]["class"] = ""


def drop_files(values: dict[str, Any]) -> None:
    values["files"] = {}


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (change_identity, "identity that its key does not belong to"),
        (take_another_key, "identity that its key does not belong to"),
        (drop_class, "has no defense.class"),
        (drop_files, "stage.json describes no records.jsonl"),
    ],
)
def test_a_stage_that_was_written_as_no_run_writes_it_is_told(
    tmp_path: Path, harm: Callable[[dict[str, Any]], None], told: str
) -> None:
    name = "mr-base-pwws-seed42-15a7939700537758"
    folder = Path(shutil.copytree(HOUSE / "cells" / name, tmp_path / "runs" / "cells" / name))
    values = json.loads((folder / "stage.json").read_bytes())
    harm(values)
    del values["checksum"]
    (folder / "stage.json").write_text(json.dumps(values), encoding="utf-8")
    sentences: list[str] = []
    assert Store(tmp_path / "runs", sentences.append).stages(CellInfo) == []
    (sentence,) = sentences
    assert told in sentence and str(folder) in sentence


# --- folders ----------------------------------------------------------------------------------------------------------


def sentences_of(store: Store) -> tuple[list[StoredStage[CellInfo]], list[str]]:
    found: list[str] = []
    return Store(store.root, found.append).stages(CellInfo), found


def test_a_stage_under_another_name_is_named_unless_it_is_a_copy(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 2, n=4)
    shutil.copytree(cell.folder, store.root / "cells" / "my best run")
    assert sentences_of(store) == ([cell], [])
    shutil.rmtree(cell.folder)
    found, (sentence,) = sentences_of(store)
    assert found == [] and f"my best run holds the stage {cell.folder.name}: give the folder this name back" in sentence


def test_two_stages_of_one_key_are_one_if_they_say_the_same_and_none_if_they_do_not(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 2, n=4)
    twin = Path(shutil.copytree(cell.folder, cell.folder.with_name(f"a-{cell.key}")))
    assert len(sentences_of(store)[0]) == 1 and not sentences_of(store)[1]
    (twin / "records.jsonl").unlink()
    write_twin(twin, cell, [record(row, "failed", seconds=9.0) for row in range(4)])
    found, (sentence,) = sentences_of(store)
    assert found == [] and str(cell.folder) in sentence and str(twin) in sentence


def write_twin(folder: Path, cell: StoredStage[CellInfo], found: list[Record]) -> None:
    from robench.results.outcome import summarise

    with (folder / "records.jsonl").open("ab") as file:
        for one in found:
            records.append(file, one, cell.key)
    write_stage(folder, msgspec.structs.replace(cell.info, attacked=summarise(found)))


def test_what_is_set_aside_is_kept_under_a_free_name(store: Store) -> None:
    for number in (1, 2):
        cell = add_cell(store, "base", "pwws", 2, n=4)
        place = set_aside(cell.folder)
        assert place == store.root / ".aside" / "cells" / f"{cell.folder.name}-{number}"
        assert (place / "stage.json").is_file() and not cell.folder.exists()
    file = set_lines_aside(cell.folder / "records.jsonl", [b"a", b"b"])
    assert file.parent.name.endswith("-3") and file.read_bytes() == b"a\nb\n"
    assert store.stages(CellInfo) == [], "what is aside is no result"


# --- parents ----------------------------------------------------------------------------------------------------------


def test_the_digest_of_records_ignores_order_and_seconds_and_nothing_else(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 2, n=4)
    before = digest_content(cell.folder, cell.info)
    path = cell.folder / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(reversed(lines)).replace(b'"seconds": 0.5', b'"seconds": 1.25'))
    assert digest_content(cell.folder, cell.info) == before
    path.write_bytes(b"".join(lines).replace(b'"queries": 10', b'"queries": 11', 1))
    assert digest_content(cell.folder, cell.info) != before


@pytest.mark.parametrize(("now", "changed"), [("aa", []), ("bb", [KEY]), ("", [])], ids=["same", "other", "absent"])
def test_a_parent_is_told_if_it_is_there_and_another(store: Store, now: str, changed: list[str]) -> None:
    cell = add_cell(store, "base", "pwws", 2, n=4, parents={KEY: "aa"})
    assert find_changed_parents(cell.info, lambda key: now) == changed


# --- lines ------------------------------------------------------------------------------------------------------------

SAMPLE = {0: AttackedRow("a fine day", 1), 1: AttackedRow("a dull day", 0)}
GOOD = record(
    0,
    "succeeded",
    label=1,
    original="a fine day",
    final="a fien day",
    probabilities_before=[0.25, 0.75],
    probabilities_after=[0.75, 0.25],
)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"id": 5}, "line 1 is about row 5, which is not attacked here"),
        ({"id": 10**18}, "line 1 is about row 100000000..., which is not attacked here"),
        ({"label": 7}, "line 1 has the label 7, the data has 1"),
        ({"original": "a fine night"}, "line 1 has another original text than the data"),
    ],
)
def test_a_record_that_is_about_no_row_of_the_sample_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    made = replace(GOOD, **change)
    found = salvage_lines(write(tmp_path / "r.jsonl", (made, KEY)), KEY, SAMPLE)
    assert found.faults == ((told,) if told else ()) and found.records == (() if told else (made,))


def write(path: Path, *found: tuple[Record, str]) -> Path:
    with path.open("ab") as file:
        for one, key in found:
            records.append(file, one, key)
    return path


def test_lines_of_another_stage_and_changed_ones_are_left_out_whatever_they_say(tmp_path: Path) -> None:
    second = replace(GOOD, id=1, label=0, original="a dull day", status="failed", probabilities_before=[0.75, 0.25])
    path = write(tmp_path / "r.jsonl", (GOOD, KEY), (second, "another" + KEY[7:]))
    found = salvage_lines(path, KEY, SAMPLE)
    assert found.records == (GOOD,) and len(found.bad) == 1 and not found.is_clean
    assert found.faults == ("line 2 was changed, or belongs to another stage",)
    path.write_bytes(path.read_bytes().replace(b'"queries": 10', b'"queries": 12', 1))
    assert salvage_lines(path, KEY, SAMPLE).records == ()


def test_records_that_cannot_be_read_are_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "cells" / f"trec-base-{KEY}" / "records.jsonl"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(2**42)  # more than is read, and nothing on the disk
    told = re.escape(f"{path} cannot be read: ")
    for read in (
        lambda: salvage_lines(path, KEY, SAMPLE),
        lambda: records.repair(path),
        lambda: set_aside_but_records(path.parent, path.parent),
    ):
        with pytest.raises(RobenchError, match=told):
            read()


def test_repeated_lines_count_once_and_contradicting_ones_not_at_all(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", (GOOD, KEY), (replace(GOOD, seconds=9.0), KEY))
    found = salvage_lines(path, KEY, SAMPLE)
    assert found.records == (GOOD,) and not found.bad and not found.is_clean
    write(path, (replace(GOOD, queries=11), KEY))
    found = salvage_lines(path, KEY, SAMPLE)
    assert found.records == () and "line 3 gives row 0 another result than line 1" in found.faults


def test_windows_newlines_and_an_incomplete_end_cost_no_record(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", (GOOD, KEY))
    whole = path.read_bytes()
    assert salvage_lines(path, KEY, SAMPLE).is_clean
    path.write_bytes(whole.replace(b"\n", b"\r\n") + bytes(50))
    found = salvage_lines(path, KEY, SAMPLE)
    assert found.records == (GOOD,) and not found.bad and not found.is_clean
    assert b"".join(line + b"\n" for line in found.good) == whole


def test_a_line_without_a_checksum_is_left_out_and_its_record_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", (GOOD, KEY))
    assert salvage_lines(path, KEY, SAMPLE).records == (GOOD,)
    assert records.read(path) == [GOOD], "a checksum is no part of a record"
    path.write_bytes(re.sub(rb', "checksum": "\w{16}"', b"", path.read_bytes()))
    found = salvage_lines(path, KEY, SAMPLE)
    assert (found.records, found.faults) == ((), ("line 1 was changed, or belongs to another stage",))
    assert records.read(path) == [GOOD]


def test_models_of_one_key_with_other_weights_are_both_left_out(store: Store) -> None:
    model = add_model(store, add_cell(store, "base", "pwws", 2, n=4))
    (model.folder / "model.safetensors").write_bytes(b"one")
    write_stage(model.folder, model.info)
    twin = Path(shutil.copytree(model.folder, model.folder.with_name(f"a-{model.key}")))
    assert len(store.stages(ModelInfo)) == 1
    (twin / "model.safetensors").write_bytes(b"two")
    write_stage(twin, model.info)
    assert store.stages(ModelInfo) == []
