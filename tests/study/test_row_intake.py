"""How many rows of an attack a job takes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from robench.results.records import Record
from robench.study.row_intake import RowIntake
from robench.study.shared_rows import SHARD_ROWS
from support.row_sharer import KEY, good_records, result, share

COUNT = 6 * SHARD_ROWS + 4


class Intakes:
    """Jobs that share the rows of an attack.

    Args:
        folder: the folder of the attack.
    """

    def __init__(self, folder: Path) -> None:
        self.rows, self.jobs, self.is_over = share(folder, COUNT), 2, False
        self.rows.open(lambda path: good_records(path, COUNT))
        self.counted: list[Record] = []

    def begin(self) -> RowIntake:
        return RowIntake(self.rows, self.rows.take(), lambda: self.jobs, lambda: self.is_over, self.counted.append)


@pytest.fixture
def intakes(tmp_path: Path) -> Iterator[Intakes]:
    """Two jobs that share the rows of an attack."""
    intakes = Intakes(tmp_path / "cells" / f"mr-base-pwws-{KEY}")
    yield intakes
    intakes.rows.close()


def take_all(intake: RowIntake) -> list[int]:
    """Take rows until there are none now."""
    found: list[int] = []
    while rows := intake.take():
        found += rows
    return found


def test_job_with_room_takes_its_share_and_leaves_the_others_to_a_job_that_comes_later(intakes: Intakes) -> None:
    first = intakes.begin()
    held = take_all(first)
    assert len(held) == 3 * SHARD_ROWS and first.take() is None, "half of 100, to the nearest shard"
    second = intakes.begin()
    assert len(take_all(second)) == 3 * SHARD_ROWS


def test_job_takes_more_once_it_has_given_records_and_others_have_not_begun(intakes: Intakes) -> None:
    only = intakes.begin()
    while held := take_all(only):
        for row in held:
            only.keep(result(row))
    assert only.take() == [] and len(intakes.counted) == COUNT, "no row is left over"


def test_job_that_is_alone_takes_all_rows(intakes: Intakes) -> None:
    intakes.jobs = 1
    intake = intakes.begin()
    assert take_all(intake) == list(range(COUNT)) and intake.take() == []


def test_job_whose_slot_others_wait_for_ends_after_the_rows_at_hand(intakes: Intakes) -> None:
    intake = intakes.begin()
    intakes.is_over = True
    assert intake.take() == list(range(SHARD_ROWS)) and intake.take() == []


def test_rows_without_a_record_are_given_back(intakes: Intakes) -> None:
    dead = intakes.begin()
    for row in list(dead.take() or [])[:3]:
        dead.keep(result(row))
    dead.take()
    dead.give_back()
    assert take_all(intakes.begin())[: 2 * SHARD_ROWS - 3] == list(range(3, 2 * SHARD_ROWS))
