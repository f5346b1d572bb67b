"""Entries: the same tables as from the runs folder, no text, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from robench.errors import RobenchError
from robench.report.data_frames import load_records
from robench.report.tables import TableOptions, make
from robench.report.tables.accuracy import accuracy_table
from robench.report.tables.general_tables import GENERAL
from robench.report.tables.high_order import high_order_table
from robench.report.tables.options import TableRequest
from robench.report.tables.quality import quality_table
from robench.results import papers, records
from robench.results.cells import read_results
from robench.results.entries import encode, list_cells, list_statistics, load_entries, read_entry, reduce_records
from robench.results.entry_form import Entry
from robench.results.entry_rows import RowSource
from robench.results.entry_store import EntryStore, open_results
from robench.results.entry_validation import validate
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.sample_reader import SampleReader
from robench.results.selection import Selection
from robench.results.store import Store
from support.entries import DATA, copy_runs, write_entries
from support.many_entries import make_entry


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_runs(tmp_path_factory.mktemp("entries") / "runs")


@pytest.fixture(scope="module")
def folder(runs: Path) -> Path:
    """A folder with the entries of all models that were attacked."""
    write_entries(runs, runs.parent / "entries")
    return runs.parent / "entries"


@pytest.fixture(scope="module")
def entries(folder: Path) -> list[Entry]:
    return load_entries(folder)


# --- tables from entries alone ----------------------------------------------------------------------------------------


def test_accuracies_counted_from_the_json_equal_those_of_the_store_exactly(runs: Path, folder: Path) -> None:
    """Without robench's reader: from the rows themselves, as anybody would."""
    found = {}
    for file in folder.glob("*.json"):
        entry = json.loads(file.read_text(encoding="utf-8"))
        pairs = list(zip(entry["predictions"]["label"], entry["predictions"]["probabilities"], strict=True))
        clean = Fraction(sum(p.index(max(p)) == label for label, p in pairs), len(pairs))
        for attack in entry["attacks"]:
            status = attack["records"]["status"]
            errors = status.count("error")
            under = Fraction(status.count("failed"), len(status) - errors)
            found[attack["key"]] = (clean, under, len(status), errors)
    stored = {
        r.info.key: (r.clean_accuracy, r.accuracy_under_attack, r.attacked_n, r.outcome.errors)
        for r in read_results(Store(runs).stages(CellInfo))
    }
    assert len(stored) == 8 and found == stored


def request(number: str, runs: Path, *attacks: str) -> TableRequest:
    paper = papers.find_paper()
    table = GENERAL.get(number) or paper.tables[number]
    return TableRequest(paper, table, runs=str(runs), selection=Selection(tasks=("mr",), attacks=attacks))


@pytest.mark.parametrize("number", ["5", "quality"])
def test_table_of_entries_is_the_table_of_the_store(number: str, runs: Path, entries: list[Entry]) -> None:
    cells = sorted((cell for entry in entries for cell in list_cells(entry)), key=lambda cell: cell.folder.name)
    maker = {"5": accuracy_table, "quality": quality_table}[number]
    assert maker(cells, request(number, runs)) == maker(Store(runs).stages(CellInfo), request(number, runs))


def test_statistics_of_entries_make_table_7_with_the_encoder_before_fine_tuning(
    runs: Path, entries: list[Entry]
) -> None:
    found = sorted((one for entry in entries for one in list_statistics(entry)), key=lambda one: one.folder.name)
    assert [one.info.defense.name for one in found] == ["base", "before", "taichi"]
    asked = request("7", runs, "pwws")
    assert high_order_table(found, (), asked) == high_order_table(Store(runs).stages(StatisticsInfo), (), asked)


def test_an_infinite_statistic_is_null_and_infinite_again(folder: Path, entries: list[Entry]) -> None:
    values = next(json.loads(file.read_bytes()) for file in folder.glob("mr-base-*"))
    values["statistics"][0]["kl_pos"] = None
    file = folder.parent / "infinite.json"
    file.write_text(json.dumps(values), encoding="utf-8")
    assert list_statistics(read_entry(file))[0].info.statistics.kl_pos == float("inf")


@pytest.mark.parametrize("number", ["5", "7", "matrix", "worst", "quality", "price", "budget", "flips"])
def test_a_folder_of_entries_makes_the_tables_of_the_runs_folder(number: str, runs: Path, folder: Path) -> None:
    attacks = ("pwws",) if number == "7" else ()  # by default it has the paper's attack alone
    options = TableOptions(selection=Selection(tasks=("mr",), attacks=attacks), runs=str(runs))
    ours, theirs = (make(number, open_results(place), **options) for place in (folder, runs))
    assert isinstance(open_results(folder), EntryStore) and not isinstance(open_results(runs), EntryStore)
    assert ours.blocks == theirs.blocks and ours.columns == theirs.columns


