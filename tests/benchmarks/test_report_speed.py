"""The page and two of our own tables of a thousand cells of a thousand records, as commands with the start of Python.

Run with ``pytest tests/benchmarks/test_report_speed.py --benchmark-only``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from robench.results.store import Store
from support.costs import check_cost

pytestmark = pytest.mark.benchmark(group="report of 1,000 cells")


def test_report_of_a_thousand_cells_keeps_to_time_and_memory(
    thousand_cells: Store, benchmark: Any, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    check_cost(
        benchmark,
        [sys.executable, "-m", "robench", "report", "--runs", str(thousand_cells.root), "--out", str(page)],
    )
    assert "Unseen attacks" in page.read_text()


@pytest.mark.parametrize("name", ["budget", "flips"])
def test_own_table_of_a_thousand_cells_keeps_to_time_and_memory(
    thousand_cells: Store, benchmark: Any, name: str
) -> None:
    check_cost(benchmark, [sys.executable, "-m", "robench", "table", name, "--runs", str(thousand_cells.root)])
