"""What is written is whole and on the disk before anything says that it is there."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.paths import atomic_write_folder, atomic_write_text, replace_folder
from robench.results import records
from robench.results.integrity import write_stage
from robench.results.locks import delete_drafts
from robench.results.misfits import set_aside, set_aside_but_records, set_file_aside, set_lines_aside
from robench.results.redo import Redo
from robench.results.request_log import REQUESTS
from robench.results.store import Store
from robench.syncing import make_folder, sync
from support.disk_calls import DiskCalls
from support.hand_made import write_records
from support.runs import snapshot
from support.tiny import model_info
from support.tiny_job import TinyJob, robench

KEY = "0123456789abcdef"


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCalls:
    return DiskCalls(tmp_path, monkeypatch)


def test_a_text_is_synced_then_moved_then_its_folder_is_synced(disk: DiskCalls, tmp_path: Path) -> None:
    file = tmp_path / "new" / "deep" / "note.txt"
    atomic_write_text(file, "text")
    made = [call.path for call in disk.calls[:2]]
    assert made == [tmp_path, tmp_path / "new"], "the names of the new folders come first"
    content, move, names = disk.calls[2:]
    assert (content.kind, move.kind, names.kind) == ("sync", "move", "sync")
    assert content.path == move.source and move.path == file and names.path == file.parent


def test_a_folder_is_synced_with_all_in_it_then_moved_then_the_one_around_it(disk: DiskCalls, tmp_path: Path) -> None:
    target = tmp_path / "model"
    with atomic_write_folder(target) as draft:
        (draft / "weights").write_bytes(b"w" * 100)
        (draft / "parts").mkdir()
        (draft / "parts" / "one").write_text("1", encoding="utf-8")
    moved = disk.position("move", target)
    before = {call.path for call in disk.calls[:moved] if call.kind == "sync"}
    assert before == {draft, draft / "weights", draft / "parts", draft / "parts" / "one"}
    assert disk.calls[moved + 1 :] == [("sync", tmp_path, None)]
    assert disk.lost_content(target) == []


def test_a_folder_that_replaces_another_is_in_its_place_on_the_disk_before_the_other_goes(
    disk: DiskCalls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "model", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "which").write_text(folder.name, encoding="utf-8")
    deleted: list[int] = []
    monkeypatch.setattr("robench.paths.shutil.rmtree", lambda *_, **__: deleted.append(len(disk.calls)))
    replace_folder(new, old)
    assert (old / "which").read_text(encoding="utf-8") == "new"
    assert deleted == [disk.position("sync", tmp_path, after=disk.position("move", old)) + 1]


def test_make_folder_syncs_the_parent_of_each_new_folder_alone(disk: DiskCalls, tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert [call.path for call in disk.calls] == [tmp_path, tmp_path / "a"]


@pytest.mark.parametrize(("code", "passes"), [(errno.EINVAL, True), (errno.EIO, False), (errno.ENOSPC, False)])
def test_sync_of_a_folder_passes_only_where_the_file_system_has_none(
    code: int, passes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    if passes:
        sync(tmp_path)
    else:
        with pytest.raises(OSError):
            sync(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        sync(tmp_path / "file")


def test_a_disk_that_fails_while_syncing_is_a_sentence_and_leaves_no_artefact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with (
        pytest.raises(RobenchError, match=r"cannot write .*model: no space left"),
        atomic_write_folder(tmp_path / "model") as draft,
    ):
        (draft / "weights").touch()
    with pytest.raises(RobenchError, match=r"cannot write .*note: no space left"):
        atomic_write_text(tmp_path / "note", "text")
    assert list(tmp_path.iterdir()) == []


def test_write_stage_syncs_what_it_marks_before_it_marks_it(disk: DiskCalls, tmp_path: Path) -> None:
    folder = tmp_path / "models" / f"mr-base-{KEY}"
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "clean.jsonl", "training.jsonl"):
        (folder / name).write_bytes(b"{}\n")
    write_stage(folder, model_info())
    marked = disk.position("move", folder / "stage.json")
    before = {call.path for call in disk.calls[:marked] if call.kind == "sync"}
    names = {"model.safetensors", "clean.jsonl", "training.jsonl"}
    assert before >= {*(folder / name for name in names), folder, folder.parent}
    disk.position("sync", folder, after=marked)
    assert disk.lost_content(folder) == []


def test_every_stage_of_a_run_is_on_the_disk_before_it_counts_as_finished(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    disk = DiskCalls(tmp_path, monkeypatch)
    done = robench(*tiny_job.command(runs, defense="base,ada"))
    assert done.exit_code == 0, done.output
    stages = [path.parent for path in runs.glob("*/*/stage.json")]
    assert {folder.parent.name for folder in stages} == {"models", "adversarial", "cells"}
    for folder in stages:
        is_draft = folder.parent.name == "models"
        marked = disk.position("move", folder if is_draft else folder / "stage.json")
        synced = [call.path for call in disk.calls[:marked] if call.kind == "sync"]
        names = {path.name for path in folder.iterdir() if is_draft or path.name != "stage.json"}
        source = disk.calls[marked].source
        assert source is not None
        place = source if is_draft else folder
        assert set(synced) >= {place, *(place / name for name in names)}
        disk.position("sync", folder.parent if is_draft else folder, after=marked)
    assert [path.name for path in disk.lost_content(runs)] == [REQUESTS], "the log of commands may get lost"
    assert {runs, runs.parent} <= {call.path for call in disk.calls}, "the folders around them are new, too"


def test_lines_and_folders_set_aside_are_on_the_disk(disk: DiskCalls, tmp_path: Path) -> None:
    folder = tmp_path / "cells" / f"mr-base-pwws-{KEY}"
    folder.mkdir(parents=True)
    (folder / "records.jsonl").touch()
    lines = set_lines_aside(folder / "records.jsonl", [b"one"])
    assert lines.read_bytes() == b"one\n" and disk.lost_content(tmp_path / ".aside") == []
    disk.position("sync", lines.parent, after=disk.position("move", lines))
    place = set_aside(folder)
    disk.position("sync", place.parent, after=disk.position("move", place))


def test_what_is_set_aside_of_a_stage_that_is_made_again_leaves_the_folder_of_these(tmp_path: Path) -> None:
    file = tmp_path / ".redo" / "abcd" / "models" / f"mr-base-{KEY}" / "checkpoint.safetensors"
    atomic_write_text(file, "broken")
    assert set_file_aside(file) == tmp_path / ".aside" / "models" / f"mr-base-{KEY}-1" / file.name


def test_redo_notes_a_stage_as_done_after_it_is_in_its_place_on_the_disk(disk: DiskCalls, tmp_path: Path) -> None:
    redo, folder = Redo(Store(tmp_path)), tmp_path / "cells" / f"mr-base-pwws-{KEY}"
    redo.begin([KEY])
    place = redo.place(folder, {})
    place.mkdir(parents=True)
    redo.install(place, folder)
    installed = disk.position("sync", folder.parent, after=disk.position("move", folder))
    (notes,) = (tmp_path / ".redo").glob("*.keys")
    assert disk.position("sync", notes) > installed
    disk.position("sync", notes.parent, after=disk.position("sync", notes))


REPLACING = """
import os, pathlib, shutil, signal, sys
import robench.paths as paths
target, place = pathlib.Path(sys.argv[1]), sys.argv[2]
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
replace, moved = pathlib.Path.replace, []
def move(path, to):
    moved.append(path)
    return kill() if place == f"move {len(moved)}" else replace(path, to)
