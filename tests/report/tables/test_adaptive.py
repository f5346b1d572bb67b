"""Attacks that a defense names as made against itself: a column of table 5, and no part of the others."""

from __future__ import annotations

from fractions import Fraction

import pytest

from robench.report.figures.front import find_points
from robench.report.rendering import render
from robench.report.tables import Cell, Table, make
from robench.results.adaptive import leave_out_adaptive
from robench.results.cells import read_model_results
from robench.results.info import CellInfo
from robench.results.selection import Selection
from robench.results.store import Store
from robench.study.commands import read_selection
from support.hand_made import add_cell

pytestmark = pytest.mark.usefixtures("quick_by_hand")


def fill(store: Store) -> None:
    """Two defenses under two attacks, of which one names a third one."""
    for attack, failed in (("pwws", 100), ("deepwordbug", 120)):
        add_cell(store, "base", attack, failed)
        add_cell(store, "shield", attack, failed + 40, adaptive="pierce")


def heads(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def cells_of(table: Table, defense: str) -> dict[str, Cell]:
    (row,) = [row for block in table.blocks for row in block.rows if row.name == defense]
    return dict(zip(heads(table), row.cells, strict=True))


def test_adaptive_attack_has_one_column_and_is_no_part_of_the_others(store: Store) -> None:
    fill(store)
    worst = cells_of(make("5", store), "base")["worst%"].value
    add_cell(store, "shield", "pierce", 30, adaptive="pierce")
    table = make("5", store)
    assert heads(table) == ["clean%", "deepwordbug", "pwws", "adaptive%", "worst%"]
    shield, base = cells_of(table, "shield"), cells_of(table, "base")
    assert shield["adaptive%"].value == Fraction(30, 200) and shield["adaptive%"].interval is not None
    assert not shield["adaptive%"].best and shield["adaptive%"].difference is None
    assert base["adaptive%"] == Cell(text="none") and base["worst%"].value == worst is not None
    assert any("(pierce for shield)" in line for line in table.legend) and table.commands == ()
    assert "15.0" in render(table, "md")
    for name in ("worst", "quality"):
        assert "pierce" not in render(make(name, store), "md")


def test_adaptive_attack_that_was_not_run_is_a_gap_with_its_command(store: Store) -> None:
    fill(store)
    table = make("5", store)
    assert cells_of(table, "shield")["adaptive%"].value is None
    (command,) = table.commands
    assert "--defense shield" in command and "--attack pierce" in command and "--seed 42" in command


def test_adaptive_attack_that_a_defense_named_later_fills_its_row(store: Store) -> None:
    for attack in ("pwws", "deepwordbug"):
        add_cell(store, "shield", attack, 100)
    add_cell(store, "shield", "pierce", 30, adaptive="pierce")
    assert cells_of(make("5", store), "shield")["adaptive%"].value == Fraction(30, 200)


def test_adaptive_attack_that_others_met_as_well_is_an_attack_like_any_other(store: Store) -> None:
    fill(store)
    for defense, failed in (("base", 50), ("shield", 30)):
        add_cell(store, defense, "pierce", failed, adaptive="pierce" if defense == "shield" else "")
    table = make("5", store)
    assert heads(table)[-2:] == ["adaptive%", "worst%"] and "pierce" in heads(table)
    shield = cells_of(table, "shield")
    assert shield["pierce"].value == shield["adaptive%"].value == Fraction(30, 200)


def test_selection_of_attacks_decides_whether_the_adaptive_one_is_shown(store: Store) -> None:
    fill(store)
    add_cell(store, "shield", "pierce", 30, adaptive="pierce")
    assert heads(make("5", store, selection=Selection(attacks=["pwws"]))) == ["clean%", "pwws"]
    both = make("5", store, selection=Selection(attacks=["pwws", "pierce"]))
    assert heads(both) == ["clean%", "pwws", "adaptive%"]
    alone = make("5", store, selection=Selection(attacks=["pierce"]))
    assert heads(alone) == ["clean%", "pierce", "adaptive%"]


def test_table_without_adaptive_attacks_has_no_such_column(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    assert heads(make("5", store)) == ["clean%", "pwws"]


def test_figures_leave_adaptive_attacks_out_unless_they_are_named(store: Store) -> None:
    fill(store)
    add_cell(store, "shield", "pierce", 30, adaptive="pierce")
    met = {result.attack.name for result in read_selection(Selection(tasks=["trec"]), store)}
    assert met == {"pwws", "deepwordbug"}
    (named,) = read_selection(Selection(attacks=["pierce"]), store)
    assert named.attack.name == "pierce"
    cells = store.stages(CellInfo)
    points, absent = find_points(read_model_results(leave_out_adaptive(cells, cells)))
    assert [point.name for point in points] == ["base", "shield"] and absent == []