@pytest.mark.parametrize("author", ["a", "z"])  # whichever file is read first
def test_tables_are_of_the_authors_entry_and_not_of_a_rerun_that_adds_an_attack(author: str, tmp_path: Path) -> None:
    reported = make_entry("base", attacks=["pwws"])
    rerun = msgspec.structs.replace(make_entry("base", attacks=["deepwordbug"]), mark="rerun", rerun_by="ann")
    for name, entry in ((author, reported), ("m", rerun)):
        (tmp_path / f"{name}.json").write_bytes(encode(entry))
    results = read_results(open_results(tmp_path).stages(CellInfo))
    assert {r.attack.name for r in results} == {"pwws"}
    samples = SampleReader.of(results).clean(results)
    assert samples is not None and sum(bool(one) for one in samples[42].values()) == reported.clean.correct


def test_frames_of_entries_are_those_of_the_runs_folder_without_seconds_and_texts(runs: Path, folder: Path) -> None:
    order = ["key", "id"]
    ours, theirs = (load_records(place, task="mr").sort_values(order, ignore_index=True) for place in (folder, runs))
    exact = [column for column in map(str, ours) if "probability" not in column]
    assert set(theirs) - set(ours) == {"seconds"} and ours[exact].equals(theirs[exact])
    assert ours.probability.sub(theirs.probability).abs().max() < 1e-8
    with pytest.raises(RobenchError, match="no texts"):
        load_records(folder, texts=True)


# --- the content ------------------------------------------------------------------------------------------------------


def test_an_entry_has_settings_data_and_the_attack_it_was_trained_against(entries: list[Entry]) -> None:
    entry = next(entry for entry in entries if entry.label == "mr-taichi-pwws-seed42")
    assert entry.trained_against is not None and entry.trained_against.attacked is not None
    assert entry.trained_against.attack.fields["max_words_changed"] == 0.08
    assert "wordnet" in entry.trained_against.identity["attack"]["resources"]
    assert entry.trained_against.timing is not None, "the making of D_adv is part of the price"
    assert len(entry.defense.fields) == 9 and entry.rows is not None and entry.timing is not None
    assert (entry.parameters, entry.mark, entry.counts_only) == (8066, "reported", False)
    fused = next(entry for entry in entries if entry.defense.name == "average")
    assert [part.label for part in fused.parts] == ["mr-clean-pwws-seed42", "mr-adversarial-pwws-seed42"]


def test_no_text_of_a_record_is_in_an_entry(runs: Path, folder: Path) -> None:
    texts = {
        text
        for file in runs.glob("*/*/records.jsonl")
        for record in records.read(file)
        for text in (record.original, record.final)
    }
    written = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.json"))
    words = {word for text in texts for word in text.split() if len(word) > 6}
    assert len(words) > 50 and not {word for word in words if word in written}
    originals = {record.original for file in runs.glob("cells/*/records.jsonl") for record in records.read(file)}
    assert all(hashlib.sha256(text.encode()).hexdigest() in written for text in originals)


def test_probabilities_keep_their_value_in_32_bits_and_their_order(runs: Path, entries: list[Entry]) -> None:
    import numpy as np

    entry = next(entry for entry in entries if entry.defense.name == "base")
    for attack in entry.attacks:
        assert attack.records is not None
        stored = records.read(runs / "cells" / f"{attack.label}-{attack.key}" / "records.jsonl")
        exact = np.array([record.probabilities_after for record in stored], dtype=np.float32)
        assert (np.array(attack.records.after, dtype=np.float32) == exact).all()


def test_error_rows_keep_neither_reason_nor_text() -> None:
    fields: dict[str, Any] = {"id": 3, "label": 0, "original": "secret", "final": "secret", "status": "error"}
    fields |= {"probabilities_before": [], "probabilities_after": [], "queries": 2, "words_changed": 0, "words": 1}
    found = reduce_records([records.Record(**fields, seconds=0.1, reason="no secret", failed_text="secret text")])
    assert "secret" not in repr(found) and found.status == ("error",) and found.before == ((),)


# --- bytes ------------------------------------------------------------------------------------------------------------


def test_the_same_content_gives_the_same_bytes_in_whatever_order_cells_are_named(runs: Path, tmp_path: Path) -> None:
    names = ["mr-base-pwws", "mr-base-deepwordbug"]
    (one,), (other,) = (write_entries(runs, tmp_path / str(i), *some) for i, some in enumerate((names, names[::-1])))
    assert one.read_bytes() == other.read_bytes() and one.name == other.name


def test_an_entry_read_and_written_again_is_the_same_file(folder: Path) -> None:
    files = sorted(folder.glob("*.json"))
    assert len(files) == 7 and all(encode(read_entry(file)) == file.read_bytes() for file in files)


GOLDEN = Path(__file__).parents[1] / "goldens" / "entries"


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.name)
def test_a_golden_entry_of_form_1_is_read_for_ever(file: Path) -> None:
    """Made by the first robench that wrote entries, and never again: people publish such files."""
    verdict = validate(file, RowSource(DATA))
    assert (verdict.faults, verdict.notes) == ((), ()) and verdict.entry is not None
    assert encode(verdict.entry) == file.read_bytes(), "what has a default that is new is not written"


