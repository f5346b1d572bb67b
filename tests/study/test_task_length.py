"""A task of long texts has a number of tokens of its own, in keys and in the commands that robench prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest

import robench
from robench.data.task import Task
from robench.errors import RobenchError
from robench.plugins import plugin_files
from robench.progress import SilentReporter
from robench.results.cells import read_results
from robench.results.info import CellInfo
from robench.results.store import Store
from robench.study.commands import Gap, make_commands
from robench.study.presets import PRESETS
from robench.study.request import Request
from robench.study.stages.attack import CellStage
from support.hand_made import add_cell
from support.tiny_job import TASK, TinyJob, write_data

LONG = Task(labels=("negative", "positive"), max_length=60)


@pytest.fixture(autouse=True)
def long_task() -> Iterator[None]:
    """A task of 60 tokens, for one test."""
    with plugin_files.isolated():
        robench.register("long", LONG)
        yield


def lengths(job: TinyJob, folder: Path, **changes: Any) -> dict[str, tuple[int, str]]:
    """The number of tokens and the key of Base on each task."""
    write_data(folder, task="long")
    write_data(folder, task=TASK)
    given: dict[str, Any] = {"preset": "quick", "encoder": str(job.encoder), "data": folder, "precision": "fp32"}
    named: dict[str, Any] = {"defense": ["base"], "task": [TASK, "long"], "attack": ["pwws"], "offline": True}
    stages = cast(list[CellStage], Request(**given | named | changes).stages(SilentReporter()))
    return {stage.data.task: (stage.setting.training.max_length, stage.model.key) for stage in stages}


def test_a_task_of_long_texts_trains_on_its_own_number_of_tokens_beside_others(
    tiny_job: TinyJob, tmp_path: Path
) -> None:
    both = lengths(tiny_job, tmp_path)
    assert {task: length for task, (length, _) in both.items()} == {TASK: 50, "long": 60}
    assert lengths(tiny_job, tmp_path, task=[TASK]) == {TASK: both[TASK]}
    chosen = lengths(tiny_job, tmp_path, settings={"training": {"max_length": 55}})
    assert {length for length, _ in chosen.values()} == {55} and chosen["long"][1] != both["long"][1]
    same = lengths(tiny_job, tmp_path, settings={"training": {"max_length": 60}})
    assert same["long"] == both["long"], "a number that the user gives is the same as the task's own"


def test_a_task_of_longer_texts_than_the_encoder_takes_is_refused(tiny_job: TinyJob, tmp_path: Path) -> None:
    with plugin_files.isolated():
        robench.register("longer", replace(LONG, max_length=65))
        with pytest.raises(RobenchError, match=r"room for 64 tokens, and training.max_length is 65; take 64 or less"):
            lengths(tiny_job, tmp_path, task=["longer"])


@pytest.mark.parametrize(
    ("task", "length", "words"), [("long", 60, None), ("long", 50, 50), ("trec", 50, None), ("trec", 60, 60)]
)
def test_a_printed_command_names_a_length_that_is_not_the_tasks_own(
    task: str, length: int, words: int | None, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    training = asdict(replace(PRESETS["quick"].training, max_length=length))
    add_cell(store, "base", "pwws", 100, task=task, training=training, preset="quick", train_rows=500)
    (result,) = read_results(store.stages(CellInfo))
    (command,), _ = make_commands([Gap(result, result, 7)])
    assert f"--task {task} " in command
    assert ("training.max_length" in command) == (words is not None)
    assert words is None or f"--set training.max_length={words}" in command


@pytest.mark.parametrize("length", [2, 0, -1, 2.5, "256", True])
def test_a_length_that_no_text_can_have_is_refused(length: Any) -> None:
    with pytest.raises(RobenchError, match="a task's max_length is a whole number of 3 or more, or None, not"):
        Task(labels=("a", "b"), max_length=length)
