"""The coordinator's own time for ten thousand units that compute nothing: what is left is planning, locks and files.

Shards of attacks are the units that there are many of: each is taken, 16 records are written, and it is released. The
baseline writes the same records and does nothing else. Whole stages take a folder and a lock each.

Run with ``pytest tests/benchmarks/test_coordinator_cost.py --benchmark-only``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.progress import SilentReporter
from robench.results import records
from robench.results.store import Store
from robench.study.coordinator import Coordinator
from robench.study.shared_rows import SHARD_ROWS
from robench.study.stage_folders import StageFolders
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from support.row_sharer import KEY, result
from support.step_executor import StepExecutor
from support.tiny_stage import tiny, tiny_attack

pytestmark = pytest.mark.benchmark(group="units that compute nothing")

SHARDS, ATTACKS = 10_000, 20
STAGES = 2_000
SLOTS = 8
LIMIT = 0.002
"""Seconds of a unit."""


def make(root: Path, stages: list[Stage]) -> float:
    """Make stages, and return the seconds that it took."""
    context = Context(Store(root), SilentReporter(), torch.device("cpu"))
    executor = StepExecutor(context, SLOTS)
    started = time.process_time()
    assert not Coordinator(StageFolders(context), executor, context.reporter, threads=2).make(stages, {})
    return time.process_time() - started


def test_shards(tmp_path: Path, told: list[str], benchmark: Any) -> None:
    attacks: list[Stage] = [
        tiny_attack(f"attack {number}", SHARDS // ATTACKS * SHARD_ROWS) for number in range(ATTACKS)
    ]
    made = [result(row) for row in range(SHARDS // ATTACKS * SHARD_ROWS)]
    started = time.process_time()
    with (tmp_path / "baseline.jsonl").open("ab") as file:
        for _ in attacks:
            for one in made:
                records.append(file, one, KEY)
    baseline = time.process_time() - started
    seconds = benchmark.pedantic(make, (tmp_path / "runs", attacks))
    told.append(
        f"{SHARDS:,} shards in {ATTACKS} attacks: {1000 * seconds / SHARDS:.2f} ms a shard, of which writing its"
        f" {SHARD_ROWS} records alone takes {1000 * baseline / SHARDS:.2f} ms"
    )
    assert seconds / SHARDS < LIMIT


def test_whole_stages(tmp_path: Path, told: list[str], benchmark: Any) -> None:
    first: list[Stage] = [tiny(f"first {number}", training=True) for number in range(STAGES // 2)]
    second: list[Stage] = [tiny(f"second {number}", need) for number, need in enumerate(first)]
    seconds = benchmark.pedantic(make, (tmp_path / "runs", [*first, *second]))
    told.append(
        f"{STAGES:,} whole stages, half of which need one of the others: {1000 * seconds / STAGES:.2f} ms a stage"
    )
    assert seconds / STAGES < LIMIT
