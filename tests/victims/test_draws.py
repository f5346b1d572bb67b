"""Models that give a text different scores: their accuracy under attack is a mean over new draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from robench.cli import show
from robench.errors import RobenchError
from robench.report.rendering import render
from robench.report.tables import make
from robench.results import records
from robench.results.cells import read_results
from robench.results.draws import DRAWS, DRAWS_FILE, read_draws
from robench.results.info import CellInfo
from robench.results.store import RECORDS_FILE, Store
from support.tiny_job import VERDICTS, TinyJob
from support.victims import given


class Unsure:
    """Gives each text its class with a chance of 80 %, whatever an attack makes of it, and the other one else."""

    version = "1"

    def __init__(self) -> None:
        self._random = random.Random(5)

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        rows = []
        for text in texts:
            is_good = not any(word in VERDICTS[0] for word in text.lower().split())
            sure = 1.0 if self._random.random() < 0.8 else -1.0
            rows.append([0.0, sure if is_good else -sure])
        return rows


@pytest.fixture(scope="module")
def runs(tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unsure")
    given(Unsure(), tiny_job, folder, name="unsure")
    return folder / "runs"


def test_accuracy_of_a_random_model_is_the_mean_over_new_draws(runs: Path) -> None:
    (cell,) = Store(runs).stages(CellInfo)
    rows = [row for row in records.read(cell.folder / RECORDS_FILE) if row.status != "error"]
    shares = read_draws(cell.folder)
    assert shares.keys() == {row.id for row in rows} and cell.info.draws is not None
    assert cell.info.draws.n == DRAWS == 10 and cell.info.draws.right == round(10 * sum(shares.values()))
    (result,) = read_results([cell])
    assert result.accuracy_under_attack == Fraction(cell.info.draws.right, 10 * len(rows))
    table = make("5", Store(runs))
    (row,) = table.blocks[0].rows
    attacked = row.cells[1]
    assert attacked.value == result.accuracy_under_attack and attacked.outcomes is not None
    assert attacked.outcomes == {42: shares}
    assert attacked.interval is not None and attacked.interval.low < attacked.value < attacked.interval.high
    assert "≈" in row.marked_label and "~" not in row.marked_label
    for format in ("rich", "md", "latex", "html"):
        assert "mean over 10 new draws" in " ".join(render(table, format).split())


def test_show_of_a_random_model_has_one_draw_and_the_mean_over_new_ones(runs: Path) -> None:
    (cell,) = Store(runs).stages(CellInfo)
    assert '"draws": {\n   "accuracy": ' in show.show_json(cell, Store(runs))


def test_damaged_draws_are_no_part_of_a_table(runs: Path) -> None:
    (cell,) = Store(runs).stages(CellInfo)
    path = cell.folder / DRAWS_FILE
    content = path.read_bytes()
    path.write_bytes(b'{"id":0,"right":1}\n')
    told: list[str] = []
    try:
        assert Store(runs, on_fault=told.append).stages(CellInfo) == [] and DRAWS_FILE in told[0]
        with pytest.raises(RobenchError, match=r"draws.jsonl cannot be read"):
            read_draws(cell.folder)
    finally:
        path.write_bytes(content)
