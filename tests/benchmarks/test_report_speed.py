"""The page and two of our own tables of a thousand cells of a thousand records, as commands, against table 5.

A page has several tables and a picture, whose libraries take a second and a half to load, and reads each cell once, as
table 5 does; so it may take twice as long. In seconds it is only as good as the machine: the same code took from 6.0
to 9.1 s of processor time within an hour.

Run with ``pytest tests/benchmarks/test_report_speed.py --benchmark-only``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from robench.results.store import Store
from support.costs import check_cost, measure_cost

MOST = 2.0
"""Most processor time of a command, as a multiple of that of table 5."""

pytestmark = pytest.mark.benchmark(group="report of 1,000 cells")


@pytest.fixture(scope="module")
def most_seconds(thousand_cells: Store) -> float:
    """The bound of a command's processor time."""
    return MOST * median(measure_cost(show("5", thousand_cells)).seconds for _ in range(3))


def show(name: str, store: Store) -> list[str]:
    return [sys.executable, "-m", "robench", "table", name, "--runs", str(store.root)]


def test_report_of_a_thousand_cells_keeps_to_time_and_memory(
    thousand_cells: Store, most_seconds: float, benchmark: Any, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    command = [sys.executable, "-m", "robench", "report", "--runs", str(thousand_cells.root), "--out", str(page)]
    check_cost(benchmark, command, most_seconds)
    assert "Unseen attacks" in page.read_text()


@pytest.mark.parametrize("name", ["budget", "flips"])
def test_own_table_of_a_thousand_cells_keeps_to_time_and_memory(
    thousand_cells: Store, most_seconds: float, benchmark: Any, name: str
) -> None:
    check_cost(benchmark, show(name, thousand_cells), most_seconds)
