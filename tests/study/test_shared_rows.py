"""Rows of an attack that several processes share: none twice, none lost, whoever dies, and nothing left behind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.results import records
from robench.study.shared_rows import PARTS, SHARD_ROWS, SharedRows
from support.row_sharer import KEY, Sharer, good_records, result, share

COUNT = 3 * SHARD_ROWS + 5
"""Rows of the stage: four shards, the last one smaller."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cells" / f"mr-base-pwws-{KEY}"


@pytest.fixture
def other(folder: Path) -> Iterator[Sharer]:
    """Another process that works on the same stage, once it is asked to."""
    process = Sharer(folder, COUNT)
    yield process
    process.kill()


def opened(folder: Path) -> SharedRows:
    rows = share(folder, COUNT)
    rows.open(lambda path: good_records(path, COUNT))
    return rows


def keep(rows: SharedRows, *numbers: int) -> None:
    for number in numbers:
        rows.keep(result(number))


def merge(rows: SharedRows) -> None:
    rows.merge(lambda path: good_records(path, COUNT))


def lines(folder: Path) -> list[int]:
    """The rows of all lines of the records file, in their order."""
    path = folder / "records.jsonl"
    return [records.decode(line, "a line").id for line in path.read_bytes().splitlines()]


def test_one_process_takes_every_row_once_and_leaves_its_records_alone(folder: Path) -> None:
    rows = opened(folder)
    assert (rows.total, rows.finished) == (COUNT, 0)
    shards = []
    while shard := rows.take():
        shards.append(shard)
        keep(rows, *reversed(shard))
    assert [len(shard) for shard in shards] == [16, 16, 16, 5]
    assert sorted(row for shard in shards for row in shard) == list(range(COUNT)) and rows.finished == COUNT
    assert rows.is_complete()
    merge(rows)
    assert sorted(lines(folder)) == list(range(COUNT))
    assert [path.name for path in folder.iterdir()] == ["records.jsonl"]


def test_rows_that_are_given_back_are_taken_again_without_those_that_have_a_record(folder: Path) -> None:
    rows = opened(folder)
    first, second = rows.take(), rows.take()
    keep(rows, *first[:3])
    rows.give_back(first)
    assert rows.take() == first[3:]
    assert rows.take() not in ([], second), "the other shard is still taken"
    rows.close()


def test_two_processes_share_the_shards_and_both_see_the_end(folder: Path, other: Sharer) -> None:
    rows = opened(folder)
    other.ask("open")
    taken = {"here": rows.take(), "there": other.ask("take")}
    taken["here"] += rows.take()
    taken["there"] += other.ask("take")
    assert rows.take() == [] == other.ask("take"), "every row is taken"
    assert sorted(taken["here"] + taken["there"]) == list(range(COUNT))
    keep(rows, *taken["here"])
    assert not rows.is_complete()
    other.keep(taken["there"])
    assert rows.is_complete() and other.ask("is_complete")
    other.ask("merge")
    rows.close()
    assert sorted(lines(folder)) == list(range(COUNT)) and not (folder / PARTS).exists()


def test_first_process_sees_the_end_when_another_one_has_merged_the_records(folder: Path, other: Sharer) -> None:
    rows = opened(folder)
    other.ask("open")
    keep(rows, *rows.take())
    taken = [row for _ in range(3) for row in other.ask("take")]
    other.keep(taken[:-2])
    assert not rows.is_complete() and rows.take() == []
    other.keep(taken[-2:])
    other.ask("merge")
    assert rows.take() == [] and rows.is_complete(), "the records that it had not seen are now in its own file"
    rows.close()
    assert sorted(lines(folder)) == list(range(COUNT)) and not (folder / PARTS).exists()


def test_rows_of_a_killed_process_are_taken_but_for_those_it_recorded(folder: Path, other: Sharer) -> None:
    other.ask("open")
    taken = other.ask("take") + other.ask("take")
    rows = opened(folder)
    other.keep(taken[:20])
    mine = rows.take()
    assert not set(mine) & set(taken)
    other.kill()
    with (folder / "records.jsonl").open("ab") as file:
        file.write(b'{"id": 20, "label": 0, "origin')
    keep(rows, *mine)
    again = []
    while shard := rows.take():
        again += shard
        keep(rows, *shard)
    assert sorted(again + mine + taken[:20]) == list(range(COUNT))
    assert rows.is_complete()
    merge(rows)
    assert sorted(lines(folder)) == list(range(COUNT))
    assert [path.name for path in folder.iterdir()] == ["records.jsonl"]


def test_parts_of_dead_processes_are_adopted_by_whoever_opens_next(folder: Path, other: Sharer) -> None:
    rows = opened(folder)
    other.ask("open")
    keep(rows, *rows.take())
    there = other.ask("take")
    other.keep(there[:7])
    other.kill()
    (part,) = (folder / PARTS).glob("*.jsonl")
    part.write_bytes(part.read_bytes() + b'{"id": 2')
    rows.close()
    assert len(lines(folder)) == 16

    rows = opened(folder)
    assert rows.finished == 16 + 7 and len(lines(folder)) == 16 + 7
    assert not list((folder / PARTS).glob("*.jsonl"))
    rows.close()


def test_a_part_that_cannot_be_read_is_told_as_that(folder: Path) -> None:
    rows = opened(folder)
    part = folder / PARTS / "0123.jsonl"
    part.mkdir()
    told = re.escape(f"{part} cannot be read: ")
    with pytest.raises(RobenchError, match=told):
        rows.is_complete()
    with pytest.raises(RobenchError, match=told):
        merge(rows)
    with pytest.raises(RobenchError, match=told):
        opened(folder)


