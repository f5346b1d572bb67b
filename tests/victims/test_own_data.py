"""A model of the user's on rows of the user's: one option, no task, no training rows."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from robench.api import attack_model
from robench.errors import RobenchError
from robench.progress import SilentReporter
from robench.report.submit import make_entries
from robench.results import clean_lines
from robench.results.cells import read_results
from robench.results.info import CellInfo, ModelInfo
from robench.results.store import RECORDS_FILE, Store, StoredStage
from robench.study.commands import Gap, make_commands
from robench.study.estimate import Estimator
from robench.study.stages.attack import CellStage
from robench.study.stages.context import Context
from robench.study.text_estimate import estimate_texts
from robench.study.victim_request import VictimRequest
from support.refusals import told
from support.runs import attacked, comparable, rewrite
from support.tiny_job import robench, rows, write_rows
from support.victims import by_ending

pytestmark = pytest.mark.usefixtures("tiny_job")  # NLTK's data
Cell = StoredStage[CellInfo]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A file of test rows."""
    write_rows(tmp_path / "films.tsv", rows(12))
    return tmp_path / "films.tsv"


def attack(place: Path, **options: Any) -> Cell:
    """Attack the function that knows the day, and return the cell that was made last."""
    runs = options.pop("runs", None) or (place.parent / "runs")
    fixed: dict[str, Any] = {
        "attack": "deepwordbug",
        "clean_limit": 100,
        "preset": "quick",
        "jobs": 1,
        "offline": True,
        "progress": False,
    }
    where = {} if "task" in options else {"test": place}
    frame = attack_model(options.pop("model", by_ending), runs=runs, **fixed | where | options)
    found: Cell = next(cell for cell in Store(runs).stages(CellInfo) if cell.key == frame.key[0])
    return found


def test_attack_on_file_makes_cell_that_names_its_rows(films: Path) -> None:
    cell = attack(films, text="sentence", attack_limit=3)
    info = cell.info
    assert (info.task, info.labels, info.train_rows) == ("films", ("LABEL_0", "LABEL_1"), 0)
    assert info.data.source == f"local:{films}"
    assert info.data_options == ("--test", str(films), "--text", "sentence")
    assert (info.clean.n, info.attacked and info.attacked.n) == (12, 3)
    assert not any("their labels" in warning or "model's labels" in warning for warning in info.warnings)


def test_command_on_the_same_rows_in_another_file_says_under_which_name_their_results_are(
    counting: Path, films: Path
) -> None:
    again = films.with_name("again.csv")
    again.write_text(films.read_text(encoding="utf-8").replace("\t", ","), encoding="utf-8")
    command = ["attack", "--model", "counting:scores", "--attack", "deepwordbug", "--preset", "quick", "--jobs", 1]
    command += ["--attack-limit", 2, "--offline", "--runs", films.parent / "runs"]
    note = "note: the same rows were attacked before as films, and these results keep that name: --task films selects"
    first, second = (robench(*command, "--test", file) for file in (films, again))
    assert first.exit_code == second.exit_code == 0, second.output
    assert "keep that name" not in first.stderr and note in second.stderr.replace("\n", " ")


def test_command_on_file_says_what_it_guessed_and_its_page_proposes_no_training(counting: Path, films: Path) -> None:
    page = films.parent / "report.html"
    command = ["attack", "--model", "counting:scores", "--test", films, "--attack", "deepwordbug", "--preset", "quick"]
    done = robench(*command, "--jobs", 1, "--offline", "--runs", films.parent / "runs", "--report", page)
    assert done.exit_code == 0, done.output
    assert "films: 12 test rows from local:" in done.stderr
    assert "texts are in the column 'sentence', labels are in the column 'label'" in done.stderr
    assert "a first look (preset quick): clean% on at most 200 rows, attacks on 20" in done.stderr
    text = page.read_text(encoding="utf-8")
    assert "robench attack --model counting:scores --test " in text and "robench run" not in text


def test_commands_for_own_rows_name_the_file(films: Path) -> None:
    (result,) = read_results([attack(films, attack_limit=2)])
    victim = result.info.victim
    assert victim is not None
    command = ("--model", "counting:scores")
    info = msgspec.structs.replace(result.info, victim=msgspec.structs.replace(victim, command=command))
    row = dataclasses.replace(result, info=info)
    (made,), hopeless = make_commands([Gap(row, row, 7)])
    assert f"--test {films}" in made and "--task" not in made and "--data" not in made and not hopeless


def test_attack_on_changed_file_is_another_cell(films: Path) -> None:
    first = attack(films, attack_limit=2)
    assert attack(films, attack_limit=2).key == first.key
    write_rows(films, [*rows(11), ("the film was dull on day 11 at last.", 1)])
    assert attack(films, attack_limit=2).key != first.key


