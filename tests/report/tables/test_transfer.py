"""The table of transfers to models whose clean accuracy is limited to some rows."""

from __future__ import annotations

import pytest

from robench.report.tables import make
from robench.results.store import Store
from support.hand_made import add_cell, add_transfer, record
from support.tables import options_of

pytestmark = pytest.mark.usefixtures("quick_by_hand")


@pytest.mark.parametrize("limit", [None, 50])
def test_command_that_fills_a_gap_has_the_limit_of_clean_rows(store: Store, limit: int | None) -> None:
    for defense, attack in (("base", "pwws"), ("base", "deepwordbug"), ("pgd", "pwws")):
        cell = add_cell(store, defense, attack, 5, n=20, clean=(45, 50), clean_limit=limit)
        add_transfer(store, cell, [record(row, "failed") for row in range(20)], texts=cell.key)
    table = make("transfer", store)
    (command,) = table.commands
    options = options_of(command)
    assert (options["defense"], options["attack"], options["clean_limit"]) == (["pgd"], ["deepwordbug"], limit)
    stated = "" if limit is None else ", or as many as stated"
    assert table.legend[0].startswith(f"clean%: correct / all test samples{stated}. Attacks: of the texts")
    assert ("clean% on 50 rows" in table.caption) == (limit is not None)