def test_a_crash_between_merging_and_deleting_the_parts_doubles_no_row(folder: Path, other: Sharer) -> None:
    rows = opened(folder)
    other.ask("open")
    there = other.ask("take")
    other.keep(there)
    other.kill()
    (part,) = (folder / PARTS).glob("*.jsonl")
    while shard := rows.take():
        keep(rows, *shard)
    copy = part.read_bytes()
    merge(rows)
    (folder / PARTS).mkdir()
    part.write_bytes(copy)
    rows = opened(folder)
    assert rows.take() == [] and rows.is_complete()
    merge(rows)
    assert sorted(lines(folder)) == list(range(COUNT))


def test_merging_leaves_out_lines_of_a_part_that_were_changed(folder: Path, other: Sharer) -> None:
    rows = opened(folder)
    other.ask("open")
    there = other.ask("take")
    other.keep(there)
    other.kill()
    (part,) = (folder / PARTS).glob("*.jsonl")
    part.write_bytes(part.read_bytes().replace(b'"queries": 10', b'"queries": 11', 1))
    while shard := rows.take():
        keep(rows, *shard)
    merge(rows)
    assert sorted(lines(folder)) == list(range(COUNT))
    assert b'"queries": 11' not in (folder / "records.jsonl").read_bytes()


def test_a_process_that_ends_leaves_the_parts_of_one_that_goes_on(folder: Path, other: Sharer) -> None:
    other.ask("open")
    rows = opened(folder)
    first = other.ask("take")
    rows.take()
    rows.close()
    assert (folder / PARTS / "writer.lock").exists()
    third = opened(folder)
    assert third.take() == list(range(16, 32)), "the first shard is still the other's"
    assert first == list(range(16))
    third.close()
    other.ask("close")
    assert not folder.exists()


@pytest.mark.parametrize("shards", [0, 1], ids=["at once", "with a shard taken"])
def test_an_attack_that_is_interrupted_before_its_first_record_leaves_nothing(folder: Path, shards: int) -> None:
    rows = opened(folder)
    for _ in range(shards):
        rows.take()
    assert (folder / PARTS).is_dir()
    rows.close()
    assert not folder.exists()


def test_an_attack_that_is_interrupted_later_leaves_its_records_alone(folder: Path) -> None:
    rows = opened(folder)
    keep(rows, *rows.take()[:2])
    rows.close()
    assert [path.name for path in folder.iterdir()] == ["records.jsonl"] and lines(folder) == [0, 1]


def test_records_of_others_are_read_once_however_often_one_looks(
    folder: Path, other: Sharer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    decode = records.decode

    def spy(line: bytes, where: str) -> records.Record:
        judged.append(where)
        return decode(line, where)

    monkeypatch.setattr(records, "decode", spy)
    rows = opened(folder)
    other.ask("open")
    mine = rows.take()
    theirs = other.ask("take")
    for done, row in enumerate(theirs, start=1):
        keep(rows, mine[done - 1])
        other.keep([row])
        assert not rows.is_complete() and rows.finished == 2 * done
    assert len(judged) == len(theirs), "and its own not at all"
    rows.close()


def test_a_line_that_was_not_whole_and_a_file_that_was_written_anew_are_read_again(folder: Path, other: Sharer) -> None:
    rows = opened(folder)
    other.ask("open")
    there = other.ask("take")
    other.keep(there[:3])
    assert not rows.is_complete() and rows.finished == 3
    (part,) = (folder / PARTS).glob("*.jsonl")
    content = part.read_bytes()
    other.keep(there[3:4])
    whole = part.read_bytes()
    part.write_bytes(whole[:-9])
    assert not rows.is_complete() and rows.finished == 3, "the last line is not whole"
    part.write_bytes(content)
    assert not rows.is_complete() and rows.finished == 3
    part.write_bytes(whole)
    assert not rows.is_complete() and rows.finished == 4
    other.keep(there[4:])
    new = part.with_suffix(".new")
    new.write_bytes(part.read_bytes()[len(content) :] + content)
    new.rename(part)
    assert not rows.is_complete() and rows.finished == len(there)
    rows.close()


def test_lines_that_others_add_between_two_of_ones_own_are_read(folder: Path) -> None:
    rows = opened(folder)
    first = rows.take()
    keep(rows, *first[:2])
    with (folder / "records.jsonl").open("ab") as file:
        records.append(file, result(COUNT - 1), KEY)
    keep(rows, *first[2:4])
    assert not rows.is_complete() and rows.finished == 5
    rows.close()


def test_a_link_in_place_of_the_parts_is_refused_and_nothing_is_written_to_where_it_leads(
    folder: Path, tmp_path: Path
) -> None:
    folder.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (folder / PARTS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RobenchError, match=r"\.parts is a symbolic link"):
        opened(folder)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("", "file", id="a file in place of the folder"),
        pytest.param("writer.lock", "folder", id="a folder in place of the first process's lock"),
        pytest.param("writer.lock", "link", id="a link in place of it"),
        pytest.param("shard-0.lock", "folder", id="a folder in place of a shard's lock"),
        pytest.param("shard-0.lock", "link", id="a link in place of it"),
        pytest.param("00000000.jsonl", "folder", id="a folder in place of records"),
        pytest.param("00000000.jsonl", "pipe", id="a pipe in place of records"),
    ],
)
def test_anything_else_in_place_of_a_part_is_a_sentence_that_names_it(
    folder: Path, tmp_path: Path, name: str, kind: str
) -> None:
    place = folder / PARTS / name
    place.parent.mkdir(parents=True)
    target = tmp_path / "target"
    target.write_text("mine")
    if kind == "file":
        place.write_text("no folder")
    elif kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(target)
    with pytest.raises(RobenchError, match=str(folder)):
        opened(folder).take()
    assert target.read_text() == "mine"
