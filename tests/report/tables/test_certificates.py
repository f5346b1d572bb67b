"""Certificates stand beside attacks on the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from robench.report.tables import Table, make
from robench.results import json_lines
from robench.results.certificates import CERTIFICATES_FILE, Certificate
from robench.results.selection import NoResultsError
from robench.results.stage_file import to_builtins
from robench.results.store import Store, StoredStage, make_key
from support.hand_made import add_cell, record, write_info
from support.tables import shown


def certify(store: Store, cell: StoredStage[Any], certified: Sequence[int], n: int) -> None:
    """Store certificates of the first ``n`` texts for the model of a cell; these of them hold for one word."""
    names = ("robench", "task", "labels", "data", "encoder", "preset", "precision", "training", "train_rows", "seed")
    values = to_builtins(cell.info)
    info = {name: values[name] for name in (*names, "defense", "model")} | {
        "kind": "certificates",
        "label": "certified",
    }
    info |= {"draws": 100, "alpha": 0.05, "covers": "any words", "n": n, "abstained": 0, "votes": 5, "queries": 1000}
    info["identity"] = {"format": 1, "model": cell.info.model, "rows": n}
    info["key"] = make_key(info["identity"])
    folder = store.folder("certificates", info["label"], info["key"])
    folder.mkdir(parents=True)
    lines = [Certificate(row, 0, 0, 90, 4, int(row in certified), int(row in certified)) for row in range(n)]
    json_lines.write(folder / CERTIFICATES_FILE, lines)
    write_info(store, folder, info)


def attack(store: Store, rows: range, attack: str = "pwws", **settings: Any) -> StoredStage[Any]:
    found = [record(row, "failed") for row in rows]
    return add_cell(store, "ranmask", attack, 0, n=len(found), records=found, **settings)


def read_block(table: Table, attacked_n: int) -> list[str | None]:
    """The numbers of the one row of a block: clean%, certified% of all copies and deployed, attacks."""
    (block,) = (block for block in table.blocks if block.setting["attacked_n"] == attacked_n)
    return shown(replace(table, blocks=(block,)), "ranmask")


def test_certified_share_is_of_the_attacked_samples_alone(store: Store) -> None:
    cell = attack(store, range(10))
    certify(store, cell, range(8, 20), n=20)
    (row,) = make("certificates", store).blocks[0].rows
    certified = row.cells[2]
    assert certified.value == Fraction(2, 10) and (certified.n, row.attacked_n) == (10, 10), "not 12 of 20"


def test_certified_share_of_several_models_of_a_seed_is_their_mean(store: Store) -> None:
    for against, certified in (("pwws", range(10)), ("deepwordbug", range(0))):
        rows = [record(row, "failed") for row in range(10)]
        certify(store, add_cell(store, "ada", against, 0, n=10, records=rows), certified, n=10)
    (row,) = make("certificates", store).blocks[0].rows
    assert row.cells[2].value == Fraction(1, 2)


def test_certificates_of_fewer_texts_than_were_attacked_leave_a_blank_that_the_legend_explains(store: Store) -> None:
    whole = attack(store, range(20))
    part = attack(store, range(10))
    certify(store, whole, range(5), n=10)
    assert whole.info.model == part.info.model
    table = make("certificates", store)
    assert read_block(table, 10) == ["90.0", "100.0", "50.0", "50.0", "100.0"]
    assert read_block(table, 20) == ["90.0", None, None, None, "100.0"]
    (line,) = (line for line in table.legend if line.startswith("certified% —"))
    assert "`robench run --table certificates`" in line
    certify(store, whole, range(5), n=20)
    table = make("certificates", store)
    assert read_block(table, 20) == ["90.0", "100.0", "25.0", "25.0", "100.0"]
    assert not any(line.startswith("certified% —") for line in table.legend)


def test_attacks_on_different_samples_have_no_certificates_of_the_same(store: Store) -> None:
    cell = attack(store, range(10))
    attack(store, range(5, 15), "textfooler")
    certify(store, cell, range(20), n=20)
    assert shown(make("certificates", store), "ranmask") == ["90.0", None, None, "100.0", "100.0"]


def test_certificates_are_not_beside_attacks_on_development_rows(store: Store) -> None:
    dev = attack(store, range(10), split="dev")
    certify(store, dev, range(10), n=10)
    with pytest.raises(NoResultsError, match="no model in the runs folder has certificates of attacked test samples"):
        make("certificates", store)
    attack(store, range(10))
    (block,) = make("certificates", store).blocks
    assert "split" not in block.setting


def test_legend_says_all_test_samples_only_if_clean_accuracy_counts_them(store: Store) -> None:
    certify(store, attack(store, range(10)), range(10), n=10)
    assert make("certificates", store).legend[0].startswith("clean%: correct / all test samples. certified%: ")
    certify(store, attack(store, range(10), clean=(40, 50), clean_limit=50, seed=7), range(10), n=10)
    assert make("certificates", store).legend[0].startswith("clean%: correct / all test samples, or as many as stated.")
