"""The flag ``search-masked`` in a table of accuracies: what it is computed from, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from robench.console import Console
from robench.report import rendering, tables
from robench.report.tables.masking import describe_masked
from robench.report.tables.model import Block, Cell, Column, MaskedShare, Row, Table
from robench.results.info import CellInfo
from robench.results.intervals import wilson
from robench.results.records import Record, Status
from robench.results.store import Store
from support.hand_made import add_cell, add_transfer, record

N = 100


def rows(withstood: int, *, fooled: int = 0) -> list[Record]:
    """Records of an attack that fails on the first rows, but for the first few of them, and succeeds on the others."""
    statuses: list[Status] = ["succeeded" if i < fooled or i >= withstood else "failed" for i in range(N)]
    return [record(i, status) for i, status in enumerate(statuses)]


def cell_of(table: Table, name: str, column: str = "pwws") -> Cell:
    at = [one.name for one in table.columns].index(column)
    return next(row.cells[at] for row in table.blocks[0].rows if row.name == name)


def masked_of(table: Table, name: str) -> MaskedShare:
    masked = cell_of(table, name).masked
    assert masked is not None
    return masked


@pytest.fixture
def filled(store: Store) -> Store:
    """Base is fooled in another way on 2 of 40 texts, ada on 24 of 80, freelb on 2 of 80, pgd's is not known."""
    for name, withstood, fooled in (("base", 40, 2), ("ada", 80, 24), ("freelb", 80, 2)):
        cell = add_cell(store, name, "pwws", withstood, records=rows(withstood))
        add_transfer(store, cell, rows(withstood, fooled=fooled))
    add_cell(store, "pgd", "pwws", 80, records=rows(80))
    return store


def test_masked_share_of_a_transfer_is_of_the_samples_that_the_attack_fails_on(filled: Store) -> None:
    table = tables.make("5", filled)
    found = masked_of(table, "ada")
    assert (found.share, found.fooled, found.withstood) == (pytest.approx(24 / 80), 24, 80)
    assert found.low == pytest.approx(wilson(24, 80)[0])
    assert found.reference == pytest.approx(2 / 40)
    assert found.is_flagged and not masked_of(table, "freelb").is_flagged and not masked_of(table, "base").is_flagged
    assert cell_of(table, "pgd").masked is None


def test_masked_note_shows_that_the_bound_is_above_the_reference(filled: Store) -> None:
    table = tables.make("5", filled)
    close = replace(masked_of(table, "ada"), low=0.0504, reference=0.0501)
    row = Row("ada", "ada", (Cell(masked=close),))
    (note,) = describe_masked([Block("trec", "", (row,))], [Column("pwws")])
    assert "(30.0 %, at least 5.04 %)" in note and note.endswith("of base's 5.01 %")


def test_masked_cell_has_a_mark_a_legend_and_a_note(filled: Store) -> None:
    table = tables.make("5", filled)
    (note,) = [note for note in table.notes if "search-masked" in note]
    assert note == (
        "trec, ada under pwws: search-masked: of 80 samples that the attack fails on, 24 (30.0 %, at least 21.1 %) are"
        " fooled by the attack's texts against another seed; of base's 5.0 %"
    )
    for format in ("rich", "md", "latex", "html"):
        shown = rendering.render(table, format, Console(width=200))
        assert shown.count("80.0 ¶") == 1 and "¶: search-masked" in shown, format
    values = json.loads(rendering.render(table, "json", Console()))
    cells = {row["name"]: row["cells"]["pwws"] for row in values["blocks"][0]["rows"]}
    assert cells["ada"]["search_masked"] == {
        "share": pytest.approx(30),
        "low": pytest.approx(100 * wilson(24, 80)[0]),
        "reference": pytest.approx(5),
        "fooled": 24,
        "withstood": 80,
        "ways": ["the attack's texts against another seed"],
        "flagged": True,
    }
    assert "search_masked" not in cells["pgd"]
    head, *lines = rendering.render(table, "csv", Console()).splitlines()
    at = head.split(",").index("pwws search-masked")
    assert {line.split(",")[at] for line in lines} == {"5.0000", "2.5000", "", "30.0000"}


def test_masked_share_uses_only_ways_that_there_are_for_the_reference_too(filled: Store) -> None:
    of: dict[str, Any] = {"query_budget": None}  # the identity that cells made by hand have of an attack
    derived: dict[str, Any] = {"attack_base": "pwws", "attack_changed": {"of": of}}
    add_cell(filled, "freelb", "odd:pwws", 40, records=rows(80, fooled=40), **derived)
    cell = next(one for one in filled.stages(CellInfo) if one.info.attack.name == "odd:pwws")
    assert cell.info.attack.base == "pwws"
    assert masked_of(tables.make("5", filled), "freelb").fooled == 2
    add_cell(filled, "base", "odd:pwws", 38, records=rows(40, fooled=4), **derived)
    found = masked_of(tables.make("5", filled), "freelb")
    assert (found.fooled, found.ways) == (40, ("odd:pwws", "the attack's texts against another seed"))
    assert found.reference == pytest.approx(4 / 40) and found.is_flagged


def test_ways_that_fool_a_model_on_test_texts_say_nothing_of_development_texts(filled: Store) -> None:
    of: dict[str, Any] = {"query_budget": None}
    derived: dict[str, Any] = {"attack_base": "pwws", "attack_changed": {"of": of}}
    for name, withstood in (("base", 40), ("freelb", 80)):
        add_cell(filled, name, "pwws", withstood, records=rows(withstood), split="dev")
        add_cell(filled, name, "odd:pwws", withstood, records=rows(withstood), **derived)
        add_cell(filled, name, "odd:pwws", 1, records=rows(withstood, fooled=withstood), **derived, split="dev")
    table = tables.make("5", filled)
    found = masked_of(table, "freelb")
    assert (found.fooled, len(found.ways)) == (2, 2)
    (dev,) = (block for block in table.blocks if block.setting.get("split") == "dev")
    at = [one.name for one in table.columns].index("pwws")
    (masked,) = (row.cells[at].masked for row in dev.rows if row.name == "freelb")
    assert masked is not None and (masked.ways, masked.fooled) == (("odd:pwws",), 80)


def test_table_without_other_ways_has_no_shares(store: Store) -> None:
    add_cell(store, "base", "pwws", 40, records=rows(40))
    add_cell(store, "ada", "pwws", 80, records=rows(80))
    table = tables.make("5", store)
    assert cell_of(table, "ada").masked is None
    assert "search" not in rendering.render(table, "csv", Console())
