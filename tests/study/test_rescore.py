"""Stored texts that are scored again by the stored model: what differs is named, and moved with --repair."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch

from robench.defenses.base import Base
from robench.errors import RobenchError
from robench.results import integrity, locks
from robench.results.info import CellInfo
from robench.results.records import Record
from robench.results.store import Store, StoredStage
from robench.study.rescore import compare, draw_rows
from robench.training.reading import DefenseReader
from support.hand_made import add_cell, record
from support.runs import snapshot
from support.tiny_job import robench

HOUSE = Path(__file__).parents[1] / "goldens" / "house" / "runs"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "400")
    return Path(shutil.copytree(HOUSE, tmp_path / "runs"))


def find(runs: Path, defense: str, attack: str) -> StoredStage[CellInfo]:
    cells = Store(runs).stages(CellInfo)
    return next(one for one in cells if (one.info.defense.name, one.info.attack.name) == (defense, attack))


def falsify(cell: StoredStage[Any]) -> None:
    """Swap the probabilities that each record has under attack, as if another model had made them, with all digests."""
    path = cell.folder / "records.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        row["probabilities_after"] = row["probabilities_after"][::-1]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    integrity.write_stage(cell.folder, cell.info)


def test_rescore_of_sound_results_finds_no_difference_and_changes_nothing(runs: Path) -> None:
    before = snapshot(runs)
    done = robench("verify", "--runs", runs, "--rescore", "3")
    assert done.exit_code == 0, done.output
    scored, verdict = done.stdout.splitlines()
    assert scored.startswith("60 texts of 10 stages were scored again; the largest difference of a probability is ")
    assert scored.endswith(": all of them fit.") and verdict.endswith("all of them fit.")
    assert snapshot(runs) == before


def test_rescore_names_records_of_another_model_which_digests_alone_do_not_tell(runs: Path) -> None:
    cell = find(runs, "taichi", "pwws")
    falsify(cell)
    assert robench("verify", "--runs", runs).exit_code == 0, "every digest fits"
    before = snapshot(runs)
    done = robench("verify", "--runs", runs, "--rescore", "5")
    assert done.exit_code == 1 and snapshot(runs) == before
    fault, scored, verdict = done.stdout.splitlines()
    assert fault.startswith(f"{cell.folder}: of 10 texts, the model gives 5 other probabilities than the records have")
    assert "under attack, stored label" in fault and scored.endswith(": 1 of them do not fit.")
    assert verdict == f"22 finished stages in {runs}: all of them fit."


def test_rescore_names_every_stage_of_a_model_whose_weights_are_others(runs: Path) -> None:
    cell = find(runs, "base", "pwws")
    model = Store(runs).get("models", cell.info.model)
    assert model is not None
    weights = safetensors.torch.load_file(model.folder / "model.safetensors")
    weights["head.weight"] = -weights["head.weight"]
    (model.folder / "model.safetensors").write_bytes(safetensors.torch.save(weights, metadata={"format": "pt"}))
    integrity.write_stage(model.folder, model.info)
    done = robench("verify", "--runs", runs, "--rescore", "2")
    assert done.exit_code == 1
    named = [line for line in done.stdout.splitlines() if "the model gives 4 other probabilities" in line]
    assert len(named) == 4, "two cells and two adversarial training sets"


def test_repair_moves_what_does_not_fit_and_names_the_command_that_makes_it_again(runs: Path) -> None:
    wrong, broken = find(runs, "taichi", "pwws"), find(runs, "ada", "pwws")
    falsify(wrong)
    (broken.folder / "stage.json").write_bytes(b"[")
    files = {path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    done = robench("verify", "--runs", runs, "--rescore", "2", "--repair")
    assert done.exit_code == 1, "something did not fit"
    aside = runs / ".aside" / "cells"
    assert f"{wrong.folder} is moved to {aside / wrong.folder.name}-1." in done.stdout
    assert f"{broken.folder} is moved to {aside / broken.folder.name}-1; a run keeps its good records." in done.stdout
    (command,) = [line for line in done.stdout.splitlines() if line.startswith("`robench run")]
    assert "--defense taichi --task mr --attack pwws" in command and f"--runs {runs}` makes" in command
    assert f"{broken.folder.name} is made again by the `robench run` that made it" in done.stdout
    assert not wrong.folder.exists(), "records that contradict their model do not come back"
    assert [path.name for path in broken.folder.iterdir()] == ["records.jsonl"]
    assert files <= {path.read_bytes() for path in runs.rglob("*") if path.is_file()}, "nothing is lost"
    again = robench("verify", "--runs", runs, "--rescore", "2", "--repair")
    assert again.exit_code == 0 and "20 finished stages" in again.stdout and "1 unfinished" in again.stdout


def test_repair_of_a_model_names_a_command_that_makes_its_finished_cells_again(runs: Path) -> None:
    cell = find(runs, "base", "pwws")
    model = Store(runs).get("models", cell.info.model)
    assert model is not None
    (model.folder / "stage.json").write_bytes(b"[")
    done = robench("verify", "--runs", runs, "--repair")
    assert done.exit_code == 1 and f"{model.folder} is moved to" in done.stdout
    (command,) = [line for line in done.stdout.splitlines() if line.startswith("`robench run")]
    assert "--defense base --task mr" in command and "--existing always" in command
    scored = robench("verify", "--runs", runs, "--rescore", "1")
    assert scored.exit_code == 0 and "3 more are not scored again: the model" in scored.stdout


def test_repair_leaves_a_stage_whose_lock_another_process_holds(runs: Path) -> None:
    cell = find(runs, "base", "pwws")
    (cell.folder / "records.jsonl").write_bytes(b"")
    with locks.hold_lock(cell.folder.parent, cell.key) as held:
        done = robench("verify", "--runs", runs, "--repair")
        assert held and done.exit_code == 1
        assert f"{cell.folder} stays: another process is making it now." in done.stdout
    assert cell.folder.exists() and not (runs / ".aside").exists()


def test_repair_leaves_a_folder_that_only_needs_its_name_back(runs: Path) -> None:
    cell = find(runs, "base", "pwws")
    other = cell.folder.with_name(f"mine-{'0' * 16}")
    cell.folder.rename(other)
    done = robench("verify", "--runs", runs, "--repair")
    assert done.exit_code == 1 and "give the folder its name back" in done.stdout
    assert other.exists() and not (runs / ".aside").exists()


@dataclass(frozen=True)
class Needy(Base):
    """Reads texts with something that is not there."""

    def prepare(self, *, offline: bool) -> None:
        if offline:
            raise RobenchError("the word vectors are not in the cache.")


def test_rescore_offline_fetches_nothing_for_a_defense_that_reads_texts(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = "robench.study.stages.stored_reader.find_stored_reader"
    monkeypatch.setattr(reader, lambda model: DefenseReader(Needy(), model.seed))
    done = robench("verify", "--runs", runs, "--rescore", "1", "--offline")
    assert done.exit_code == 0
    assert "9 more are not scored again: the word vectors are not in the cache." in done.stdout


def test_model_without_rescore_is_refused(runs: Path) -> None:
    done = robench("verify", "--runs", runs, "--model", "nothing:here")
    assert done.exit_code == 2 and "--model is for --rescore N" in done.stderr


def made(i: int, before: list[float], after: list[float], **more: Any) -> Record:
    return record(i, "succeeded", probabilities_before=before, probabilities_after=after, **more)


def test_compare_tells_a_difference_from_rounding_and_a_tie_from_another_label(store: Store) -> None:
    cell: Any = add_cell(store, "base", "pwws", 2, n=4)
    rows = [made(0, [0.9, 0.1], [0.4, 0.6]), made(1, [0.8, 0.2], [0.501, 0.499])]
    same = compare(cell, rows, [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.499, 0.501]], 0.01)
    assert (same.fault, same.texts, same.ties) == ("", 4, 1) and same.largest == pytest.approx(0.002)
    other = compare(cell, rows, [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.499, 0.501]], 0.01)
    assert other.fault == (
        "of 4 texts, the model gives 2 other probabilities than the records have, and 1 another label; the largest"
        " difference is 0.2, where rounding explains 0.01: row 0 under attack, stored label 1, now 0"
    )
    wider = compare(cell, rows, [[0.2, 0.3, 0.5]] * 4, 0.01)
    assert wider.fault == "records have 2 probabilities of a text, the model gives 3"
    assert "nan" in compare(cell, rows[:1], [[float("nan")] * 2, [0.4, 0.6]], 0.01).fault


def test_rows_are_drawn_with_a_fixed_seed_changed_texts_first_and_errors_never() -> None:
    rows = [
        made(i, [0.9, 0.1], [0.4, 0.6], original=f"text {i}", final=f"text {i}" if i % 7 == 0 else "changed")
        for i in range(40)
    ]
    rows = [*rows[:-1], record(39, "error")]
    same = {row.id for row in rows if row.final == row.original}
    drawn = draw_rows(rows, 10, "a")
    assert drawn == draw_rows(rows, 10, "a") and drawn == sorted(drawn, key=lambda row: row.id)
    assert len(drawn) == 10 and not {row.id for row in drawn} & (same | {39})
    assert [row.id for row in drawn] != [row.id for row in draw_rows(rows, 10, "b")]
    assert len(draw_rows(rows, 100, "a")) == 39