def test_larger_sample_takes_over_the_records_of_smaller_one(
    films: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fresh = attacked(attack(films, attack_limit=7, runs=tmp_path / "fresh"))
    small = attack(films, attack_limit=3)
    capfd.readouterr()
    grown = attack(films, attack_limit=7, progress=True)
    assert f"3 of 7 texts are taken over from {small.folder.name}" in capfd.readouterr().err
    assert comparable(attacked(grown)) == comparable(fresh)
    seconds = {record.id: record.seconds for record in attacked(small)}
    assert {one.id: one.seconds for one in attacked(grown) if one.id in seconds} == seconds
    shrunk = attack(films, attack_limit=5, progress=True)
    assert "5 of 5 texts are taken over" in capfd.readouterr().err
    kept = {record.id for record in attacked(shrunk)}
    assert comparable(attacked(shrunk)) == [record for record in comparable(fresh) if record.id in kept]
    assert len({small.key, grown.key, shrunk.key}) == 3


def test_sample_takes_over_records_of_model_whose_clean_accuracy_was_of_fewer_rows(
    films: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fresh = attacked(attack(films, attack_limit=7, runs=tmp_path / "fresh"))
    look = attack(films, attack_limit=3, clean_limit=5)
    capfd.readouterr()
    grown = attack(films, attack_limit=7, progress=True)
    assert f"3 of 7 texts are taken over from {look.folder.name}" in capfd.readouterr().err
    assert grown.info.model != look.info.model
    assert comparable(attacked(grown)) == comparable(fresh)


CERTAINTY = {"of the function": 1.0}
"""Its weight, which can change while its source stays the same."""


def changeable(texts: list[str]) -> list[list[float]]:
    return [[CERTAINTY["of the function"] * score for score in row] for row in by_ending(texts)]


def test_sample_takes_nothing_over_from_function_that_has_changed(
    films: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack(films, model=changeable, attack_limit=3, clean_limit=5)
    attack(films, model=changeable, attack_limit=4, clean_limit=6, progress=True)
    assert "3 of 4 texts are taken over" in capfd.readouterr().err
    monkeypatch.setitem(CERTAINTY, "of the function", 0.5)
    attack(films, model=changeable, attack_limit=4, clean_limit=7, progress=True)
    assert "taken over" not in capfd.readouterr().err


def test_function_to_which_no_text_is_left_to_send_is_left_out_of_the_estimate(films: Path, store: Store) -> None:
    asked = VictimRequest(model=by_ending, test=films, attack="deepwordbug", preset="quick", attack_limit=2)
    (cell,) = asked.stages(SilentReporter())
    context = Context(store, SilentReporter(), torch.device("cpu"))
    (before,) = estimate_texts([cell], context)
    assert re.fullmatch(r"texts to send to .*by_ending: about \d+ \(about \d+ for attacks\)\.", before)
    folder = cell.folder(store)
    folder.mkdir(parents=True)
    (folder / RECORDS_FILE).write_bytes(2 * b"{}\n")  # all its rows have a record, and it is not finished
    assert estimate_texts([cell], context) == []


@pytest.mark.parametrize("seconds", [2.5, 0.0])  # the time of a fast model is rounded to 0
def test_pace_of_one_function_is_no_estimate_for_another(films: Path, seconds: float) -> None:
    attack(films, attack_limit=3, name="slow")
    for file in (films.parent / "runs").glob("*/*/stage.json"):
        rewrite(file, timing=json.loads(file.read_bytes())["timing"] | {"seconds": seconds})
    estimator = Estimator(Store(films.parent / "runs"))
    fixed: dict[str, Any] = {"test": films, "attack": "deepwordbug", "preset": "quick", "attack_limit": 5}
    same, renamed, other = (
        VictimRequest(model=model, name=name, **fixed).stages(SilentReporter())[0]
        for model, name in ((by_ending, "slow"), (by_ending, "quick"), (changeable, "quick"))
    )
    for known in (same, renamed):
        assert estimator.seconds(known) is not None and estimator.seconds(known.needs[0]) is not None
    assert estimator.seconds(other) is None and estimator.seconds(other.needs[0]) is None


def test_sample_takes_nothing_over_from_another_seed_or_from_changed_records(
    films: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small = attack(films, attack_limit=3)
    attack(films, attack_limit=4, seed=7, progress=True)
    file = small.folder / "records.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"queries": ', b'"queries": 1', 1))
    attack(films, attack_limit=5, progress=True)
    assert "taken over" not in capfd.readouterr().err


def test_clean_limit_counts_a_part_of_the_rows_and_is_another_model(films: Path) -> None:
    whole = attack(films, attack_limit=2)
    part = attack(films, attack_limit=2, clean_limit=5)
    assert (part.info.clean.n, part.info.clean_limit, whole.info.clean_limit) == (5, 5, None)
    assert part.info.model != whole.info.model
    assert attack(films, attack_limit=2, clean_limit=12).key == whole.key, "a limit that leaves all rows"
    store = Store(films.parent / "runs")
    model = next(one for one in store.stages(ModelInfo, names=None) if one.key == part.info.model)
    lines = clean_lines.read(model.folder / "clean.jsonl")
    gold = [label for _, label in rows(12)]
    assert [line.label for line in lines] == [gold[line.id] for line in lines]
    assert {record.id for record in attacked(part)} <= {line.id for line in lines}
    with pytest.raises(RobenchError, match=r"on 5 of the test rows: an entry needs all"):
        make_entries(store, [part.folder.name], counts_only=True)


def test_entry_of_own_rows_has_counts_alone(films: Path) -> None:
    cell = attack(films, attack_limit=2)
    store = Store(films.parent / "runs")
    with pytest.raises(RobenchError, match="is about private data"):
        make_entries(store, [cell.folder.name])
    ((entry, _),) = make_entries(store, [cell.folder.name], counts_only=True)
    text = json.dumps(msgspec.to_builtins(entry))
    assert str(films.parent) not in text and "films.tsv" not in text


def test_split_dev_attacks_development_rows_apart_from_test_rows(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    for split, count, start in (("dev", 6, 0), ("test", 8, 6)):
        write_rows(folder / f"{split}.tsv", rows(count, start))
    test = attack(folder, task=str(folder), attack_limit=3)
    dev = attack(folder, task=str(folder), attack_limit=3, split="dev")
    assert (dev.info.split, dev.info.clean.n, test.info.clean.n) == ("dev", 6, 8)
    assert "-dev-" in dev.folder.name and dev.info.data.digest == test.info.data.digest
    texts = {text for text, _ in rows(6)}
    assert {record.original for record in attacked(dev)} <= texts
    assert not {record.original for record in attacked(test)} & texts
    table = robench("table", "5", "--runs", tmp_path / "runs", "--format", "md").output
    assert table.count("dev rows") == 1, "a block of its own"
    with pytest.raises(RobenchError, match="is about dev rows: an entry is about test rows"):
        make_entries(Store(tmp_path / "runs"), [dev.folder.name], counts_only=True)


@pytest.mark.parametrize(
    ("options", "limits", "attacks"),
    [
        ({"preset": "quick"}, (200, 20), {"deepwordbug", "pwws"}),
        ({"preset": "quick", "attack_limit": 40, "clean_limit": 50}, (50, 40), {"deepwordbug", "pwws"}),
        ({"preset": "quick", "attack": "textfooler"}, (200, 20), {"textfooler"}),
        ({"preset": "laptop"}, (300, 300), {"deepwordbug", "pwws", "textfooler", "textbugger"}),
    ],
)
def test_first_look_is_small_unless_the_user_says_otherwise(
    tmp_path: Path, options: dict[str, Any], limits: tuple[int, int], attacks: set[str]
) -> None:
    write_rows(tmp_path / "films.tsv", rows(300))
    request = VictimRequest(model=by_ending, test=tmp_path / "films.tsv", offline=True, **options)
    cells = [stage for stage in request.stages(SilentReporter()) if isinstance(stage, CellStage)]
    assert {(cell.model.size.count, cell.size.count) for cell in cells} == {limits}
    assert {cell.attack.name for cell in cells} == attacks


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no task was named; there are .*; --test FILE.csv attacks your model on rows of your own"),
        (["--test", "films.tsv", "--task", "mr"], "--test brings rows of your own.*give one of them"),
        (["--task", "mr", "--text", "review"], "--text is about rows of your own: --test FILE"),
        (["--task", "mr", "--labels", "a,b"], "--labels is about rows of your own"),
        (["--test", "films.tsv", "--data", "."], "--data is for registered tasks, and these rows are your own"),
        (["--task", "./films", "--data", "."], "--data is for registered tasks, and these rows are your own"),
        (["--test", "films.tsv", "--split", "dev"], "has no dev rows to attack; leave --split dev out"),
        (["--test", "films.tsv", "--clean-limit", "0"], "--clean-limit 0 leaves nothing to do"),
        (["--task", "films"], r"unknown task 'films': .*--test FILE.csv .`robench attack`. or --task ./FOLDER"),
    ],
)
def test_options_about_own_rows_that_contradict_each_other_are_a_sentence(
    films: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.chdir(films.parent)
    (films.parent / "vic.py").write_text("def scores(texts):\n    return [[1.0, 0.0]] * len(texts)\n")
    monkeypatch.syspath_prepend(films.parent)
    command = ["attack", "--model", "vic:scores", "--preset", "quick", "--offline", "--runs", films.parent / "runs"]
    assert re.search(words, told(robench(*command, *options)))
