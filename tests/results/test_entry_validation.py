"""The validation of entries: what contradicts itself, the data or the form is named with its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from robench.data.load import load_task
from robench.errors import RobenchError
from robench.plugins import plugin_files, registry
from robench.results.entries import convert, load_entries
from robench.results.entry_agreement import check_agreement
from robench.results.entry_rows import RowSource
from robench.results.entry_validation import FileVerdict, validate, validate_files
from robench.results.info_origin import Environment
from robench.results.info_parts import VictimInfo
from robench.results.integrity import make_key
from support.entries import DATA, copy_runs, write_entries

Values = dict[str, Any]
ELSEWHERE = "0123456789abcdef"
DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("entries")
    return write_entries(copy_runs(folder / "runs"), folder / "out", "mr-base-seed42", "mr-taichi-pwws")


@pytest.fixture(scope="module")
def rows() -> RowSource:
    return RowSource(DATA)


@pytest.fixture
def check(files: list[Path], rows: RowSource, tmp_path: Path) -> Callable[..., FileVerdict]:
    """Change a copy of an entry and validate it."""

    def changed(change: Callable[[Values], object], number: int = 0) -> FileVerdict:
        values = copy.deepcopy(json.loads(files[number].read_bytes()))
        change(values)
        file = tmp_path / files[number].name
        file.write_text(json.dumps(values), encoding="utf-8")
        return validate(file, rows)

    return changed


def records(values: Values) -> Values:
    """The records of the first attack."""
    found: Values = values["attacks"][0]["records"]
    return found


def put(values: Any, place: str, value: Any) -> None:
    *way, last = place.split("/")
    for step in way:
        values = values[int(step) if isinstance(values, list) else step]
    values[int(last) if isinstance(values, list) else last] = value


def test_entries_as_submit_writes_them_have_neither_faults_nor_notes(files: list[Path], rows: RowSource) -> None:
    verdicts = [validate(file, rows) for file in files]
    assert [(verdict.faults, verdict.notes) for verdict in verdicts] == [((), ()), ((), ())]
    assert all(verdict.entry for verdict in verdicts)


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ("seed", 43, "identity.seed is 42, but the entry says 43"),
        ("precision", "bf16", "identity.precision is 'fp32', but the entry says 'bf16'"),
        ("training/epochs", 80, "identity.training is {'epochs': 8,"),
        ("train_rows", 4000, "identity.rows is 60, but the entry says 4000"),
        ("data/digest", DIGEST, "identity.data is 'c74524"),
        ("encoder/digest", DIGEST, "identity.encoder is 'dd61"),
        ("defense/fields", {"alpha": 1}, "identity.defense is {'class': 'robench.defenses.base:Base'"),
        ("identity", {}, "identity has no encoder"),
        ("task", "", "task is empty"),
        ("defense/name", "", "defense has no name or no class"),
        ("identity/seed", 43, "the key 59323e130b8658c8 does not belong to the identity"),
        ("key", ELSEWHERE, "the key 0123456789abcdef does not belong to the identity"),
        ("label", "../../etc/x", "label '../../etc/x' cannot be the name of a file"),
        ("labels", ["same", "same"], "labels has a name twice"),
        ("mark", "rerun", "mark is rerun if and only if rerun_by says by whom"),
        ("rerun_by", "me", "mark is rerun if and only if rerun_by says by whom"),
        ("counts_only", True, "counts_only is true, but there are rows"),
        ("predictions", None, "counts_only is false, but predictions or records of an attack are missing"),
        ("data/source", "local:/home/x", "data.source is 'local:/home/x', which is private data"),
        ("clean/correct", 29, "clean counts 29 of 30 texts right, the predictions 30 of 30"),
        ("clean/n", 0, "clean counts no texts"),
        ("clean/majority", 20, "clean.majority is 20, but the predictions have 15 texts of one label"),
        ("predictions/id/3", 4, "predictions.id is not 0, 1, 2 and so on"),
        ("predictions/label/3", 2, "predictions: row 3 has the label 2, which is none of 2 classes"),
        ("predictions/probabilities/3", [0.9, 0.9], "predictions: row 3 has numbers that are no probabilities"),
        ("predictions/probabilities/3", [1.0], "predictions: row 3 has numbers that are no probabilities of 2 classes"),
        ("predictions/label", [0], "predictions has columns of different lengths: id 30, label 1, probabilities 30"),
        ("attacks/0/attacked/failed", 7, "attacks.0 (mr-base-deepwordbug-seed42): attacked.failed is 7, the records"),
        ("attacks/0/attacked/queries", 18.5, "attacked.queries is 18.5, the records have 18.63"),
        ("attacks/0/attacked/words_changed", 0.2, "attacked.words_changed is 0.2, the records have 0.1163"),
        ("attacks/0/attacked/n", 31, "identity.rows is 30, but the entry says 31"),
        (
            "attacks/0/attack/fields/max_words_changed",
            0.9,
            "identity.attack is {'attack': 'robench.attacks.deepwordbug",
        ),
        ("attacks/0/attack/name", "pwws", "identity.attack is"),
        ("attacks/0/attack/title", "", "attack has no title"),
        ("attacks/0/identity/model", ELSEWHERE, "identity.model is '0123456789abcdef', but the entry says '59323e"),
        ("attacks/0/similarity/n", 3, "similarity is of 3 pairs, but 24 attacks succeeded"),
        ("attacks/0/records/status/0", "failed", "row 0 says failed, which its label and probabilities contradict"),
        ("attacks/0/records/status/0", "skipped", "row 0 says skipped, which its label and probabilities contradict"),
        ("attacks/0/records/status/5", "succeeded", "row 5 says succeeded, which its label and probabilities"),
        ("attacks/0/records/status/0", "error", "row 0 says error, but its text is changed"),
        ("attacks/0/records/id/1", 0, "row 0 stands there twice"),
        ("attacks/0/records/id/29", 30, "row 30 is not one of the 30 test texts"),
        ("attacks/0/records/id/0", 29, "rows are not in the order of id"),
        ("attacks/0/records/label/2", 1, "row 2 says succeeded, which its label and probabilities contradict"),
        ("attacks/0/records/words_changed/2", 99, "row 2 has 99 changed words of 25"),
        ("attacks/0/records/after/2", [0.5, 0.6], "row 2 has numbers that are no probabilities of 2 classes"),
        ("attacks/0/records/queries", [], "records has columns of different lengths"),
        ("attacks/0/records/original/2", DIGEST, "attacks: row 2 has different original texts in two attacks"),
        ("attacks/1/key", ELSEWHERE, "attacks.1 (mr-base-pwws-seed42): the key 0123456789abcdef does not belong"),
        ("statistics/0/model", ELSEWHERE, "is of the model 0123456789abcdef, which is not this one"),
        ("statistics/1/pairs", ELSEWHERE, "the pairs are of the cell 0123456789abcdef, which is not among the attacks"),
        ("attacks/0/attack/changed", {"max_words_changed": 9}, "changed.max_words_changed is 9, but fields has 0.15"),
        ("attacks/0/identity/attack", None, "identity.attack is None, but the entry says 'deepwordbug'"),
        ("statistics/0/unchanged", 31, "counts 30 pairs, of which 31 are unchanged"),
        ("statistics/0/clean/correct", 3, "statistics.0 (mr-base-pwws-seed42): clean is not that of the model"),
        ("statistics/1/n", 29, "has 29 pairs and 0 errors of pwws, but their cell has 30"),
        ("statistics/1/clean", {"correct": 0, "n": 0}, "statistics.1 (mr-before-pwws-seed42): clean counts no texts"),
        ("rows", {"errors": -5}, "has a wrong value at rows.errors: expected `int` >= 0"),
        ("attacks/0/seed", 43, "attacks.0 (mr-base-deepwordbug-seed42): seed is 43, but the model was trained with 42"),
        ("attacks/0/records/words/2", 26, "attacks: row 2 has 26 words in one attack, and 25 in another"),
        (
            "attacks/0/records/before/2",
            [0.6, 0.4],
            "row 2 has other probabilities before the attack than in predictions",
        ),
        ("attacks/0/identity/note", "x", "identity has 'note', which robench does not write"),
        ("attacks/0/identity/format", "4", "identity.format is '4', which is no number"),
        ("attacks/0/identity/attack/note", "x", "identity.attack has 'note', which robench does not write"),
        (
            "attacks/0/identity/attack/fields/note",
            None,
            "identity.attack.fields has 'note', which robench does not write",
        ),
        ("identity/note", "x", "identity has 'note', which robench does not write"),
    ],
)
def test_a_contradiction_is_named_with_its_place(
    place: str, value: Any, fault: str, check: Callable[..., FileVerdict]
) -> None:
    verdict = check(lambda values: put(values, place, value))
    assert [one for one in verdict.faults if fault in one], verdict.faults


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ("trained_against/key", ELSEWHERE, "trained_against: the key 0123456789abcdef does not belong to the identity"),
        ("trained_against/attack/fields/max_words_changed", 0.5, "trained_against: identity.attack is"),
        ("trained_against/attacked/succeeded", 59, "trained_against.attacked has n 60, but the outcomes sum to 61"),
        ("trained_against", None, "identity.adversarial is '21756e94e72a47ce', but the entry says None"),
        ("rows/succeeded", 57, "rows counts 57 succeeded, 2 failed"),
        ("rows/unchanged", 61, "rows counts 61 unchanged of 60 adversarial texts"),
        ("trained_against/identity/seed", 99, "trained_against: identity.seed is 99, but the entry says 42"),
        ("trained_against/identity/note", 1, "trained_against: identity has 'note', which robench does not write"),
    ],
)
def test_a_contradiction_about_the_training_set_is_named(
    place: str, value: Any, fault: str, check: Callable[..., FileVerdict]
) -> None:
    verdict = check(lambda values: put(values, place, value), 1)
    assert [one for one in verdict.faults if fault in one], verdict.faults


def claim_that_no_attack_succeeds(values: Values) -> None:
    for attack in values["attacks"]:
        rows, sure = attack["records"], []
        for label in rows["label"]:
            sure.append([float(number == label) for number in range(2)])
        n = len(sure)
        rows |= {"before": sure, "after": sure, "status": ["failed"] * n, "final": rows["original"]}
        rows["words_changed"] = [0] * n
        queries = round(sum(rows["queries"]) / n, 2)
        attack |= {"attacked": {"n": n, "failed": n, "succeeded": 0, "skipped": 0, "queries": queries}}
        attack["similarity"] = {"mean": None, "n": 0}
    values["statistics"] = []


def test_records_of_another_model_than_the_predictions_are_a_fault(check: Callable[..., FileVerdict]) -> None:
    verdict = check(claim_that_no_attack_succeeds)
    assert len(verdict.faults) == 8, "the first three rows of both attacks, and how many more there are"
    assert all("records: row " in one or "more rows" in one for one in verdict.faults), verdict.faults


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"random": True}, True),
        ({"probabilities": [[0.0, 1.0]] * 30}, False),
        ({"probabilities": [[0.0, 1.0]] * 30, "random": True}, True),
    ],
)
def test_only_a_random_model_has_other_probabilities_before_an_attack(
    change: Values, fits: bool, files: list[Path]
) -> None:
    entry = convert(json.loads(files[0].read_bytes()), files[0])
    assert entry.predictions is not None
    victim = VictimInfo(kind="Python function", model="mine:score", random=change.get("random", False))
    predictions = msgspec.structs.replace(
        entry.predictions, probabilities=change.get("probabilities", entry.predictions.probabilities)
    )
    found = list(check_agreement(msgspec.structs.replace(entry, victim=victim, predictions=predictions)))
    assert (found == []) == fits, found


def test_words_of_a_text_that_ended_in_an_error_are_not_compared(files: list[Path]) -> None:
    entry = convert(json.loads(files[0].read_bytes()), files[0])
    first, second = entry.attacks
    assert first.records is not None
    status, words = list(first.records.status), list(first.records.words)
    status[3], words[3] = "error", 0
    failed = msgspec.structs.replace(first.records, status=tuple(status), words=tuple(words))
    attacks = (msgspec.structs.replace(first, records=failed), second)
    assert list(check_agreement(msgspec.structs.replace(entry, attacks=attacks))) == []


def test_a_model_that_somebody_brought_is_attacked_with_any_seed(files: list[Path]) -> None:
    entry = convert(json.loads(files[0].read_bytes()), files[0])
    victim = VictimInfo(kind="Python function", model="mine:score")
    again = [msgspec.structs.replace(attack, seed=43) for attack in entry.attacks]
    both = msgspec.structs.replace(entry, victim=victim, attacks=(*entry.attacks, *again))
    assert list(check_agreement(both)) == []


def test_rounding_of_another_machine_is_no_fault(files: list[Path]) -> None:
    entry = convert(json.loads(files[0].read_bytes()), files[0])
    assert entry.predictions is not None
    moved = tuple((first - 1e-5, second + 1e-5) for first, second in entry.predictions.probabilities)
    predictions = msgspec.structs.replace(entry.predictions, probabilities=moved)
    here = Environment(device="cpu", threads=1, instructions="avx2")
    for instructions, count in (("avx512_bf16", 0), ("avx2", 8)):
        there = Environment(device="cpu", threads=1, instructions=instructions)
        attacks = tuple(msgspec.structs.replace(attack, environment=there) for attack in entry.attacks)
        other = msgspec.structs.replace(entry, predictions=predictions, environment=here, attacks=attacks)
        assert len(list(check_agreement(other))) == count


def test_an_attack_that_stands_there_twice_is_a_fault(check: Callable[..., FileVerdict]) -> None:
    def add(values: Values) -> None:
        again = copy.deepcopy(values["attacks"][0])
        again["identity"]["note"] = "x"
        again["key"] = make_key(again["identity"])
        values["attacks"].append(again)

    verdict = check(add)
    place = "attacks.2 (mr-base-deepwordbug-seed42)"
    assert f"{verdict.path}: {place}: identity has 'note', which robench does not write." in verdict.faults
    same = "is the same attack as attacks.0 (mr-base-deepwordbug-seed42), on as many rows, with the same seed"
    assert f"{verdict.path}: {place} {same}." in verdict.faults


# --- several entries --------------------------------------------------------------------------------------------------


def test_two_files_of_one_model_that_differ_are_a_fault_of_the_second(
    files: list[Path], rows: RowSource, tmp_path: Path
) -> None:
    for folder, version in (("a", "0.1"), ("b", "0.1"), ("c", "0.2")):
        (tmp_path / folder).mkdir()
        values = json.loads(files[0].read_bytes()) | {"robench": version}
        (tmp_path / folder / files[0].name).write_text(json.dumps(values), encoding="utf-8")
    verdicts = validate_files(sorted(tmp_path.glob("*/*.json")), rows)
    first, _, third = (verdict.path for verdict in verdicts)
    fault = f"{third}: is about the same model as {first}, by the same author, and differs."
    assert [verdict.faults for verdict in verdicts] == [(), (), (fault,)]
    with pytest.raises(RobenchError, match=f"{first} and {third} are about the same model"):
        load_entries(tmp_path)


def copy_seed(file: Path, seed: int, folder: Path) -> Path:
    """Write the entry of a model as if it were that of another seed."""
    values = json.loads(file.read_bytes())
    values |= {"seed": seed, "label": f"mr-base-seed{seed}", "statistics": []}
    values["identity"]["seed"] = seed
    values["key"] = make_key(values["identity"])
    for attack in values["attacks"]:
        attack["seed"] = seed
        attack["identity"] |= {"seed": seed, "model": values["key"]}
        attack["key"] = make_key(attack["identity"])
    path = folder / f"{values['label']}-{values['key']}.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_one_model_that_is_passed_off_as_two_seeds_is_a_fault(
    files: list[Path], rows: RowSource, tmp_path: Path
) -> None:
    copied = copy_seed(files[0], 43, tmp_path)
    verdicts = validate_files([*files, copied], rows)
    fault = f"{copied}: has another seed than {files[0]}, and the same predictions to the last bit."
    assert [verdict.faults for verdict in verdicts] == [(), (), (fault,)]


def test_many_bad_rows_are_counted_not_listed(check: Callable[..., FileVerdict]) -> None:
    verdict = check(lambda values: records(values).update(words_changed=[99] * 30))
    told = [fault for fault in verdict.faults if "records: " in fault]
    assert len(told) == 4 and told[-1].endswith("records: and 27 more rows.")


def test_a_file_of_another_name_is_a_fault(files: list[Path], rows: RowSource, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(files[0].read_bytes())
    assert validate(file, rows).faults == (f"{file}: the file of this entry should be named {files[0].name}.",)


def test_unknown_keys_are_noted_at_any_depth(check: Callable[..., FileVerdict]) -> None:
    def add(values: Values) -> None:
        values["texts"] = ["a"]
        values["attacks"][0]["records"]["texts"] = ["b"]

    verdict = check(add)
    assert verdict.faults == ()
    assert verdict.notes[0].endswith("does not know are ignored: attacks.0.records.texts, texts.")


def test_labels_and_rows_of_another_task_are_faults_without_its_data(check: Callable[..., FileVerdict]) -> None:
    (named,) = (one for one in check(lambda values: values.update(task="trec")).faults if "labels" in one)
    assert named.endswith("labels are others than those of the task trec: ABBR, ENTY, DESC, HUM, LOC, NUM.")
    sst2 = registry.entry("tasks", "sst2").load()
    (digest,) = sst2.public_copies
    verdict = check(lambda values: values["data"].update(digest=digest))
    assert f"{verdict.path}: data.digest is that of the rows of sst2, not of mr." in verdict.faults


# --- the task's data --------------------------------------------------------------------------------------------------


def both_digests(values: Values) -> None:
    for attack in values["attacks"]:
        attack["records"]["original"][2] = DIGEST


def other_label(values: Values) -> None:
    values["predictions"]["label"][0], values["predictions"]["probabilities"][0] = 1, [0.3, 0.7]
    for attack in values["attacks"]:
        for column in attack["records"].values():
            del column[0]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            both_digests,
            "attacks.0 (mr-base-deepwordbug-seed42): records: row 2 has another original text than the data",
        ),
        (other_label, "predictions: row 0 has the label 1, which is not the data's"),
        (lambda values: values.update(labels=["bad", "good"]), "labels are others than those of the task: negative"),
    ],
)
def test_rows_that_are_not_the_data_s_are_faults(
    change: Callable[[Values], object], fault: str, check: Callable[..., FileVerdict]
) -> None:
    from robench.results.entry_rows import compare_rows

    verdict = check(change)
    assert verdict.entry is not None
    data = RowSource(DATA).find("mr", verdict.entry.data.digest)
    assert data is not None
    found = compare_rows(convert(json.loads(verdict.path.read_bytes()), verdict.path), data)
    assert [one for one in found if one.startswith(fault)], found


def test_without_the_data_a_note_says_that_rows_are_not_compared(files: list[Path]) -> None:
    verdict = validate(files[0], RowSource(files[0].parent))
    assert verdict.faults == () and len(verdict.notes) == 1
    assert "its rows are not compared with the task's: the data of mr" in verdict.notes[0]


def test_a_task_that_an_entry_names_is_not_imported_unless_it_is_robench_s_own(
    check: Callable[..., FileVerdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one of an installed package, which would run its code."""
    stranger = registry.Entry("tasks", "mr", "a-package 1.0", "no_such_module:TASK")
    monkeypatch.setattr(registry, "_read_entry_points", lambda kind: {"mr": stranger})
    rows = RowSource(DATA)
    assert rows.find("mr", DIGEST) is None and "none of robench's own" in rows.explain("mr")


def test_a_plugin_file_that_the_user_loaded_declares_a_task(tmp_path: Path) -> None:
    from support.tiny_job import write_data

    plugin = tmp_path / "mine.py"
    plugin.write_text("import robench\nrobench.register('mine', robench.Task(labels=('a', 'b')))\n", encoding="utf-8")
    with plugin_files.isolated():
        plugin_files.load_plugin(plugin)
        rows = RowSource(write_data(tmp_path / "data", task="mine"))
        declared = registry.entry("tasks", "mine").load()
        digest = load_task("mine", declared, data_dir=tmp_path / "data").digest
        data = rows.find("mine", digest)
        assert data is not None and data.digest == digest
