"""Table 5 of a thousand cells of a thousand records, all of which are checked, with intervals and the worst case.

It is compared with parsing their stage.json alone, and timed as a command with the interpreter's start.

Run with ``pytest tests/benchmarks/test_table_speed.py --benchmark-only``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from itertools import product
from random import Random
from typing import Any

import pytest

from robench.report.rendering import render
from robench.report.tables import accuracy_table
from robench.results.info import CellInfo
from robench.results.records import Record
from robench.results.store import STAGE_FILE, Store
from support.hand_made import add_cell, record

pytestmark = pytest.mark.benchmark(group="table 5 of 1,000 cells")

SCRIPT = """
import resource
import sys
from pathlib import Path
from robench.report.rendering import render
from robench.results.info import CellInfo
from robench.results.store import Store
from robench.report.tables import accuracy_table
sys.stdout.write(render(accuracy_table(Store(Path(sys.argv[1])).stages(CellInfo)), "rich"))
heavy = {"torch", "pandas", "transformers", "textattack"} & set(sys.modules)
assert not heavy, heavy
sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""
SECONDS = 5.0
KIBIBYTES = 2**20
WORDS = "the a movie with some rather long sentences about nothing much that is quite fine and old".split()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("runs"))
    defenses = ["base", "pgd", "fgsm", "freelb", "smart", "ada", "taichi-no-ctr", "taichi-no-adv", "taichi", "mine"]
    attacks = ["deepwordbug", "pwws", "textfooler", "textbugger"]
    for defense, attack, task, seed in product(defenses, attacks, ["sst2", "trec", "ag", "mr", "bbc"], range(5)):
        rows = draw(f"{defense} {attack} {seed}", 0.3 + 0.05 * defenses.index(defense))
        add_cell(made, defense, attack, 0, n=len(rows), records=rows, task=task, seed=seed)
    return made


def draw(seed: str, stands: float) -> list[Record]:
    """A thousand records of about the size of real ones; whether a model stands depends on the text, too."""
    rng, found = Random(seed), []
    for row in range(1000):
        failed = (row % 100) / 200 + rng.random() / 2 < stands
        status, before, after = "failed" if failed else "succeeded", rng.random(), rng.random()
        text = " ".join(WORDS[(row + i * i) % len(WORDS)] for i in range(18))
        probabilities = {"probabilities_before": [before, 1 - before], "probabilities_after": [after, 1 - after]}
        costs = {"queries": rng.randrange(5, 400), "words": 18, "words_changed": 0 if failed else 2}
        found.append(record(row, status, original=text, final=f"{text}!", **probabilities, **costs))
    return found


def test_baseline_bare_json(store: Store, benchmark: Any) -> None:
    paths = sorted(store.root.glob(f"cells/*/{STAGE_FILE}"))
    assert len(benchmark(lambda: [json.loads(path.read_bytes()) for path in paths])) == 1000


def test_table_from_files(store: Store, benchmark: Any) -> None:
    text = benchmark(lambda: render(accuracy_table(store.stages(CellInfo)), "rich"))
    assert "taichi" in text


def test_command_with_start_of_the_interpreter(store: Store, benchmark: Any) -> None:
    command = [sys.executable, "-c", SCRIPT, str(store.root)]
    run = partial(subprocess.run, command, check=True, capture_output=True)
    done = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    assert int(done.stderr) < KIBIBYTES
    assert benchmark.stats is None or benchmark.stats.stats.median < SECONDS
