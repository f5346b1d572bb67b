"""``robench status``: what a running or interrupted study has and lacks, without a trace in the folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from robench.results import locks
from robench.results.info import CellInfo
from robench.results.overview import count_rows
from robench.results.request_log import REQUESTS
from robench.results.store import Store
from support.processes import Processes
from support.runs import TEXTS, lines, rewrite, snapshot
from support.tiny_job import TinyJob, robench, write_data

HOUSE = Path(__file__).parents[1] / "goldens" / "house" / "runs"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HOUSE, tmp_path / "runs"))


def read(runs: Path) -> dict[str, Any]:
    """What ``--format json`` says, after a look at the other format and at the folder, which must not change."""
    before, names = snapshot(runs), sorted(runs.rglob("*"))
    assert robench("status", "--runs", runs).exit_code == 0
    done = robench("status", "--runs", runs, "--format", "json")
    assert done.exit_code == 0 and (snapshot(runs), sorted(runs.rglob("*"))) == (before, names)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_status_of_a_finished_folder_counts_stages_by_kind(runs: Path) -> None:
    assert robench("status", "--runs", runs).stdout == (
        f"{runs}: 9 models, 2 adversarial training sets, 8 cells, 3 statistics are finished.\n"
        "no command for this is known; the same `robench run` as before continues it.\n"
    )
    found = read(runs)
    expected = {"models": 9, "adversarial": 2, "cells": 8, "statistics": 3, "transfer": 0, "certificates": 0}
    assert found.pop("finished") == expected
    assert found.pop("runs") == str(runs) and found.pop("aside") == 0
    assert not any(found.values())


def test_status_names_errors_unfinished_stages_leftovers_and_what_does_not_fit(runs: Path) -> None:
    first, second, third, *_ = sorted(runs.glob("cells/*"))
    (first / "stage.json").unlink()
    with (first / "records.jsonl").open("ab") as file:
        file.write(b'{"id": 5')
    (second / "stage.json").write_bytes(b"[")
    rewrite(third / "stage.json", attacked={"n": 30, "errors": 2, "failed": 0, "succeeded": 28, "skipped": 0})
    (runs / "models" / ".0123456789abcdef.lock").touch()
    (runs / "models" / f".x-{'1' * 16}.abc").mkdir()
    (runs / ".aside" / "cells" / "x-1").mkdir(parents=True)
    again = runs / ".redo" / ("2" * 16) / "cells" / third.name
    again.mkdir(parents=True)
    (again / "records.jsonl").write_bytes(b"{}\n")
    found = read(runs)
    unfinished = {one["folder"]: (one["rows"], one["running"]) for one in found["unfinished"]}
    assert unfinished == {str(first): (30, False), str(again): (1, False)}, "one is being made again"
    assert found["errors"] == [{"folder": str(third), "errors": 2, "rows": 30}]
    assert len(found["unreadable"]) == 1 and str(second) in found["unreadable"][0]
    assert found["aside"] == 1 and len(found["leftovers"]) == 2
    shown = robench("status", "--runs", runs).stdout
    assert f"unfinished: cells/{first.name} has 30 rows, the last one " in shown
    assert f"errors: 2 of 30 rows of {third.name}; --retry-errors tries them again" in shown
    assert "left over by killed processes: 2, which the next run deletes" in shown and "set aside: 1 in " in shown


def test_status_names_what_is_being_made_and_its_holder_keeps_the_lock(runs: Path) -> None:
    folder = sorted(runs.glob("cells/*"))[0]
    (folder / "stage.json").unlink()
    key = folder.name.rpartition("-")[2]
    with locks.hold_lock(folder.parent, key), locks.hold_lock(runs / "models", "f" * 16):
        found = read(runs)
        with locks.hold_lock(folder.parent, key) as again:
            assert not again, "it is still held"
    assert found["running"] == [f"models/{'f' * 16}", f"cells/{folder.name}"] and not found["leftovers"]
    assert [one["running"] for one in found["unfinished"]] == [True]
    assert read(runs)["running"] == []


def test_status_of_an_interrupted_run_says_how_far_it_came_and_its_command_goes_on(
    tiny_job: TinyJob, tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job, runs = TinyJob(tiny_job.encoder, write_data(tmp_path / "data", test=TEXTS)), tmp_path / "runs"
    command = job.command(runs, "--attack-limit", str(TEXTS), attack="deepwordbug")
    killed = processes.start(*command, folder=tmp_path)
    killed.signal_when(lambda: lines(runs) > 3, signal.SIGKILL, seconds=240)
    found = read(runs)
    (unfinished,) = found["unfinished"]
    assert unfinished["total"] == TEXTS and 3 < unfinished["rows"] <= TEXTS and not unfinished["running"]
    (request,) = found["requests"]
    assert request["finished"] == 1 and len(request["missing"]) == 1
    words = request["command"].split()
    assert words[:2] == ["robench", "run"] and not any(word.startswith("$") for word in words)
    assert robench(*words[1:]).exit_code == 0
    assert [one["finished"] for one in read(runs)["requests"]] == [2]
    assert "2 of 2 stages are finished; it is complete." in robench("status", "--runs", runs).stdout
    (cell,) = Store(runs).stages(CellInfo)
    before = (runs / REQUESTS).read_bytes()
    assert robench(*command).exit_code == 0 and (runs / REQUESTS).read_bytes() == before, "nothing had to be made"
    assert cell.info.attacked is not None and cell.info.attacked.n == TEXTS


def test_status_of_a_hostile_folder_is_harmless(runs: Path) -> None:
    cell = sorted(runs.glob("cells/*"))[0]
    (cell / "stage.json").unlink()
    (cell / "records.jsonl").unlink()
    os.mkfifo(cell / "records.jsonl")
    (runs / "cells" / f"\x1b[31mred\t-{'a' * 16}").mkdir()
    (runs / "models" / f".{'b' * 16}.lock").symlink_to("/dev/zero")
    (runs / "models" / f".{'c' * 16}.lock").mkdir()
    (runs / "statistics" / f"x-{'d' * 16}").symlink_to("/nowhere")
    shutil.rmtree(runs / "adversarial")
    (runs / "adversarial").write_bytes(b"a file")
    request = {"id": "1", "time": 1e15, "command": "\x1b]0;title\x07", "stages": {"../../etc/x-*": 1, "x" * 5000: 2}}
    (runs / REQUESTS).write_text(json.dumps(request), encoding="utf-8")
    found = read(runs)
    assert len(found["unfinished"]) == 2 and found["running"] == []
    shown = robench("status", "--runs", runs).stdout
    assert "\x1b" not in shown and "\x07" not in shown and "at a time that is not known" in shown


def test_rows_of_a_file_are_its_newlines_and_of_no_file_unknown(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert count_rows(path) is None and count_rows(tmp_path) is None
    path.write_bytes(b"x" * (1 << 20) + b"\n{}\n{")
    assert count_rows(path) == 2


def test_status_of_no_folder_or_format_is_a_sentence(runs: Path, tmp_path: Path) -> None:
    assert "nowhere is no folder" in robench("status", "--runs", tmp_path / "nowhere").stderr
    assert "unknown format 'csv'" in robench("status", "--runs", runs, "--format", "csv").stderr
