"""``robench submit`` and ``robench validate``: the way from a runs folder to a checked file, and hostile files."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from robench.report.submit import write_entry
from robench.results.entries import load_entries
from robench.results.info import CellInfo, ModelInfo
from robench.results.store import Store
from support.entries import DATA, HOUSE, SOURCE, copy_runs
from support.many_entries import make_entry
from support.places import list_places, replace_at
from support.refusals import told
from support.runs import rewrite, snapshot
from support.tiny_job import robench, write_data

BASE = "mr-base-seed42-59323e130b8658c8.json"
SAMPLE = int(os.environ.get("ROBENCH_TEST_LEAVES", "40"))
HUGE = "9" * 5000
"""Stands for a number of as many digits."""
VALUES: tuple[Any, ...] = (None, "", -1, 0, 1.5, 10**30, True, [], [1], [[None]], {}, {"a": 1}, "x" * 20_000, HUGE)
VALUES += (float("inf"), float("nan"), "\ud800", "\x1b[31m\u202e", ["a"] * 40, [[[[[[[[[[[[[[1]]]]]]]]]]]]]])


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)
    return copy_runs(tmp_path / "runs")


def test_golden_runs_go_from_submit_to_validate_without_a_fault(runs: Path, tmp_path: Path) -> None:
    before = snapshot(runs)
    cells = [cell.folder.name for cell in Store(runs).stages(CellInfo)]
    done = robench("submit", *cells)
    assert done.exit_code == 0, done.output
    files = sorted((tmp_path / "leaderboards" / "measured").iterdir())
    assert sorted(done.stdout.splitlines()) == [str(file) for file in files] and len(files) == 7
    assert "mr, base, seed 42, under deepwordbug, pwws, reported" in done.stderr
    assert "next: `robench validate leaderboards/measured`" in done.stderr and "pull request" in done.stderr
    done = robench("validate", "leaderboards/measured", "--data", DATA)
    assert (done.exit_code, done.stdout) == (0, "7 entries: no faults.\n")
    assert snapshot(runs) == before


def test_submitting_again_writes_the_same_bytes(runs: Path) -> None:
    assert robench("submit", "mr-base-seed42", "--out", "a").exit_code == 0
    assert robench("submit", "mr-base-deepwordbug", "mr-base-pwws", "--out", "b").exit_code == 0
    assert Path("a", BASE).read_bytes() == Path("b", BASE).read_bytes()


def test_submit_of_one_attack_names_the_command_that_takes_all(runs: Path) -> None:
    done = robench("submit", "mr-base-pwws", "--out", "a")
    assert "1 more on this model in runs: `robench submit 59323e130b8658c8` takes all attacks." in done.stderr
    done = robench("submit", "59323e130b8658c8", "--out", "a")
    assert "takes all attacks" not in done.stderr and "under deepwordbug, pwws, reported" in done.stderr


def test_submit_of_own_data_is_refused_unless_reduced_to_counts(tmp_path: Path) -> None:
    words = ("submit", "mr-base-seed42", "--runs", HOUSE / "runs", "--out", tmp_path)
    done = robench(*words)
    assert done.exit_code == 2 and "private data" in done.stderr and not any(tmp_path.iterdir())
    done = robench(*words, "--counts-only", "--rerun-by", "ann")
    assert done.exit_code == 0 and "(counts only), rerun by ann" in done.stderr
    (entry,) = load_entries(tmp_path)
    assert entry.counts_only and entry.rerun_by == "ann"
    done = robench("validate", tmp_path)
    assert done.exit_code == 0 and "counts only, which follow from nothing else" in done.stdout


def test_submit_of_what_is_not_there_is_a_sentence(runs: Path) -> None:
    done = robench("submit", "mr-nobody")
    assert done.exit_code == 2 and "no cell or model 'mr-nobody' in" in done.stderr


def test_a_user_s_model_on_public_data_makes_an_entry(runs: Path, tmp_path: Path) -> None:
    import robench as python

    data = write_data(tmp_path / "data", train=6, dev=2, test=6)
    python.attack_model(
        lambda texts: [[len(text) % 7, 3.0] for text in texts],
        attack="pwws",
        task="mr",
        data=data,
        runs="own",
        preset="quick",
        name="lengths",
        version="1",
        progress=False,
        label_order=[0, 1],
    )
    for file in Path("own").glob("*/*/stage.json"):
        rewrite(file, data=json.loads(file.read_bytes())["data"] | {"source": SOURCE})
    (model,) = Store(Path("own")).stages(ModelInfo)
    done = robench("submit", model.folder.name, "--runs", "own", "--out", "out")
    assert done.exit_code == 0, done.output
    (entry,) = load_entries(Path("out"))
    assert entry.victim is not None and entry.victim.command is None and entry.parameters is None
    done = robench("validate", "out", "--data", data)
    assert (done.exit_code, done.stdout) == (0, "1 entry: no faults.\n")


# --- validate ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def entry(runs: Path) -> Path:
    assert robench("submit", "mr-base-seed42", "--out", "out").exit_code == 0
    return Path("out", BASE)


def test_faults_are_named_and_end_in_exit_code_1(entry: Path) -> None:
    values = json.loads(entry.read_bytes())
    values["attacks"][0]["attacked"]["failed"] = 30
    entry.write_text(json.dumps(values), encoding="utf-8")
    done = robench("validate", entry, "--data", DATA)
    assert done.exit_code == 1
    fault = "attacks.0 (mr-base-deepwordbug-seed42): attacked.failed is 30, the records have 6"
    assert done.stdout == f"{entry}: {fault}.\n1 entry: 1 with faults.\n"
    done = robench("validate", entry, "--data", DATA, "--format", "json")
    assert done.exit_code == 1
    (file,) = json.loads(done.stdout)["files"]
    assert file == {"path": str(entry), "key": "59323e130b8658c8", "faults": [f"{entry}: {fault}."], "notes": []}


@pytest.mark.parametrize(("files", "lines"), [(3, 3), (4, 1)])
def test_a_note_about_many_entries_is_one_line(files: int, lines: int, tmp_path: Path) -> None:
    for seed in range(files):
        write_entry(make_entry("base", task="nobodys-task", seed=seed), tmp_path)
    done = robench("validate", tmp_path)
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert len(notes) == lines and all("not compared with the task's" in note for note in notes)
    assert ("note: of 4 entries: its rows" in done.stdout) == (files == 4)


def test_validate_of_nothing_is_a_sentence(tmp_path: Path) -> None:
    done = robench("validate", tmp_path / "nowhere")
    assert done.exit_code == 2 and "does not exist" in done.stderr
    done = robench("validate", tmp_path)
    assert done.exit_code == 2 and "holds no entries" in done.stderr


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "large", "binary"])
def test_what_is_no_file_of_an_entry_is_a_fault(kind: str, entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = entry.with_name("other.json")
    if kind == "pipe":
        os.mkfifo(other)
    elif kind == "link":
        other.symlink_to(entry.absolute())
    elif kind == "folder":
        (other / "inner").mkdir(parents=True)
    elif kind == "large":
        monkeypatch.setattr("robench.results.strict_json.LARGEST_FILE", 100)
        other.write_bytes(b" " * 200)
    else:
        other.write_bytes(bytes(range(256)))
    done = robench("validate", entry.parent, "--data", DATA)
    assert done.exit_code == 1 and "other.json" in done.stdout and "2 entries: " in done.stdout


def test_an_entry_with_any_other_value_ends_in_a_verdict(entry: Path) -> None:
    """``robench`` raises whatever is no sentence; every other value is a fault, or changes nothing that counts."""
    values = json.loads(entry.read_bytes())
    jobs = [(place, new) for place in list_places(values, 2) for new in VALUES]
    for place, new in random.Random(20).sample(jobs, SAMPLE):
        text = json.dumps(replace_at(values, place, new)).replace(f'"{HUGE}"', HUGE)
        entry.write_text(text, encoding="utf-8")
        done = robench("validate", entry, "--data", DATA)
        what = f"{'.'.join(map(str, place))} = {new!r:.40}"
        assert done.exit_code in (0, 1), what
        assert all(character.isprintable() for character in done.stdout.replace("\n", "")), what
        assert "\ud800" not in done.stdout, what


def test_commands_take_entries_or_say_what_they_lack(runs: Path) -> None:
    assert robench("submit", "mr-base-pwws", "--out", "entries").exit_code == 0
    done = robench("show", "mr-base-pwws", "--runs", "entries")
    assert done.exit_code == 0 and "an entry, which has no texts" in done.stdout, done.output
    entry, stored = (
        json.loads(robench("show", "mr-base-pwws", "--runs", folder, "-f", "json").stdout)["results"]
        for folder in ("entries", runs)
    )
    assert entry == stored and "attacked" in entry
    for words, lack in (
        (("judge", "mr-base-pwws"), "texts"),
        (("export", "mr-base-pwws", "out"), "weights"),
        (("submit", "mr-base-pwws"), "records"),
    ):
        done = robench(*words, "--runs", "entries")
        assert done.exit_code == 2 and f"holds entries, which have no {lack}: name the runs folder" in done.stderr
    for name, advice in (
        ("verify", "`robench validate entries` checks"),
        ("status", "`robench table 5 --runs entries`"),
    ):
        done = robench(name, "--runs", "entries")
        assert done.exit_code == 2 and advice in told(done)
