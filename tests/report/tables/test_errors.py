"""Samples that ended in an error: outside the percentage, their number beside it, in every format."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction

import pytest

from robench.report.rendering import FORMATS, render
from robench.report.tables import make
from robench.report.tables.cells import outcome_cell
from robench.results.selection import Selection
from robench.results.store import Store
from support.hand_made import add_cell
from support.tables import rows, table5

pytestmark = pytest.mark.usefixtures("quick_by_hand")


@pytest.fixture
def with_errors(store: Store) -> Store:
    """Base without errors, ADA with 2 of 200, TaiChi with 3 of 200, and under PWWS with nothing else."""
    add_cell(store, "base", "pwws", 50)
    add_cell(store, "base", "deepwordbug", 50)
    add_cell(store, "ada", "pwws", 99, errors=2)
    add_cell(store, "ada", "deepwordbug", 60)
    add_cell(store, "taichi", "deepwordbug", 60, errors=3)
    add_cell(store, "taichi", "pwws", 0, errors=200)
    return store


def test_errors_are_outside_the_percentage_and_in_one_block(with_errors: Store) -> None:
    table = table5(with_errors)
    assert len(table.blocks) == 1
    _, bug, pwws = (rows(table)[name].cells for name in ("base", "ada", "taichi"))
    assert bug[2].value == Fraction(99, 198)
    assert (bug[2].errors, bug[2].samples, bug[2].n, bug[2].has_many_errors) == (2, 200, 200, False)
    assert pwws[1].value == Fraction(60, 197)
    assert pwws[1].has_many_errors
    assert (pwws[2].value, pwws[2].errors, pwws[2].has_many_errors) == (None, 200, True)
    assert table.commands == ()


def test_errors_stand_beside_the_number_in_every_text(with_errors: Store) -> None:
    for name in set(FORMATS) - {"csv", "json"}:
        text = render(table5(with_errors), name)
        for part in ("50.0, 2 errors", "30.5, 3 errors !", "—, 200 errors !"):
            assert part in text.replace("---", "—"), (name, part)
        assert "--retry-errors" in text.replace("{-}", "-")


def test_errors_have_a_column_for_programs(with_errors: Store) -> None:
    found = {row["defense"]: row for row in csv.DictReader(io.StringIO(render(table5(with_errors), "csv")))}
    assert {name: row["pwws errors"] for name, row in found.items()} == {"base": "0", "ada": "2", "taichi": "200"}
    assert found["taichi"]["pwws"] == ""
    assert "clean% errors" not in found["base"]
    block = json.loads(render(table5(with_errors), "json"))["blocks"][0]
    cells = {row["defense"]: row["cells"] for row in block["rows"]}
    assert cells["ada"]["pwws"]["errors"] == 2
    assert "errors" not in cells["ada"]["deepwordbug"]


def test_a_table_without_errors_says_nothing_of_them(store: Store) -> None:
    add_cell(store, "base", "pwws", 50)
    for name in FORMATS:
        assert "error" not in render(table5(store), name)


def test_errors_of_several_seeds_are_added(store: Store) -> None:
    for seed, errors in ((1, 0), (2, 4), (3, 1)):
        add_cell(store, "base", "pwws", 50, seed=seed, errors=errors)
    cell = rows(table5(store))["base"].cells[1]
    assert (cell.errors, cell.samples, cell.has_many_errors) == (5, 600, False)


def test_errors_that_count_as_wrong_do_so_in_their_own_seed() -> None:
    clean: dict[int, bool | None] = dict.fromkeys(range(50), True)
    cell = outcome_cell({1: clean | dict.fromkeys(range(50, 100)), 2: dict.fromkeys(range(100), False)}, [])
    assert (cell.value, cell.least) == (Fraction(1, 2), Fraction(1, 4))


def test_table_quality_shows_errors_beside_the_accuracy_alone(with_errors: Store) -> None:
    table = make("quality", with_errors, selection=Selection(attacks=["pwws"]))
    cells = {row.label: row.cells for block in table.blocks for row in block.rows}
    assert [cell.errors for cell in cells["ada"]] == [0, 2, 0, 0, 0, 0]
    assert cells["ada"][2].value == Fraction(98, 197)
