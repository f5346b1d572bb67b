"""Jobs in the coordinator's own process, which is there for its workers all the same."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from robench.errors import RobenchError
from robench.progress import SilentReporter
from robench.results.store import Store
from robench.study.coordinator import Coordinator
from robench.study.executors.inline import InlineJobs
from robench.study.executors.job import Job
from robench.study.executors.processes import ProcessExecutor
from robench.study.stage_folders import StageFolders
from robench.study.stages.context import Context
from support.tiny_stage import DONE, SETTING, TinyStage, data, tiny


@dataclass(frozen=True)
class Patient(TinyStage):
    """A stage of a main script that shows progress until a file is there."""

    awaited: Path = Path()

    def make(self, context: Context, folder: Path) -> None:
        with context.reporter.track("waiting", "text") as work:
            for _ in range(1200):
                if self.awaited.exists():
                    return super().make(context, folder)
                time.sleep(0.1)
                work.advance(1)
        raise RobenchError("nobody attended to the workers meanwhile.")


Patient.__module__ = "__main__"


@dataclass(frozen=True)
class Counting(TinyStage):
    """A stage that counts to three, and notes when it is left for good."""

    seen: ClassVar[list[str]] = []

    def make(self, context: Context, folder: Path) -> None:
        with context.reporter.track("counting", "text") as work:
            try:
                for number in range(3):
                    self.seen.append(f"{number} in {threading.current_thread().name}")
                    work.advance(1)
                if self.deed == "fail":
                    raise RobenchError("it failed.")
            finally:
                self.seen.append("left")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    Counting.seen.clear()
    return Context(Store(tmp_path / "runs"), SilentReporter(), torch.device("cpu"), offline=True)


def job(context: Context, stage: TinyStage) -> Job:
    return Job(stage, stage.folder(context.store), 1, None, context.reporter)


def test_stages_begin_in_workers_while_one_of_the_main_script_goes_on(context: Context) -> None:
    first = tiny("first")
    second = tiny("second", first)
    third = Patient(SETTING, data(), 1, name="mine", awaited=second.folder(context.store) / DONE)
    executor = ProcessExecutor(context, 2)
    try:
        Coordinator(StageFolders(context), executor, context.reporter, threads=1).make([third, first, second], {})
    finally:
        executor.close()
    assert (third.folder(context.store) / DONE).exists()


@pytest.mark.parametrize(("deed", "error"), [("nothing", None), ("fail", "it failed.")])
def test_a_job_that_is_left_again_and_again_comes_to_its_end_in_this_thread(
    context: Context, deed: str, error: str | None
) -> None:
    inline, given = InlineJobs(context), job(context, Counting(SETTING, data(), 1, name="count", deed=deed))
    inline.submit(given)
    for number in range(3):
        assert inline.run(lambda: True, None) == [] and len(Counting.seen) == number + 1
    (end,) = inline.run(lambda: True, None)
    assert end.job is given and (str(end.error) if end.error else None) == error and not inline.is_busy
    assert Counting.seen == [*(f"{number} in MainThread" for number in range(3)), "left"]


def test_a_job_that_nobody_waits_for_runs_through_but_for_its_time(context: Context) -> None:
    inline = InlineJobs(context)
    for name in ("one", "two"):
        inline.submit(job(context, Counting(SETTING, data(), 1, name=name)))
    assert inline.run(lambda: False, 0) == [] and len(Counting.seen) == 1
    assert [end.job.stage.title for end in inline.run(lambda: False, None)] == ["one"]
    assert [end.job.stage.title for end in inline.run(lambda: False, 60)] == ["two"]


def test_closing_unwinds_a_job_in_the_middle_and_forgets_the_next(context: Context) -> None:
    inline = InlineJobs(context)
    for name in ("one", "two"):
        inline.submit(job(context, Counting(SETTING, data(), 1, name=name)))
    inline.run(lambda: True, None)
    inline.close()
    assert Counting.seen == ["0 in MainThread", "left"] and not inline.is_busy


def test_an_interrupt_in_a_job_reaches_whoever_waits(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    inline, stage = InlineJobs(context), Counting(SETTING, data(), 1, name="one")
    inline.submit(job(context, stage))
    inline.run(lambda: True, None)

    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inline.run(interrupt, None)
    assert Counting.seen[-1] == "left"
    inline.close()
