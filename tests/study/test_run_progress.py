"""The progress of a whole run, as the coordinator tells it while stages are made."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from robench.progress import SilentReporter
from robench.results.store import Store
from robench.run_line import RunWork
from robench.study.coordinator import Coordinator
from robench.study.executors.serial import SerialExecutor
from robench.study.request import Request
from robench.study.runner import run_requests
from robench.study.schedule import ScheduledStage
from robench.study.shared_rows import SHARD_ROWS
from robench.study.stage_folders import StageFolders
from robench.study.stages.context import Context
from robench.study.stages.stage import Size, Stage
from robench.study.time_left import TimeLeft
from support.damages import flip_a_bit
from support.step_executor import StepExecutor
from support.tiny_job import TASK, TinyJob
from support.tiny_stage import SETTING, TinyStage, data, tiny, tiny_attack


class Listener(SilentReporter):
    """A reporter that keeps what it is told of the run."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.told = 0, list[tuple[int, float | None]]()

    @contextlib.contextmanager
    def track_run(self, count: int) -> Iterator[RunWork]:
        self.count = count
        yield self

    def update(self, done: int, seconds_left: float | None) -> None:
        self.told.append((done, None if seconds_left is None else round(seconds_left, 3)))


@dataclass(frozen=True)
class FourTexts(TinyStage):
    """A stage of four texts, each of which takes five seconds of a clock that a test reads."""

    now: ClassVar[list[float]] = [0.0]

    @property
    def size(self) -> Size:
        return Size(4, "texts", "texts")

    def make(self, context: Context, folder: Path) -> None:
        track = context.reporter.track
        with track("reading", "text", total=4) as work, track("other", "row") as rows, track("sent", "text") as texts:
            for _ in range(4):
                self.now[0] += 5
                texts.advance(1)
                work.advance(1)
                rows.advance(1)
        super().make(context, folder)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    monkeypatch.setattr("robench.study.run_progress.time.monotonic", lambda: FourTexts.now[0])
    return FourTexts.now


def test_each_text_corrects_the_time_left_of_one_job(store: Store, clock: list[float]) -> None:
    reporter = Listener()
    context = Context(store, reporter, torch.device("cpu"))
    stages: list[Stage] = [FourTexts(SETTING, data(), 1, name="first"), tiny("last")]
    works = [ScheduledStage(stages[0].key, "first", "train", 8.0), ScheduledStage(stages[1].key, "last", "train", 2.0)]
    left = TimeLeft(works, 1, clock=lambda: clock[0])
    Coordinator(StageFolders(context), SerialExecutor(context), reporter, threads=1).make(stages, {}, left)
    assert reporter.count == 2
    # What should take 2 seconds a text takes 5, and the last stage is of the same kind.
    running = [(0, 6 * 2.5 + 5), (0, 4 * 2.5 + 5), (0, 2 * 2.5 + 5), (0, 5.0)]
    assert reporter.told == [(0, 10.0), *running, (1, 5.0), (2, 0.0)]


def test_each_row_of_an_attack_counts_what_it_took_and_the_rest_is_shared_by_all_jobs(
    store: Store, clock: list[float]
) -> None:
    reporter = Listener()
    context = Context(store, reporter, torch.device("cpu"))
    attack = tiny_attack("attack", 4 * SHARD_ROWS)
    work = ScheduledStage(attack.key, "attack", "attack", 64.0, rows=4 * SHARD_ROWS)

    def before_step(step: int) -> None:
        clock[0] += 1000

    executor = StepExecutor(context, 2, before_step=before_step)
    left = TimeLeft([work], 2, clock=lambda: clock[0])
    Coordinator(StageFolders(context), executor, reporter, threads=1).make([attack], {}, left)
    assert reporter.told[0] == (0, 32.0), "four shards of 16 s on two jobs"
    assert (0, 16.0) not in reporter.told and reporter.told[-1] == (1, 0.0)
    half = [seconds for done, seconds in reporter.told if done == 0 and seconds is not None]
    assert min(half) < 16, "a row took 0.5 s, not 1"


def test_without_an_estimate_stages_are_counted(store: Store) -> None:
    reporter = Listener()
    context = Context(store, reporter, torch.device("cpu"))
    Coordinator(StageFolders(context), SerialExecutor(context), reporter, threads=1).make([tiny("a"), tiny("b")], {})
    assert reporter.told == [(0, None), (1, None), (2, None)]


def test_requests_that_differ_in_their_encoders_are_one_plan(store: Store, tiny_job: TinyJob, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny_job.encoder, tmp_path / "other"))
    weights = other / "model.safetensors"
    weights.write_bytes(flip_a_bit(weights.read_bytes()))
    requests = [
        Request(
            defense="base",
            task=TASK,
            attack="deepwordbug",
            encoder=str(encoder),
            data=tiny_job.data,
            offline=True,
            precision="fp32",
            device="cpu",
            jobs=1,
            preset="quick",
            train_limit=8,
            attack_limit=2,
            settings={"training": {"epochs": 1}},
        )
        for encoder in (tiny_job.encoder, other)
    ]
    reporter = Listener()
    cells = run_requests(requests, store, reporter, "only-missing")
    assert [cell.info.encoder.name for cell in cells] == [request.encoder for request in requests]
    assert reporter.count == 4 and reporter.told[-1] == (4, 0.0)
