"""The copy of a cell's records that tables read: the same numbers, and never those of other records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.results import records
from robench.results.columns import COLUMNS_FILE, LETTERS, RecordColumns, make_columns, read_copy
from robench.results.info import CellInfo
from robench.results.integrity import RECORDS_FILE, find_faults, read_columns
from robench.results.store import Store, StoredStage
from support.hand_made import add_cell, record
from support.runs import snapshot

ROWS = [
    record(4, "failed", label=1, queries=7, words=3),
    record(7, "succeeded", label=1, probabilities_before=[0.1, 0.9], probabilities_after=[0.75, 0.25], words_changed=2),
    record(9, "skipped", label=0),
    record(12, "error", label=0, probabilities_before=[], probabilities_after=[], seconds=0.25),
]


@pytest.fixture
def cell(store: Store) -> StoredStage[CellInfo]:
    return add_cell(store, "base", "pwws", 0, n=4, records=ROWS)


def test_columns_have_the_numbers_of_the_records() -> None:
    columns = make_columns(ROWS)
    assert (columns.id, columns.label, columns.status) == ([4, 7, 9, 12], [1, 1, 0, 0], "fske")
    assert (columns.predicted, columns.final_predicted) == ([1, 1, 1, None], [1, 0, 1, None])
    assert (columns.probability, columns.final_probability) == ([0.75, 0.9, 0.25, None], [0.75, 0.25, 0.25, None])
    assert (columns.queries, columns.words_changed, columns.words) == ([7, 10, 10, 10], [0, 2, 0, 0], [3, 4, 4, 4])
    assert (columns.seconds, len(columns)) == ([0.5, 0.5, 0.5, 0.25], 4)
    assert len(set(LETTERS.values())) == len(LETTERS)


def test_a_finished_cell_has_a_copy_that_is_no_part_of_what_it_stores(cell: StoredStage[CellInfo]) -> None:
    assert COLUMNS_FILE not in cell.info.files
    copy = read_copy(cell.folder, cell.info.files[RECORDS_FILE].sha256)
    assert copy == make_columns(records.read(cell.folder / RECORDS_FILE)) == make_columns(ROWS)
    (cell.folder / COLUMNS_FILE).unlink()
    assert find_faults(cell.folder, cell.info, names=None) == []


def flip_status(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"fske", b"ffff"))


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def remove(path: Path) -> None:
    path.unlink()


def fill_with_nonsense(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def put_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [flip_status, tear, remove, fill_with_nonsense, put_a_folder])
def test_a_copy_that_is_damaged_or_missing_is_ignored_and_the_records_are_read(
    cell: StoredStage[CellInfo], damage: Callable[[Path], None]
) -> None:
    damage(cell.folder / COLUMNS_FILE)
    assert read_copy(cell.folder, cell.info.files[RECORDS_FILE].sha256) is None
    assert read_columns(cell.folder) == make_columns(ROWS)


def test_a_copy_of_other_records_is_ignored(store: Store, cell: StoredStage[CellInfo]) -> None:
    other = add_cell(store, "base", "pwws", 4, n=4, seed=7)
    (other.folder / COLUMNS_FILE).replace(cell.folder / COLUMNS_FILE)
    assert read_columns(cell.folder) == make_columns(ROWS)


def test_columns_of_a_folder_without_records_are_an_error_that_names_them(tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match="cannot read the records"):
        read_columns(tmp_path)


def test_reading_writes_nothing(store: Store, cell: StoredStage[CellInfo]) -> None:
    (cell.folder / COLUMNS_FILE).unlink()
    before = snapshot(store.root)
    assert isinstance(read_columns(cell.folder), RecordColumns)
    assert snapshot(store.root) == before
