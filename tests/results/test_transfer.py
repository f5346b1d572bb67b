"""Transfer of adversarial texts: which rows count, and how."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from robench.report.submit import write_entry
from robench.report.tables import Table, make
from robench.results.entry_store import open_results
from robench.results.info import CellInfo
from robench.results.outcome import summarise
from robench.results.records import Record, Status
from robench.results.still_store import StillStore
from robench.results.store import Store
from robench.results.transfer import list_texts, transfer_record
from support.hand_made import add_cell, add_transfer, record
from support.many_entries import make_entry

RIGHT, WRONG = [0.2, 0.8], [0.7, 0.3]


def made(status: Status, id: int = 0) -> Record:
    """A record of the attack on the other model; the gold label is 1."""
    changed = status in ("succeeded", "failed")
    return Record(
        id=id,
        label=1,
        original=f"clean {id}",
        final=f"changed {id}" if changed else f"clean {id}",
        status=status,
        probabilities_before=[] if status == "error" else RIGHT,
        probabilities_after=[] if status == "error" else RIGHT,
        queries=30,
        words_changed=2 if changed else 0,
        words=9,
        seconds=1.5,
        reason="it broke" if status == "error" else "",
        failed_text="clean 0" if status == "error" else "",
    )


@pytest.mark.parametrize(
    ("status", "clean", "adversarial", "expected"),
    [
        ("succeeded", RIGHT, WRONG, "succeeded"),
        ("succeeded", RIGHT, RIGHT, "failed"),
        ("succeeded", WRONG, WRONG, "skipped"),
        ("succeeded", WRONG, RIGHT, "skipped"),
        ("failed", RIGHT, WRONG, "failed"),  # what the search tried in vain is no adversarial text
        ("failed", WRONG, WRONG, "skipped"),
        ("skipped", RIGHT, WRONG, "skipped"),
        ("error", RIGHT, WRONG, "error"),
    ],
)
def test_transfer_record_of_each_case_has_its_status(
    status: Status, clean: list[float], adversarial: list[float], expected: Status
) -> None:
    source = made(status)
    found = transfer_record(source, {"clean 0": clean, "changed 0": adversarial})
    assert found.status == expected
    moved = status == "succeeded" and expected in ("succeeded", "failed")
    assert found.final == ("changed 0" if moved else "clean 0")
    assert (found.words_changed, found.words) == (2 if moved else 0, 9)
    assert found.probabilities_before == ([] if status == "error" else clean)
    assert found.probabilities_after == (adversarial if moved else found.probabilities_before)
    assert (found.reason, found.failed_text) == (source.reason, source.failed_text)


def test_list_texts_has_what_is_scored_once() -> None:
    rows = [made("succeeded", 1), made("failed", 2), made("error", 3), made("skipped", 4), made("succeeded", 1)]
    assert list_texts(rows) == ["clean 1", "changed 1", "clean 2", "clean 4"]


def test_share_fooled_is_of_the_texts_that_both_models_have_right() -> None:
    scores = {f"clean {i}": WRONG if i == 5 else RIGHT for i in range(8)}
    scores |= {f"changed {i}": WRONG if i in (0, 5) else RIGHT for i in range(8)}
    statuses: list[Status] = ["succeeded", "succeeded", "failed", "skipped", "error", "succeeded", "failed", "failed"]
    outcome = summarise([transfer_record(made(status, i), scores) for i, status in enumerate(statuses)])
    assert (outcome.succeeded, outcome.failed, outcome.skipped, outcome.errors) == (1, 4, 2, 1)
    assert outcome.success_rate == Fraction(1, 5)  # rows 0, 1, 2, 6 and 7 are right in both; row 0 fools
    assert summarise([transfer_record(made("skipped"), scores)]).success_rate is None


def seeds_of(table: Table) -> list[tuple[int, ...]]:
    return [tuple(row.seeds) for block in table.blocks for row in block.rows]


def test_cell_whose_texts_are_transferred_is_no_second_seed(store: Store) -> None:
    own, source = (add_cell(store, "base", "pwws", 3, n=6, seed=seed) for seed in (42, 43))
    still = StillStore(store.root)
    assert seeds_of(make("5", store)) == seeds_of(make("5", still)) == [(42, 43)]
    add_transfer(store, own, [record(0, "failed")], texts=source.key)
    assert seeds_of(make("5", store)) == [(42,)]
    assert seeds_of(make("5", still)) == [(42, 43)], "all tables of a page are of one moment"


def test_table_of_entries_does_not_depend_on_the_working_directory(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (42, 43):
        write_entry(make_entry("base", seed=seed, attacks=("pwws",), texts=20), tmp_path / "entries")
    entries = open_results(tmp_path / "entries")
    cells = {cell.info.seed: cell for cell in entries.stages(CellInfo)}
    add_transfer(store, cells[42], [record(0, "failed")], texts=cells[43].key)
    elsewhere = make("5", entries)
    monkeypatch.chdir(store.root)
    assert seeds_of(make("5", entries)) == seeds_of(elsewhere) == [(42, 43)]
