"""PWWS on 200 training questions of TREC: two workers of a local Ray cluster against two worker processes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.progress import SilentReporter
from robench.results.store import Store
from robench.study.coordinator import Coordinator
from robench.study.executors.processes import ProcessExecutor
from robench.study.executors.workers import WorkerExecutor
from robench.study.request import Request
from robench.study.runner import Runner
from robench.study.shared_rows import SHARD_ROWS
from robench.study.stage_folders import StageFolders
from robench.study.stages.adversarial import AdversarialStage
from robench.study.stages.attack import CellStage
from robench.study.stages.context import Context

pytest.importorskip("ray", reason="RAY IS NOT INSTALLED, SO ITS SPEED IS NOT MEASURED: pip install ray")

ROWS = 200
CPU = torch.device("cpu")
ROUNDS = 3


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, CellStage, AdversarialStage]]:
    """A runs folder with a trained model, and its attacks on some shards of test and on all training questions."""
    runs = tmp_path_factory.mktemp("ray")
    request = Request(
        defense="base", task="trec", attack="pwws", preset="quick", train_limit=ROWS, attack_limit=4 * SHARD_ROWS
    )
    (cell,) = request.stages(SilentReporter())
    assert isinstance(cell, CellStage)
    Runner(Context(Store(runs), SilentReporter(), CPU)).run([cell.model])
    yield runs, cell, AdversarialStage(cell.setting, cell.data, cell.seed, cell.model, cell.attack)


def measure(
    stages: tuple[Path, CellStage, AdversarialStage], folder: Path, start: Callable[[Context], WorkerExecutor]
) -> tuple[float, float]:
    """Return the seconds until two workers have attacked their first texts, and those of the attack after that."""
    runs, cell, training = stages
    shutil.copytree(runs, folder)
    context = Context(Store(folder), SilentReporter(), CPU)
    started = time.perf_counter()
    executor = start(context)
    with closing(executor):
        while executor.slots < 2:
            executor.wait(0.1)
        assert not Coordinator(StageFolders(context), executor, SilentReporter(), threads=2).make([cell], {})
        warm = time.perf_counter()
        assert not Coordinator(StageFolders(context), executor, SilentReporter(), threads=2).make([training], {})
        return warm - started, time.perf_counter() - warm


def test_two_workers_of_a_local_cluster_against_two_processes(
    benchmark: Any, stages: tuple[Path, CellStage, AdversarialStage], tmp_path: Path, told: list[str]
) -> None:
    from robench.study.executors.ray_executor import RayExecutor

    kinds: dict[str, Callable[[Context], WorkerExecutor]] = {
        "processes": lambda context: ProcessExecutor(context, 2),
        "ray": lambda context: RayExecutor(context, 2),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}

    def compare() -> None:
        for name, start in kinds.items():
            times[name].append(measure(stages, tmp_path / f"{name}{len(times[name])}", start))

    benchmark.pedantic(compare, rounds=ROUNDS, iterations=1)
    best = {name: min(seconds for _, seconds in found) for name, found in times.items()}
    for name, found in times.items():
        start_up = min(seconds for seconds, _ in found)
        told.append(f"PWWS, {ROWS} questions, two workers, {name}: {best[name]:.1f} s, after {start_up:.1f} s to start")
    told.append(f"Ray against processes: {best['ray'] / best['processes']:.2f} times as long (target: at most 1.15)")
