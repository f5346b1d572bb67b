"""Entries made of a runs folder: what is refused, what is left out, what is hidden."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from robench.data.load import load_task
from robench.errors import RobenchError
from robench.plugins import registry
from robench.report import entry_making
from robench.report.submit import count_left_out, make_entries, write_entry
from robench.results.entry_form import Entry
from robench.results.entry_rows import RowSource
from robench.results.find_stage import find_stage
from robench.results.info import CellInfo
from robench.results.info_parts import DataInfo
from robench.results.store import Store, make_key
from support.entries import HOUSE, copy_runs
from support.hand_made import add_cell, add_transfer, record
from support.runs import rewrite


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return copy_runs(tmp_path / "runs")


def made(runs: Path, *names: str, **options: bool) -> Entry:
    ((entry, _),) = make_entries(Store(runs), names, **options)  # type: ignore[arg-type]
    return entry


def refused(runs: Path, *names: str) -> str:
    with pytest.raises(RobenchError) as error:
        make_entries(Store(runs), names)
    return str(error.value)


def test_a_cell_is_one_attack_and_a_model_stands_for_all(runs: Path) -> None:
    assert [attack.attack.title for attack in made(runs, "mr-base-pwws").attacks] == ["pwws"]
    assert [attack.attack.title for attack in made(runs, "mr-base-seed42").attacks] == ["deepwordbug", "pwws"]
    assert len(made(runs, "mr-base-pwws", "mr-base-deepwordbug", "mr-base-pwws").attacks) == 2
    entries = [entry.label for entry, _ in make_entries(Store(runs), ["mr-ada-pwws", "mr-base-pwws"])]
    assert entries == ["mr-ada-pwws-seed42", "mr-base-seed42"]


# --- own data ---------------------------------------------------------------------------------------------------------


def test_own_data_are_refused_and_the_way_out_is_named() -> None:
    sentence = refused(HOUSE / "runs", "mr-base-pwws")
    assert "private data (local:data/mr)" in sentence and "--counts-only" in sentence


def test_own_data_reduced_to_counts_have_no_row_no_digest_of_a_text_and_no_path() -> None:
    entry = made(HOUSE / "runs", "mr-base-seed42", counts_only=True)
    assert entry.predictions is None and [attack.records for attack in entry.attacks] == [None, None]
    assert entry.clean.correct == 30 and entry.attacks[0].attacked.failed == 6
    assert (entry.data.source, entry.encoder.name) == ("local", "encoder")


@pytest.mark.slow
@pytest.mark.network
def test_local_rows_that_equal_those_of_the_package_index_are_public() -> None:
    task = "mr"
    data = load_task(task, registry.entry("tasks", task).load(), order=("index",))
    model = find_stage(Store(HOUSE / "runs"), "mr-base-seed42").info
    info = msgspec.structs.replace(model, data=DataInfo(digest=data.digest, source="local:/home/ann/mr"))
    source, note = entry_making._find_source(info, RowSource(), counts_only=False)
    assert source == data.source and source.startswith("index:")
    assert note == f"mr-base-seed42: the rows of local:/home/ann/mr are those of {source}, which are public"


@pytest.mark.parametrize("task", ["trec", "sst2"])
def test_rows_that_the_task_declares_as_public_are_published_with_their_records(task: str) -> None:
    ((digest, copy),) = registry.entry("tasks", task).load().public_copies.items()
    model = find_stage(Store(HOUSE / "runs"), "mr-base-seed42").info
    info = msgspec.structs.replace(model, task=task, data=DataInfo(digest=digest, source="local:/home/ann/rows"))
    assert entry_making._find_source(info, RowSource(), counts_only=False)[0] == f"public:{copy}"
    other = msgspec.structs.replace(info, data=DataInfo(digest="0" * 64, source="local:/home/ann/rows"))
    with pytest.raises(RobenchError, match="private data"):
        entry_making._find_source(other, RowSource(), counts_only=False)


# --- broken or missing stages -----------------------------------------------------------------------------------------


def test_a_cell_with_a_broken_file_is_refused(runs: Path) -> None:
    file = next(runs.glob("cells/mr-base-pwws*/records.jsonl"))
    file.write_bytes(file.read_bytes()[:-30])
    assert "29 lines in place of 30" in refused(runs, "mr-base-pwws")
    assert "29 lines in place of 30" in refused(runs, "mr-base-seed42"), "the model stands for this cell, too"
    assert made(runs, "mr-base-deepwordbug").attacks


@pytest.mark.parametrize(
    ("folder", "name", "sentence"),
    [
        ("models/mr-base-seed42-*", "mr-base-pwws", "the model 59323e130b8658c8 is not in"),
        ("adversarial/mr-pwws-*", "mr-taichi-pwws", "the adversarial training set 21756e94e72a47ce is not in"),
        ("models/mr-clean-*", "mr-average-pwws-seed42-c3220", "the model db890809556d5a85 is not in"),
    ],
)
def test_a_stage_that_an_entry_needs_and_that_is_gone_is_a_sentence(
    folder: str, name: str, sentence: str, runs: Path
) -> None:
    shutil.rmtree(next(runs.glob(folder)))
    found = refused(runs, name)
    assert sentence in found and "make it again with `robench run`" in found


def test_an_adversarial_training_set_is_no_result(runs: Path) -> None:
    assert "is an adversarial training set: name a cell" in refused(runs, "mr-pwws")


def test_a_transfer_is_no_result_and_is_named_as_what_it_is(store: Store) -> None:
    transfer = add_transfer(store, add_cell(store, "base", "pwws", 60), [record(0, "failed")])
    with pytest.raises(RobenchError, match="is a transfer: name a cell or a trained model"):
        make_entries(store, [transfer.key])


def test_a_result_that_contradicts_itself_is_not_written(runs: Path) -> None:
    for file in (*runs.glob("models/mr-base-*/stage.json"), *runs.glob("cells/mr-base-pwws-*/stage.json")):
        rewrite(file, clean={"correct": 30, "n": 30, "majority": 16})
    assert "would contradict itself: clean.majority is 16" in refused(runs, "mr-base-pwws")


def test_a_result_that_others_would_refuse_is_not_written(runs: Path) -> None:
    for file in runs.glob("*/mr-base-*/stage.json"):
        rewrite(file, labels=["negative\u202e", "positive"])
    assert "has an invisible character (U+202E) at 'labels.0'" in refused(runs, "mr-base-pwws")


# --- paths ------------------------------------------------------------------------------------------------------------


def test_notes_and_names_in_an_entry_have_no_folders(runs: Path) -> None:
    for file in runs.glob("*/mr-base-*/stage.json"):
        values = json.loads(file.read_bytes())
        data = values["data"] | {"notes": ["ROBENCH_DATA (/home/ann/data) has no folder mr"]}
        rewrite(file, data=data, encoder=values["encoder"] | {"name": "/home/ann/enc"}, foreign_code=["of ~/ann/enc"])
    entry = made(runs, "mr-base-seed42")
    assert entry.encoder.name == "enc" and "ann" not in repr(entry)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_model_stands_for_its_attacks_on_test_rows(runs: Path) -> None:
    ((before, _),) = make_entries(Store(runs), ["mr-base-seed42"])
    (cell,) = (cell for cell in Store(runs).stages(CellInfo) if cell.key == before.attacks[0].key)
    other = shutil.copytree(cell.folder, cell.folder.parent / "on-dev-rows-0123456789abcdef")
    identity = cell.info.identity | {"split": "dev"}
    key = make_key(identity)
    rewrite(other / "stage.json", split="dev", identity=identity, key=key)
    other.rename(other.parent / f"on-dev-rows-{key}")
    assert any(stage.info.split == "dev" for stage in Store(runs).stages(CellInfo, names=()))
    ((entry, _),) = make_entries(Store(runs), ["mr-base-seed42"])
    assert entry.attacks == before.attacks and count_left_out(Store(runs), entry) == 0


def test_a_rerun_has_a_file_of_its_own(runs: Path, tmp_path: Path) -> None:
    ((entry, _),) = make_entries(Store(runs), ["mr-base-pwws"], rerun_by="ann")
    assert write_entry(entry, tmp_path).name == "mr-base-seed42-59323e130b8658c8.rerun-ann.json"
    assert (entry.mark, entry.rerun_by) == ("rerun", "ann")
    with pytest.raises(RobenchError, match="a name has up to 39 letters"):
        make_entries(Store(runs), ["mr-base-pwws"], rerun_by="../ann")


def test_an_entry_does_not_lose_attacks_unless_forced(runs: Path, tmp_path: Path) -> None:
    whole, part = made(runs, "mr-base-seed42"), made(runs, "mr-base-pwws")
    file = write_entry(part, tmp_path / "out")
    assert write_entry(whole, tmp_path / "out") == file, "more attacks than before"
    with pytest.raises(RobenchError, match=r"has mr-base-deepwordbug-seed42, which the new entry lacks.*--force"):
        write_entry(part, tmp_path / "out")
    counts = made(runs, "mr-base-seed42", counts_only=True)
    with pytest.raises(RobenchError, match="has rows, which the new entry lacks"):
        write_entry(counts, tmp_path / "out")
    before = file.read_bytes()
    write_entry(part, tmp_path / "out", force=True)
    assert len(file.read_bytes()) < len(before)


def test_an_entry_is_not_written_through_a_link(runs: Path, tmp_path: Path) -> None:
    entry = made(runs, "mr-base-pwws")
    (tmp_path / entry.file_name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RobenchError, match="is a symbolic link"):
        write_entry(entry, tmp_path, force=True)
