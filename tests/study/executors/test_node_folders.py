"""The private folders of a node: what workers lay out, keep and delete there, in folders of a test."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from robench.study.executors.node_folders import (
    KEPT_STAGES,
    Contents,
    NodeFolders,
    identify_stage,
    read_folder,
    write_folder,
)

NAME = PurePosixPath("models/mr-base-seed1-0123456789abcdef")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folders(cache: Path) -> Iterator[NodeFolders]:
    made = NodeFolders("run")
    yield made
    made.leave()


def stage(text: str) -> Contents:
    return {"stage.json": b"{}", "model.safetensors": text.encode()}


def refuse() -> Contents:
    raise AssertionError("it is here already")


def test_each_worker_has_a_folder_of_its_own_and_the_next_one_takes_that_of_a_dead_one(cache: Path) -> None:
    first, second = NodeFolders("run"), NodeFolders("run")
    assert [one.store.name for one in (first, second)] == ["worker-0", "worker-1"]
    first._lock.release()  # as the system does if its process dies
    third = NodeFolders("run")
    assert third.store == first.store
    third.leave()
    assert second.store.is_dir() and not third.store.exists()
    second.leave()
    assert not list((cache / "nodes").glob("*/")), "the last one deletes all"


def test_a_copy_of_a_stage_is_fetched_again_only_if_it_has_changed(folders: NodeFolders, tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_folder(home, stage("old"))
    folders.keep_stage(NAME, identify_stage(home), lambda: read_folder(home))
    folders.keep_stage(NAME, identify_stage(home), refuse)
    assert read_folder(folders.store / NAME) == stage("old")
    write_folder(home, stage("newer"))
    folders.keep_stage(NAME, identify_stage(home), lambda: read_folder(home))
    assert read_folder(folders.store / NAME) == stage("newer")


def test_copies_that_were_not_used_for_longest_are_dropped_but_none_that_is_needed(folders: NodeFolders) -> None:
    names = [PurePosixPath(f"models/stage-{number:016x}") for number in range(KEPT_STAGES + 3)]
    for age, name in enumerate(names):
        write_folder(folders.store / name, stage("weights"))
        os.utime(folders.store / name, (1000 + age, 1000 + age))
    folders.drop_stages({names[0]})
    left = {PurePosixPath(path.relative_to(folders.store)) for path in folders.store.glob("*/*")}
    assert left == {names[0], *names[-KEPT_STAGES:]}


def test_a_place_keeps_what_an_earlier_try_left_there_but_no_finished_stage(folders: NodeFolders) -> None:
    place = folders.prepare_place(NAME, {})
    write_folder(place, {"checkpoint.safetensors": b"ours"})
    assert folders.prepare_place(NAME, {"checkpoint.safetensors": b"older", "records.jsonl": b"row"}) == place
    assert read_folder(place) == {"checkpoint.safetensors": b"ours", "records.jsonl": b"row"}
    write_folder(place, stage("finished"))
    folders.prepare_place(NAME, {"records.jsonl": b"row"})
    assert read_folder(place) == {"records.jsonl": b"row"}


@pytest.mark.parametrize("parent", ["", ".redo/0123456789abcdef/"])
def test_a_stage_that_was_made_here_is_at_hand_for_jobs_that_need_it(folders: NodeFolders, parent: str) -> None:
    name = PurePosixPath(parent) / NAME
    write_folder(folders.prepare_place(name, {}), stage("made"))
    folders.adopt_stage(name)
    folders.keep_stage(NAME, identify_stage(folders.store / NAME), refuse)
    assert not folders.place(name).exists()


def test_unfinished_work_stays_when_the_last_worker_leaves(cache: Path) -> None:
    folders = NodeFolders("run")
    write_folder(folders.prepare_place(NAME, {}), {"checkpoint.safetensors": b"state"})
    folders.keep_model("digest", lambda: {"config.json": b"{}"})
    folders.leave()
    left = [path.relative_to(cache / "nodes" / "run") for path in cache.glob("nodes/run/**/*") if path.is_file()]
    assert [path for path in left if path.suffix != ".lock"] == [Path("making") / NAME / "checkpoint.safetensors"]
    later = NodeFolders("run")
    assert read_folder(later.prepare_place(NAME, {})) == {"checkpoint.safetensors": b"state"}


def test_models_and_plugins_are_kept_once_by_their_content(folders: NodeFolders) -> None:
    first = folders.keep_model("digest", lambda: {"config.json": b"{}"})
    assert folders.keep_model("digest", refuse) == first and read_folder(first) == {"config.json": b"{}"}
    file, edited = (folders.keep_plugin("/home/user/mine.py", content) for content in (b"1", b"2"))
    assert file.name == edited.name == "mine.py" and (file.read_bytes(), edited.read_bytes()) == (b"1", b"2")
    assert folders.keep_plugin("/home/user/mine.py", b"1") == file


def test_whoever_leaves_deletes_what_killed_workers_had_and_nothing_of_the_living(cache: Path) -> None:
    killed, living, leaving = (NodeFolders("run") for _ in range(3))
    for one in (killed, living):
        write_folder(one.store / NAME, stage("weights"))
    killed._lock.release()  # as the system does if its process dies
    thread = threading.Thread(target=leaving.leave)  # an actor of Ray leaves in another thread than it was made in
    thread.start()
    thread.join()
    assert {path.name for path in (cache / "nodes" / "run").glob("worker-*")} == {"worker-1", "worker-1.lock"}
    assert read_folder(living.store / NAME) == stage("weights")
    living.leave()
    assert not list((cache / "nodes").glob("*/"))
