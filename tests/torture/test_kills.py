"""Runs that are killed come out whole; and what a kill could cost is noticed, planted here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.damages import CELL, MODEL, edit, flip_a_bit, one, remove
from support.processes import Processes
from torture.kills import KINDS, kill_at_moments, prepare
from torture.survival import Kept, Tally, Whole


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_runs_killed_at_a_few_moments_come_out_whole_and_do_nothing_again(
    processes: Processes, shared_cache: Path, tmp_path: Path
) -> None:
    ground = prepare(tmp_path, processes)
    for kind in KINDS:
        assert kill_at_moments(kind, ground, tmp_path, seed=1, moments=3) == Tally(
            moments=1 if kind == "one-of-two" else 3, survived=1 if kind == "one-of-two" else 3
        )


def drop_a_record(runs: Path) -> None:
    edit(f"{CELL}/records.jsonl", lambda content: content[content.index(b"\n") + 1 :])(runs)


LOSSES: dict[str, tuple[Callable[[Path], object], tuple[int, int], str]] = {
    "a record": (drop_a_record, (1, 0), "lacks 1 of 16 records"),
    "another result": (
        edit(f"{CELL}/records.jsonl", lambda content: content.replace(b'"queries": ', b'"queries": 1', 1)),
        (1, 0),
        "lacks 1 of 16 records",
    ),
    "a cell": (remove(f"{CELL}/stage.json"), (16, 0), "lacks 16 of 16 records"),
    "a weight": (edit(f"{MODEL}/model.safetensors", flip_a_bit), (0, 1), "the weights of"),
    "a model": (remove(f"{MODEL}/stage.json"), (0, 1), "there is no models/mr-base"),
}
"""Losses: what happens, the numbers of lost records and of different weights, and what is said."""


@pytest.mark.parametrize("name", LOSSES)
def test_loss_after_a_kill_is_counted(name: str, finished: Path, tmp_path: Path) -> None:
    lose, counts, sentence = LOSSES[name]
    runs, tally = Path(shutil.copytree(finished, tmp_path / "runs")), Tally()
    lose(runs)
    Whole.read(finished, "table").compare(Whole.read(runs, "table"), tally)
    assert (tally.lost_records, tally.different_weights) == counts
    assert len(tally.faults) == 1 and sentence in tally.faults[0]


def test_another_table_and_a_stage_too_many_are_faults(finished: Path, tmp_path: Path) -> None:
    fewer, tally = Path(shutil.copytree(finished, tmp_path / "runs")), Tally()
    remove(f"{CELL}/stage.json")(fewer)
    Whole.read(fewer, "table").compare(Whole.read(finished, "other"), tally)
    assert len(tally.faults) == 2 and "there are more stages: cells/mr-base-pwws" in tally.faults[0]
    assert tally.faults[1] == "the table differs" and not tally.lost_records


def test_finished_files_and_records_that_are_made_again_are_counted(finished: Path, tmp_path: Path) -> None:
    runs, tally = Path(shutil.copytree(finished, tmp_path / "runs")), Tally()
    remove(f"{CELL}/stage.json")(runs)
    kept = Kept.read(runs)
    kept.compare(tally)
    assert kept.files and sum(len(lines) for lines in kept.lines.values()) == 16 and tally == Tally()
    edit(f"{CELL}/records.jsonl", lambda content: content.replace(b'"seconds": ', b'"seconds": 1', 2))(runs)
    weights = one(runs, f"{MODEL}/model.safetensors")
    weights.write_bytes(weights.read_bytes())
    kept.compare(tally)
    assert tally.repeated == 3 and f"{weights} was finished and is made again" in tally.faults
