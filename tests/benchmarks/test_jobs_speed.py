"""PWWS on 200 training questions of TREC: two workers against one, and against the engine with two threads."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.progress import SilentReporter
from robench.results.store import Store
from robench.study.coordinator import Coordinator
from robench.study.executors.job import Executor
from robench.study.executors.processes import ProcessExecutor
from robench.study.executors.run_job import use_threads
from robench.study.request import Request
from robench.study.runner import Runner
from robench.study.shared_rows import SHARD_ROWS
from robench.study.site import Site
from robench.study.stages.adversarial import AdversarialStage
from robench.study.stages.attack import CellStage
from robench.study.stages.attacked_rows import search_rows
from robench.study.stages.context import Context

ROWS = 200
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, CellStage, AdversarialStage]]:
    """A runs folder with a trained model, and its attacks on two shards of test and on all training questions."""
    runs = tmp_path_factory.mktemp("jobs")
    request = Request(
        defense="base", task="trec", attack="pwws", preset="quick", train_limit=ROWS, attack_limit=2 * SHARD_ROWS
    )
    (cell,) = request.stages(SilentReporter())
    assert isinstance(cell, CellStage)
    Runner(Context(Store(runs), SilentReporter(), CPU)).run([cell.model])
    yield runs, cell, AdversarialStage(cell.setting, cell.data, cell.seed, cell.model, cell.attack)


def measure_executor(stages: tuple[Path, CellStage, AdversarialStage], folder: Path, jobs: int) -> float:
    """Return the seconds of the attack by warm workers; their start and their first texts are not counted."""
    runs, cell, training = stages
    shutil.copytree(runs, folder)
    context = Context(Store(folder), SilentReporter(), CPU)
    executor: Executor = ProcessExecutor(context, jobs)
    with closing(executor):
        Coordinator(Site(context), executor, SilentReporter(), threads=2).make([cell], {})
        started = time.perf_counter()
        Coordinator(Site(context), executor, SilentReporter(), threads=2).make([training], {})
        return time.perf_counter() - started


def measure_engine(stages: tuple[Path, CellStage, AdversarialStage], threads: int) -> float:
    """Return the seconds of the same searches in this process."""
    runs, cell, training = stages
    context = Context(Store(runs), SilentReporter(), CPU)
    with use_threads(threads):
        list(search_rows(context, cell, cell.model, cell.attack, cell.examples()))
        started = time.perf_counter()
        list(search_rows(context, training, training.model, training.attack, training.examples()))
        return time.perf_counter() - started


def test_two_jobs_against_one_process(
    benchmark: Any, stages: tuple[Path, CellStage, AdversarialStage], tmp_path: Path, told: list[str]
) -> None:
    times: dict[str, list[float]] = {"engine, 2 threads": [], "1 job": [], "2 jobs": []}

    def compare(number: int = 0) -> None:
        at = len(times["1 job"])
        times["engine, 2 threads"].append(measure_engine(stages, 2))
        times["1 job"].append(measure_executor(stages, tmp_path / f"one{at}", 1))
        times["2 jobs"].append(measure_executor(stages, tmp_path / f"two{at}", 2))

    benchmark.pedantic(compare, rounds=3, iterations=1)
    best = {name: min(seconds) for name, seconds in times.items()}
    told.append(f"PWWS, {ROWS} questions, best of 3: " + ", ".join(f"{n} {s:.1f} s" for n, s in best.items()))
    told.append(f"2 jobs against the engine with 2 threads: {best['engine, 2 threads'] / best['2 jobs']:.2f} times")
    told.append(f"2 jobs against 1 job: {best['1 job'] / best['2 jobs']:.2f} times")
