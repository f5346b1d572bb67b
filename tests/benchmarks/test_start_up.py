"""What a command costs that computes nothing: seconds of the processor, in a process of its own.

Run with ``pytest tests/benchmarks/test_start_up.py --benchmark-only``. That such a command imports nothing heavy is
checked in ``tests/cli``. Seconds on the clock are the same on a machine that does nothing else.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import pytest


def processor_seconds() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


pytestmark = pytest.mark.benchmark(group="start of the command line", timer=processor_seconds)

LIMITS = {"--help": 0.3, "list": 0.5}


def test_baseline_bare_interpreter(benchmark: Any) -> None:
    command = [sys.executable, "-c", "pass"]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("argument", LIMITS)
def test_command(argument: str, benchmark: Any) -> None:
    command = [sys.executable, "-m", "robench", argument]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=10, warmup_rounds=1)
    assert benchmark.stats is None or benchmark.stats.stats.min < LIMITS[argument]
