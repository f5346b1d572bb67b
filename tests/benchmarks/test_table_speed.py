"""Table 5 of a thousand cells of a thousand records, all of which are checked, with intervals and the worst case.

It is compared with parsing their stage.json alone, and timed as a command with the interpreter's start.

Run with ``pytest tests/benchmarks/test_table_speed.py --benchmark-only``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from robench.report.rendering import render
from robench.report.tables import accuracy_table
from robench.results.info import CellInfo
from robench.results.store import STAGE_FILE, Store
from support.costs import check_cost

pytestmark = pytest.mark.benchmark(group="table 5 of 1,000 cells")

SCRIPT = """
import sys
from pathlib import Path
from robench.report.rendering import render
from robench.results.info import CellInfo
from robench.results.store import Store
from robench.report.tables import accuracy_table
sys.stdout.write(render(accuracy_table(Store(Path(sys.argv[1])).stages(CellInfo)), "rich"))
heavy = {"torch", "pandas", "transformers", "textattack"} & set(sys.modules)
assert not heavy, heavy
"""


def test_baseline_bare_json(thousand_cells: Store, benchmark: Any) -> None:
    paths = sorted(thousand_cells.root.glob(f"cells/*/{STAGE_FILE}"))
    assert len(benchmark(lambda: [json.loads(path.read_bytes()) for path in paths])) == 1000


def test_table_from_files(thousand_cells: Store, benchmark: Any) -> None:
    text = benchmark(lambda: render(accuracy_table(thousand_cells.stages(CellInfo)), "rich"))
    assert "taichi" in text


def test_command_with_start_of_the_interpreter(thousand_cells: Store, benchmark: Any) -> None:
    check_cost(benchmark, [sys.executable, "-c", SCRIPT, str(thousand_cells.root)])
