"""Throughput of 8 and 16 workers whose model sleeps instead of computing: what sharing, sockets and files cost.

Run with ``pytest tests/benchmarks/test_many_workers.py --benchmark-only``. Each worker gets as many rows as the one
worker of the baseline; the start of all of them is told apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from robench.progress import SilentReporter
from robench.results.store import Store
from robench.study.shared_rows import SHARD_ROWS
from robench.study.stages.context import Context
from support.machine import scaled
from support.sleeping_model import sleeping_attack
from support.warm_executor import Warm, warm_workers

ROWS = scaled(768, least=64)
"""Rows of a worker."""
LIMITS = {8: 7.5, 16: 14.5}

pytestmark = pytest.mark.benchmark(group="workers whose model sleeps")


def measure(folder: Path, jobs: int) -> tuple[Warm, float]:
    """Return the workers and the seconds of their rows."""
    context = Context(Store(folder), SilentReporter(), torch.device("cpu"))
    with warm_workers(context, jobs, sleeping_attack("first", SHARD_ROWS * jobs)) as warm:
        return warm, warm.measure([sleeping_attack("rows", ROWS * jobs)])


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Rows a second of one worker."""
    return ROWS / measure(tmp_path_factory.mktemp("one"), 1)[1]


@pytest.mark.parametrize("jobs", LIMITS)
def test_throughput(jobs: int, one: float, benchmark: Any, tmp_path: Path, told: list[str]) -> None:
    warm, seconds = benchmark.pedantic(measure, (tmp_path, jobs), rounds=1)
    speed = ROWS * jobs / seconds
    benchmark.extra_info.update(ratio=speed / one)
    told.append(
        f"{jobs} workers: {speed:.0f} rows/s, {speed / one:.2f} times one worker ({one:.1f}; at least {LIMITS[jobs]});"
        f" start-up {warm.start_up:.0f} s"
    )
