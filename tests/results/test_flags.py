"""Flags beside numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from robench.models.checks import warn_of_window
from robench.report.rendering import render
from robench.report.tables import make
from robench.results.cells import read_results
from robench.results.flags import FLAGS, list_flags
from robench.results.info import CellInfo
from robench.results.store import Store
from support.hand_made import add_cell

RANDOM = {"kind": "Python function", "model": "mine:scores", "random": True}
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "nothing to say": ({"n": 100}, ()),
    "learned nothing": ({"n": 100, "clean": (250, 500, 250)}, ("learned nothing",)),
    "random": ({"n": 100, "given": RANDOM}, ("random",)),
    "averaged": ({"n": 100, "given": RANDOM, "draws": {"n": 10, "right": 345}}, ("averaged",)),
    "texts cut": ({"n": 100, "warnings": warn_of_window(6, 100, 50, "--max-length N")}, ("texts cut",)),
    "few samples": ({"n": 99}, ("few samples",)),
    "1 % errors": ({"n": 200, "errors": 2}, ()),
    "more errors": ({"n": 200, "errors": 3}, ("many errors",)),
}


@pytest.mark.parametrize(("settings", "expected"), CASES.values(), ids=CASES)
def test_result_has_the_flags_of_what_makes_it_misleading(
    store: Store, settings: dict[str, Any], expected: tuple[str, ...]
) -> None:
    add_cell(store, "base", "pwws", 20, **settings)
    assert list_flags(read_results(store.stages(CellInfo))) == expected


def test_table_marks_rows_and_its_legend_explains_the_marks(store: Store) -> None:
    add_cell(store, "base", "pwws", 20, n=99)
    add_cell(store, "pgd", "pwws", 20, n=99, warnings=warn_of_window(6, 100, 50, "--max-length N"))
    table = make("5", store)
    assert [row.marked_label for row in table.blocks[0].rows] == ["base §", "pgd ‡ §"]
    for name in ("texts cut", "few samples"):
        assert f"{FLAGS[name].mark}: {FLAGS[name].meaning}." in table.legend
    for format in ("rich", "md", "latex", "html"):
        assert "‡ §" in render(table, format)
    assert [row["flags"] for row in json.loads(render(table, "json"))["blocks"][0]["rows"]] == [
        ["few samples"],
        ["texts cut", "few samples"],
    ]
