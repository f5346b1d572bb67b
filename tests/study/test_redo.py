"""Results that are made again with ``--existing always``: the old ones stay until the new ones are whole."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.paths import atomic_write_folder
from robench.results import records
from robench.results.info import CellInfo
from robench.results.redo import Redo
from robench.results.store import Store
from support.runs import everything, snapshot
from support.tiny_job import TinyJob, robench

ALWAYS = ("--existing", "always")


def interrupt_after(monkeypatch: pytest.MonkeyPatch, count: int, error: BaseException) -> None:
    """Let the writing of a record fail from the ``count``-th on."""
    left, append = [count], records.append

    def stop(*arguments: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise error
        return append(*arguments)

    monkeypatch.setattr(records, "append", stop)


def test_always_that_is_interrupted_keeps_the_old_results_and_goes_on(
    finished: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    before, old = snapshot(runs), everything(finished)
    command = tiny_job.command(runs, *ALWAYS, attack="pwws,deepwordbug")  # 3 stages, the cells have 16 records
    with monkeypatch.context() as patch:
        interrupt_after(patch, 16 + 5, KeyboardInterrupt())
        stopped = robench(*command)
    assert stopped.exit_code == 130 and "the same command continues from there" in stopped.stderr
    assert everything(runs) == old
    now = snapshot(runs)
    changed = {name for name in before if before[name] != now.get(name)}
    assert not any("-deepwordbug-" in name for name in changed) and any("-base-pwws-" in name for name in changed)
    (partial,) = runs.glob(".redo/*/cells/*/records.jsonl")
    assert len(partial.read_bytes().splitlines()) == 5
    assert robench("table", "5", "--runs", runs).exit_code == 0 and robench("verify", "--runs", runs).exit_code == 0
    assert "1 stage to do" in robench(*command, "--dry-run").stdout

    again = robench(*command)
    assert again.exit_code == 0 and "[1/1] attack base" in again.stderr
    (cell,) = (stage for stage in Store(runs).stages(CellInfo) if "-base-deepwordbug-" in stage.folder.name)
    assert cell.info.timing is not None and cell.info.timing.examples == 16
    assert everything(runs) == old and not (runs / ".redo").exists()
    assert "3 stages to do" in robench(*command, "--dry-run").stdout, "once it is whole, it begins anew"


def test_always_whose_model_fails_keeps_the_old_results(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kind.py").write_text("def scores(texts):\n    return [[len(t) % 7, 1.0] for t in texts]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "kind", raising=False)
    options = ["--task", "mr", "--data", tiny_job.data, "--preset", "quick", "--offline", "--runs", tmp_path / "runs"]
    command = ["attack", "--model", "kind:scores", *options, "--attack", "pwws", "--label-order", "1,0"]
    assert robench(*command).exit_code == 0
    before = snapshot(tmp_path / "runs")
    from robench.victims import function_scorer

    def fail(*arguments: object) -> None:
        raise ValueError("the service is down")

    with monkeypatch.context() as patch:
        patch.setattr(function_scorer, "check_scores", fail)
        failed = robench(*command, *ALWAYS)
    assert failed.exit_code == 2 and "the service is down" in failed.stderr
    assert snapshot(tmp_path / "runs") == before and not (tmp_path / "runs" / ".redo").exists()


def test_always_takes_over_the_answers_of_its_own_model_alone(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sort.py").write_text("def scores(texts):\n    return [[len(t) % 7, 1.0] for t in texts]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "sort", raising=False)
    answers = tmp_path / "runs" / "answers"
    answers.mkdir(parents=True)
    (answers / "another.again.sqlite").write_bytes(b"of a run that has not ended")
    options = ["--task", "mr", "--data", tiny_job.data, "--preset", "quick", "--offline", "--runs", tmp_path / "runs"]
    command = ["attack", "--model", "sort:scores", *options, "--attack", "deepwordbug", "--attack-limit", "1", *ALWAYS]
    assert robench(*command).exit_code == 0
    names = {path.name for path in answers.iterdir()}
    assert len(names) == 2 and {name for name in names if ".again" in name} == {"another.again.sqlite"}


def test_redo_from_other_parents_does_not_go_on_with_unfinished_work(tmp_path: Path) -> None:
    store = Store(tmp_path)
    redo, folder = Redo(store), tmp_path / "cells" / "mr-base-pwws-seed42-0123456789abcdef"
    redo.begin(["0123456789abcdef"])
    place = redo.place(folder, {"a": "1"})
    place.mkdir(parents=True)
    assert redo.place(folder, {"a": "1"}) == place and place.exists()
    other = redo.place(folder, {"a": "2"})
    assert other != place and not place.exists()
    other.mkdir(parents=True)
    folder.mkdir(parents=True)
    redo.install(other, folder)
    again = Redo(store)
    again.begin(["0123456789abcdef"])
    assert again.is_done("0123456789abcdef")
    elsewhere = Redo(store)
    elsewhere.begin(["0123456789abcdef", "0" * 16])
    assert not elsewhere.is_done("0123456789abcdef"), "another command makes its own results again"
    again.forget()
    assert not again.is_done("0123456789abcdef")


@pytest.mark.parametrize("part", [".redo", ".redo/{hash}", ".redo/{hash}/cells"])
def test_redo_behind_a_link_is_refused(part: str, tmp_path: Path) -> None:
    from robench import RobenchError

    runs, outside = tmp_path / "runs", tmp_path / "outside"
    outside.mkdir()
    redo = Redo(Store(runs))
    redo.begin([])
    folder = runs / "cells" / "mr-base-0123456789abcdef"
    place = redo.place(folder, {})
    link = runs / part.format(hash=place.parent.parent.name)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(RobenchError, match="is a symbolic link"):
        redo.place(folder, {})


@pytest.mark.parametrize("moment", ["before the second move", "after the first move"])
def test_atomic_write_folder_that_is_interrupted_between_its_moves_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    replace, calls = Path.replace, []

    def interrupt_once(path: Path, to: Path) -> Path:
        calls.append(path)
        if len(calls) == 2 and moment == "before the second move":
            raise KeyboardInterrupt
        moved = replace(path, to)
        if len(calls) == 1 and moment == "after the first move":
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "replace", interrupt_once)
    with pytest.raises(KeyboardInterrupt), atomic_write_folder(target) as draft:
        (draft / "new").touch()
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_note_of_what_is_done_that_cannot_be_read_is_told_as_that(tmp_path: Path) -> None:
    redo = Redo(Store(tmp_path / "runs"))
    redo.begin(["0123456789abcdef"])
    (note,) = redo._requests
    note.parent.mkdir(parents=True)
    with note.open("wb") as file:
        file.truncate(2**42)  # more than is read, and nothing on the disk
    with pytest.raises(RobenchError, match=re.escape(f"{note} cannot be read: ")):
        redo.refresh()
