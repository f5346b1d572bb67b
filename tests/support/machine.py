"""What this machine has and its environment asks for: flair, the real data sets, the sizes of benchmarks."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

HAS_FLAIR = importlib.util.find_spec("flair") is not None
"""Whether flair is installed, which is an extra."""


def real_data_if_any() -> Path | None:
    """The folder that ROBENCH_TEST_DATA names, laid out as ``--data`` takes it; none if it names none."""
    folder = os.environ.get("ROBENCH_TEST_DATA")
    return Path(folder) if folder else None


def scaled(count: int, least: int = 1) -> int:
    """A number of rows of a benchmark, times ROBENCH_BENCH_SHARE (1 without it): a few show whether it works."""
    return max(least, round(count * float(os.environ.get("ROBENCH_BENCH_SHARE", "1"))))
