"""The log of commands: what is read back, and that nothing in its place can stop a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robench.results import request_log
from robench.results.request_log import KEPT, LIMIT, REQUESTS, RequestLog, read_requests

STAGES = {"cells/mr-base-pwws-seed1-0123456789abcdef": 16}


def test_a_request_is_read_as_it_was_written_and_the_last_of_one_command_counts(tmp_path: Path) -> None:
    RequestLog(tmp_path, "robench run one").add(3, STAGES)
    RequestLog(tmp_path, "robench run two", again=True).add(0, {})
    RequestLog(tmp_path, "robench run one").add(4, {})
    two, one = read_requests(tmp_path)
    assert (two.command, two.again, two.done, two.stages) == ("robench run two", True, 0, {})
    assert (one.command, one.again, one.done, one.stages) == ("robench run one", False, 4, {})
    assert one.directory == str(Path.cwd()) and one.time >= two.time


def test_lines_of_one_run_are_added_up(tmp_path: Path) -> None:
    log = RequestLog(tmp_path, "robench run")
    log.add(1, STAGES)
    log.add(2, {"models/mr-base-seed1-fedcba9876543210": 30})
    (request,) = read_requests(tmp_path)
    assert request.done == 3 and len(request.stages) == 2


BROKEN = b'{"id": "x", "time": -1}\n[]\n\xff\n{"id": "y", "time": 1, "stages": {"a": "b"}}\n{"id'


def test_broken_lines_are_left_out_and_a_torn_one_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / REQUESTS).write_bytes(BROKEN)
    assert read_requests(tmp_path) == []
    RequestLog(tmp_path, "robench run").add(0, STAGES)
    assert [one.command for one in read_requests(tmp_path)] == ["robench run"]


def make_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(request_log.LARGEST + 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(),
        lambda path: os.mkfifo(path),
        lambda path: path.symlink_to(path.with_name("elsewhere")),
        make_large,
    ],
    ids=["folder", "pipe", "link", "too large"],
)
def test_whatever_stands_in_its_place_is_harmless(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    make(tmp_path / REQUESTS)
    assert read_requests(tmp_path) == []
    RequestLog(tmp_path, "robench run").add(0, STAGES)
    assert not (tmp_path / "elsewhere").exists()


def test_file_is_shortened_to_the_last_commands(tmp_path: Path) -> None:
    stages = {f"cells/{'x' * 60}-{i:016x}": 100 for i in range(1000)}
    for number in range(60):
        RequestLog(tmp_path, f"robench run {number}").add(0, stages)
    found = read_requests(tmp_path)
    assert (tmp_path / REQUESTS).stat().st_size <= LIMIT + 200_000
    assert found[-1].command == "robench run 59" and 1 < len(found) <= KEPT + 20
    assert {path.name for path in tmp_path.iterdir()} == {REQUESTS}, "no lock and no draft stays"
    assert json.loads((tmp_path / REQUESTS).read_bytes().split(b"\n")[1])["stages"] == stages