# --- reading ----------------------------------------------------------------------------------------------------------


def changed(folder: Path, tmp_path: Path, **changes: Any) -> Path:
    file = tmp_path / "changed.json"
    values = json.loads(min(folder.glob("*.json")).read_bytes()) | changes
    file.write_text(json.dumps({k: v for k, v in values.items() if v is not ...}), encoding="utf-8")
    return file


def test_a_key_of_a_later_version_is_ignored(folder: Path, tmp_path: Path) -> None:
    assert read_entry(changed(folder, tmp_path, transfers=[{"from": "base"}])) == read_entry(min(folder.glob("*.json")))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"form": 2}, "has the form 2; this robench reads form 1."),
        ({"form": True}, "has the form True; this robench reads form 1."),
        ({"form": ...}, "is no entry: it has no key form. `robench submit` writes entries."),
        ({"seed": -1}, "has a wrong value at seed: expected `int` >= 0."),
        ({"key": "../../x"}, "has a wrong value at key: expected `str` matching regex '^[0-9a-f]{16}$'."),
        ({"clean": ...}, "has no clean."),
        ({"labels": ["a"]}, "has a wrong value at labels: expected `array` of length >= 2."),
        ({"attacks": {}}, "has a wrong value at attacks: expected `array`, got `object`."),
    ],
)
def test_a_file_that_is_no_entry_is_a_sentence(
    changes: dict[str, Any], sentence: str, folder: Path, tmp_path: Path
) -> None:
    file = changed(folder, tmp_path, **changes)
    with pytest.raises(RobenchError) as error:
        read_entry(file)
    assert str(error.value) == f"{file} {sentence}"


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ("clean", {"correct": 0, "n": 0}, "clean counts no texts"),
        ("statistics/0/clean", {"correct": 0, "n": 0}, "clean counts no texts"),
        ("predictions/label", [0], "predictions has columns of different lengths: id 30, label 1, probabilities 30"),
        ("predictions/label/3", 2, "predictions has the label 2, which is none of 2 classes"),
        ("predictions/probabilities/3", [], "predictions has 0 probabilities in row 3, of 2 classes"),
        ("attacks/0/records/queries", [1], "records has columns of different lengths"),
        ("attacks/0/records/label/3", 2, "records has the label 2, which is none of 2 classes"),
        ("attacks/0/records/before/3", [], "records has 0 probabilities in row 3, of 2 classes"),
        ("attacks/1/records/after/3", [1.0], "records has 1 probabilities in row 3, of 2 classes"),
    ],
)
def test_an_entry_that_no_table_can_be_made_of_is_a_sentence(
    place: str, value: Any, fault: str, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "faulty.json"
    values = json.loads(next(folder.glob("mr-base-seed42-*")).read_bytes())
    *way, last = place.split("/")
    inner = values
    for step in way:
        inner = inner[int(step) if isinstance(inner, list) else step]
    inner[int(last) if isinstance(inner, list) else last] = value
    file.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RobenchError) as error:
        open_results(tmp_path)
    assert fault in str(error.value)
    assert str(error.value).endswith(f"`robench validate {file}` lists all that does not fit.")


def test_rows_that_ended_in_an_error_need_no_probabilities(folder: Path, tmp_path: Path) -> None:
    values = json.loads(next(folder.glob("mr-base-seed42-*")).read_bytes())
    rows = values["attacks"][0]["records"]
    rows["status"][3], rows["before"][3], rows["after"][3] = "error", [], []
    file = tmp_path / "error.json"
    file.write_text(json.dumps(values), encoding="utf-8")
    assert read_entry(file).attacks[0].records is not None


def test_a_folder_of_other_json_files_is_said_to_be_read_as_entries(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RobenchError, match=r"no folder of a runs folder, so it is read as .* is no entry"):
        open_results(tmp_path)


def test_a_folder_without_entries_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match="holds no entries"):
        load_entries(tmp_path)
    with pytest.raises(RobenchError, match="does not exist"):
        load_entries(tmp_path / "nowhere")


def test_reading_entries_imports_nothing_heavy() -> None:
    from support.fresh import imported

    assert imported("import robench.results.entries, robench.results.entry_checks") == []


def test_cells_of_attacks_that_a_model_was_not_trained_against_say_so() -> None:
    entry = make_entry("taichi", against="pwws", attacks=("pwws", "deepwordbug"), texts=10)
    against = {cell.info.attack.name: cell.info.trained_against for cell in list_cells(entry)}
    assert against["pwws"] is None and against["deepwordbug"] is not None
    assert against["deepwordbug"].name == "pwws"
    crossed = {cell.info.attack.name for cell in list_cells(entry) if cell.info.is_crossed}
    assert crossed == {"deepwordbug"}
