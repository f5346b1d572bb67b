"""The cost of a command: processor time and memory of its process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

SECONDS = 5.0
"""Most processor time of a command that reads a thousand cells, which other work on the machine hardly changes."""
MEBIBYTES = 1024
"""Most memory of such a command."""


class Cost(NamedTuple):
    """What a process took: seconds of processor time, and MiB of memory at most."""

    seconds: float
    mebibytes: float


def measure_cost(command: Sequence[str]) -> Cost:
    """Run a command, which has to end well, and return what its process took, with the interpreter's start."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def check_cost(benchmark: Any, command: Sequence[str], most_seconds: float = SECONDS) -> None:
    """Check that a command which reads a thousand cells keeps to the bounds, in the median of several runs."""
    costs: list[Cost] = []
    benchmark.pedantic(lambda: costs.append(measure_cost(command)), rounds=3, warmup_rounds=1)
    benchmark.extra_info["seconds"] = [round(cost.seconds, 2) for cost in costs]
    benchmark.extra_info["most seconds"] = round(most_seconds, 2)
    benchmark.extra_info["MiB"] = [round(cost.mebibytes) for cost in costs]
    assert median(cost.seconds for cost in costs) < most_seconds
    assert max(cost.mebibytes for cost in costs) < MEBIBYTES
