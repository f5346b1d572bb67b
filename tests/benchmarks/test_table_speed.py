"""Table 5 of a thousand cells of 500 records, all of which are checked.

It is compared with parsing their stage.json alone, and timed as a command with the interpreter's start.

Run with ``pytest tests/benchmarks/test_table_speed.py --benchmark-only``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from typing import Any

import pytest

from robench.report.rendering import render
from robench.report.tables import accuracy_table
from robench.results.info import CellInfo
from robench.results.store import STAGE_FILE, Store
from support.hand_made import add_cell

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
SECONDS = 5.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("runs"))
    defenses = ["base", "pgd", "fgsm", "freelb", "smart", "ada", "taichi-no-ctr", "taichi-no-adv", "taichi", "mine"]
    attacks = ["deepwordbug", "pwws", "textfooler", "textbugger"]
    for defense, attack, task, seed in product(defenses, attacks, ["sst2", "trec", "ag", "mr", "bbc"], range(5)):
        add_cell(made, defense, attack, 250 + seed, n=500, task=task, seed=seed)
    return made


def test_baseline_bare_json(store: Store, benchmark: Any) -> None:
    paths = sorted(store.root.glob(f"cells/*/{STAGE_FILE}"))
    assert len(benchmark(lambda: [json.loads(path.read_bytes()) for path in paths])) == 1000


def test_table_from_files(store: Store, benchmark: Any) -> None:
    text = benchmark(lambda: render(accuracy_table(store.stages(CellInfo)), "rich"))
    assert "taichi" in text


def test_command_with_start_of_the_interpreter(store: Store, benchmark: Any) -> None:
    command = [sys.executable, "-c", SCRIPT, str(store.root)]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=5, warmup_rounds=1)
    assert benchmark.stats is None or benchmark.stats.stats.median < SECONDS
