"""The sizes of benchmarks that take minutes; ROBENCH_BENCH_SHARE makes them smaller, to see whether they work."""

from __future__ import annotations

import os


def scaled(count: int, least: int = 1) -> int:
    """A number of rows, times the share that ROBENCH_BENCH_SHARE names (1 without it)."""
    return max(least, round(count * float(os.environ.get("ROBENCH_BENCH_SHARE", "1"))))