pathlib.Path.replace = move
if place == "deletion":
    paths.shutil.rmtree = kill
with paths.atomic_write_folder(target) as draft:
    (draft / "which").write_text("new", encoding="utf-8")
"""


@pytest.mark.parametrize(("place", "which"), [("move 1", "old"), ("move 2", "old"), ("deletion", "new")])
def test_a_result_whose_replacement_was_killed_is_there_again(place: str, which: str, tmp_path: Path) -> None:
    target = tmp_path / f"mr-base-{KEY}"
    target.mkdir()
    (target / "which").write_text("old", encoding="utf-8")
    killed = subprocess.run([sys.executable, "-c", REPLACING, str(target), place], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) > 1, "it leaves something to clear up"
    delete_drafts(tmp_path, KEY)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert (target / "which").read_text(encoding="utf-8") == which


def test_a_run_after_such_a_kill_finds_the_old_result(finished: Path, tiny_job: TinyJob, tmp_path: Path) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    before = snapshot(runs)
    (cell,) = runs.glob("cells/*-base-pwws-*")
    hidden = cell.with_name(f".{cell.name}.abcd1234")
    hidden.mkdir()
    cell.rename(hidden / cell.name)
    again = robench(*tiny_job.command(runs))
    assert again.exit_code == 0 and " attacking: " not in again.stderr
    assert snapshot(runs) == before


SETTING_ASIDE = """
import os, pathlib, signal, sys
import robench.paths as paths
from robench.results.misfits import set_aside_but_records
folder, place = pathlib.Path(sys.argv[1]), sys.argv[2]
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
rename = pathlib.Path.rename
def move(path, to):
    if place == "after the move":
        rename(path, to)
    kill()
if place == "while the folder is put back":
    pathlib.Path.replace = kill
else:
    pathlib.Path.rename = move
set_aside_but_records(folder, folder)
"""


@pytest.mark.parametrize("place", ["before the move", "after the move", "while the folder is put back"])
def test_records_of_a_stage_that_is_set_aside_by_a_process_that_is_killed_are_there_for_the_next_run(
    place: str, tmp_path: Path
) -> None:
    folder = tmp_path / "cells" / f"mr-base-pwws-{KEY}"
    made = write_records(folder, failed=2, n=5)
    (folder / "stage.json").write_text("broken", encoding="utf-8")
    killed = subprocess.run([sys.executable, "-c", SETTING_ASIDE, str(folder), place], check=False)
    assert killed.returncode == -signal.SIGKILL
    with Store(tmp_path).lock(folder):
        assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]
        assert records.read(folder / "records.jsonl") == made
        is_moved = (tmp_path / ".aside" / "cells" / f"{folder.name}-1" / "stage.json").exists()
        assert is_moved == (place != "before the move") and is_moved != (folder / "stage.json").exists()


def test_records_of_two_folders_of_one_stage_that_are_set_aside_are_in_the_one_that_a_run_uses(tmp_path: Path) -> None:
    one, two = (tmp_path / "cells" / f"{label}-{KEY}" for label in ("one", "two"))
    write_records(one, failed=1, n=3)
    made = write_records(two, failed=1, n=4)
    assert set_aside_but_records(two, one) == (tmp_path / ".aside" / "cells" / f"two-{KEY}-1", True)
    assert set_aside_but_records(one, one) == (tmp_path / ".aside" / "cells" / f"one-{KEY}-1", True)
    assert records.read(one / "records.jsonl") == made and not two.exists()


def test_records_are_flushed_one_by_one_and_synced_before_they_are_counted(disk: DiskCalls, tmp_path: Path) -> None:
    folder = tmp_path / "cells" / f"mr-base-pwws-{KEY}"
    write_records(folder, failed=3, n=8)
    assert disk.calls == [] and disk.lost_content(folder) == [folder / "records.jsonl"]
    write_stage(folder, model_info())
    assert disk.lost_content(folder) == []
