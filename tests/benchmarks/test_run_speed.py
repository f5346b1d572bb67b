"""Whole commands with default jobs, against one job: the quickstart, and one defense alone. It takes most of an hour.

Run with ``pytest tests/benchmarks/test_run_speed.py --benchmark-only``. What is fetched is there before: a small run
fetches it. The same command once more, with nothing left to do, tells what start and planning take.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.machine import scaled

QUICKSTART = ("--defense", "base,ada,taichi", "--attack", "pwws,deepwordbug")
ALONE = ("--defense", "taichi", "--attack", "pwws")
TASK = ("--task", "trec", "--preset", "quick")

pytestmark = pytest.mark.benchmark(group="whole commands, MiniLM, TREC, preset quick")


def run(runs: Path, *options: str) -> float:
    """Return the seconds of a command."""
    limits = ("--train-limit", str(scaled(500, least=16)), "--attack-limit", str(scaled(100, least=4)))
    command = [sys.executable, "-m", "robench", "run", *TASK, "--runs", str(runs), *limits, *options]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


@pytest.fixture(scope="module", autouse=True)
def resources(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything that the commands fetch."""
    run(tmp_path_factory.mktemp("first"), *QUICKSTART, "--train-limit", "16", "--attack-limit", "4")


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds of the quickstart with one job."""
    return run(tmp_path_factory.mktemp("serial"), *QUICKSTART, "--jobs", "1")


@pytest.mark.parametrize(
    ("name", "options", "least"), [("default", (), 1.15), ("--threads 1", ("--threads", "1"), 1.25)]
)
def test_quickstart_against_one_job(
    name: str, options: tuple[str, ...], least: float, serial: float, benchmark: Any, tmp_path: Path, told: list[str]
) -> None:
    seconds = benchmark.pedantic(run, (tmp_path, *QUICKSTART, *options), rounds=1)
    again = run(tmp_path, *QUICKSTART, *options)
    benchmark.extra_info.update(ratio=serial / seconds)
    told.append(
        f"quickstart, {name}: {seconds:.0f} s, with --jobs 1 {serial:.0f} s: {serial / seconds:.2f} times as fast"
        f" (at least {least}); with nothing left to do {again:.1f} s"
    )


def test_one_defense_alone_against_one_job(benchmark: Any, tmp_path: Path, told: list[str]) -> None:
    one = run(tmp_path / "one", *ALONE, "--jobs", "1")
    seconds = benchmark.pedantic(run, (tmp_path / "auto", *ALONE), rounds=1)
    benchmark.extra_info.update(ratio=seconds / one)
    told.append(
        f"taichi alone: default {seconds:.0f} s, with --jobs 1 {one:.0f} s: takes {seconds / one:.2f} times as long"
        " (at most 1.1)"
    )
