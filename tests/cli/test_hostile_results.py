"""Every value of a runs folder, replaced by one of another type: commands say what does not fit, or show what does.

A sample of the places is tried, which a seed draws; ``ROBENCH_TEST_LEAVES`` is its size.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from robench.results import integrity
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.info_parts import Statistics
from robench.results.stage_file import make_checksum
from robench.results.store import Store, make_key
from support.places import list_places, replace_at
from support.tiny_job import TinyJob, robench

SAMPLE = int(os.environ.get("ROBENCH_TEST_LEAVES", "16"))
HUGE = "9" * 5000
"""Stands for a number of as many digits."""
VALUES: tuple[Any, ...] = (
    None,
    "",
    -1,
    0,
    1.5,
    float("inf"),
    float("nan"),
    10**30,
    True,
    [],
    [1],
    [[None]],
    {},
    {"a": 1},
    "x" * 3000,
    HUGE,
)
LEAVES = 3
"""Most items of a list that are replaced."""


def written(values: Any) -> str:
    return json.dumps(values).replace(f'"{HUGE}"', HUGE)


@pytest.fixture(scope="module")
def runs(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a stage of every kind."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("hostile") / "runs"))
    store = Store(folder)
    cell = next(cell.info for cell in store.stages(CellInfo) if cell.info.defense.name == "base")
    identity = {"model": cell.model, "pairs": cell.key}
    key = make_key(identity)
    shared = {name: getattr(cell, name) for name in ("task", "labels", "data", "encoder", "preset", "precision")}
    shared |= {name: getattr(cell, name) for name in ("training", "train_rows", "seed", "attack", "defense", "model")}
    numbers = Statistics(mse_pos=0.1, mse_neg=0.2, kl_pos=float("inf"), kl_neg=0.4, ctr=5.0, n=16, unchanged=3)
    statistics = StatisticsInfo(
        **shared,
        key=key,
        identity=identity,
        pairs=cell.key,
        statistics=numbers,
        clean=cell.clean,
        attacked=cell.attacked,
    )
    store.finish(folder / "statistics" / f"mr-base-pwws-seed42-{key}", statistics)
    return folder


def check(job: TinyJob, runs: Path, name: str, what: str, *, plan: bool) -> None:
    """Run the commands that read a runs folder; ``robench`` raises whatever is no sentence."""
    where = ("--runs", runs)
    commands: list[list[object]] = [["table", "all", *where], ["show", name, *where], ["table", "quality", *where]]
    if plan:
        commands += [["verify", *where], ["status", *where], [*job.command(runs, defense="base,ada"), "--dry-run"]]
    for command in commands:
        try:
            done = robench(*command)
        except Exception as error:
            raise AssertionError(f"{command[0]} after {what}: {type(error).__name__}: {error}") from error
        assert done.exit_code in (0, 1, 2), what


def test_stage_file_with_any_other_value_ends_in_a_sentence_or_a_table(runs: Path, tiny_job: TinyJob) -> None:
    files = [
        next(iter(sorted(runs.glob(f"{kind}/*/stage.json"))))
        for kind in ("models", "adversarial", "cells", "statistics")
    ]
    jobs = [
        (file, place, new)
        for file in files
        for place in list_places(json.loads(file.read_bytes()), LEAVES)
        for new in VALUES
        if place != ("checksum",)
    ]
    for number, (file, place, new) in enumerate(random.Random(18).sample(jobs, min(SAMPLE, len(jobs)))):
        before = file.read_bytes()
        values = replace_at(json.loads(before), place, new)
        if isinstance(values, dict):
            values["checksum"] = make_checksum(values)
        file.write_text(written(values))
        what = f"{file.parent.parent.name} {'.'.join(map(str, place))} = {new!r:.40}"
        check(tiny_job, runs, file.parent.name, what, plan=number % 6 == 0)
        file.write_bytes(before)


def test_record_with_any_other_value_ends_in_a_sentence_or_a_table(runs: Path, tiny_job: TinyJob) -> None:
    file = next(iter(sorted(runs.glob("cells/*/records.jsonl"))))
    stage, first, *others = file.parent / "stage.json", *file.read_bytes().splitlines(keepends=True)
    values = json.loads(first)
    jobs = [(place, new) for place in list_places(values, LEAVES) for new in VALUES]
    stage_before, file_before = stage.read_bytes(), file.read_bytes()
    for number, (place, new) in enumerate(random.Random(18).sample(jobs, min(SAMPLE, len(jobs)))):
        line = written(replace_at(values, place, new)).encode() + b"\n"
        file.write_bytes(line + b"".join(others))
        info = {k: v for k, v in json.loads(stage_before).items() if k != "checksum"}
        info["files"][file.name] = json.loads(json.dumps(vars_of(integrity.describe_file(file))))
        stage.write_text(json.dumps(info))  # as if robench had written that line
        check(tiny_job, runs, file.parent.name, f"{'.'.join(map(str, place))} = {new!r:.40}", plan=number % 6 == 0)
    stage.write_bytes(stage_before)
    file.write_bytes(file_before)


def vars_of(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
