"""What the benchmarks share: film reviews to measure on, a large runs folder, and lines told at the end of a module."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random

import pytest

from robench.data.load import TaskData, load_task
from robench.plugins import registry
from robench.results.records import Record
from robench.results.store import Store
from support.hand_made import add_cell, record
from support.machine import real_data_if_any


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A benchmark takes as long as it takes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session")
def reviews() -> TaskData:
    """SST-2 if ROBENCH_TEST_DATA has its rows, else MR, which the package index has."""
    folder = real_data_if_any()
    name = "sst2" if folder and (folder / "sst2").is_dir() else "mr"
    return load_task(name, registry.entry("tasks", name).load(), data_dir=folder, order=("local", "index"))


WORDS = "the a movie with some rather long sentences about nothing much that is quite fine and old".split()


@pytest.fixture(scope="session")
def thousand_cells(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A runs folder with ten defenses on one task under four attacks with 25 seeds, a thousand records in each cell."""
    made = Store(tmp_path_factory.mktemp("runs"))
    defenses = ["base", "pgd", "fgsm", "freelb", "smart", "ada", "taichi-no-ctr", "taichi-no-adv", "taichi", "mine"]
    attacks = ["deepwordbug", "pwws", "textfooler", "textbugger"]
    for defense, attack, seed in product(defenses, attacks, range(25)):
        rows = draw_records(f"{defense} {attack} {seed}", 0.3 + 0.05 * defenses.index(defense))
        add_cell(made, defense, attack, 0, n=len(rows), records=rows, task="ag", seed=seed)
    return made


def draw_records(seed: str, stands: float) -> list[Record]:
    """Draw a thousand records of about the size of real ones; whether a model stands depends on the text, too."""
    rng, found = Random(seed), []
    for row in range(1000):
        failed = (row % 100) / 200 + rng.random() / 2 < stands
        status, before, after = "failed" if failed else "succeeded", rng.random(), rng.random()
        text = " ".join(WORDS[(row + i * i) % len(WORDS)] for i in range(18))
        probabilities = {"probabilities_before": [before, 1 - before], "probabilities_after": [after, 1 - after]}
        costs = {"queries": rng.randrange(5, 400), "words": 18, "words_changed": 0 if failed else 2}
        found.append(record(row, status, original=text, final=f"{text}!", **probabilities, **costs))
    return found


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines for the end of the module."""
    lines: list[str] = []
    yield lines
    plugins = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        for line in lines:
            plugins.getplugin("terminalreporter").write_line(line)
