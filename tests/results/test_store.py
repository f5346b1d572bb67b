"""The runs folder: what counts as finished, what is found, what is refused, what is left alone."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import get_args

import pytest

from robench.errors import RobenchError
from robench.paths import atomic_write_folder, atomic_write_text
from robench.results import entries
from robench.results.find_stage import find_stage
from robench.results.info import CellInfo, ModelInfo, StageKind
from robench.results.stage_file import encode
from robench.results.still_store import StillStore
from robench.results.store import Store, make_key
from support.bare_stages import KEYS, bare_info, put_bare
from support.hand_made import add_cell, write_records
from support.many_entries import make_entry


def test_a_stage_counts_as_finished_once_its_stage_file_is_there(store: Store) -> None:
    folder = store.folder("cells", "trec-base-pwws-seed1", KEYS[0])
    folder.mkdir(parents=True)
    write_records(folder, failed=1, n=2)
    assert store.read(folder) is None and store.stages(CellInfo) == []
    made = store.finish(folder, bare_info(KEYS[0], label="é\u2028"))
    assert store.read(folder) == made and store.stages(CellInfo) == [made] and made.key == KEYS[0]


def test_a_folder_is_found_by_its_key_whatever_its_label(store: Store) -> None:
    made = put_bare(store, "an-old-label", KEYS[0])
    assert store.folder("cells", "a-new-label", KEYS[0]) == made.folder
    assert store.folder("cells", "a-new-label", KEYS[1]).name == f"a-new-label-{KEYS[1]}"


def test_a_runs_folder_is_made_when_something_is_stored_and_not_before(store: Store) -> None:
    store.check_writable()
    assert store.stages(ModelInfo) == [] and store.read(store.folder("cells", "a", KEYS[0])) is None
    assert not store.root.exists()


def test_a_folder_of_entries_is_no_place_for_results(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}", encoding="utf-8")
    Store(tmp_path).check_writable()
    (tmp_path / "trec-base.json").write_bytes(entries.encode(make_entry("base", texts=3)))
    with pytest.raises(RobenchError, match="holds entries, no runs; name another folder"):
        Store(tmp_path).check_writable()
    (tmp_path / "cells").mkdir()
    Store(tmp_path).check_writable()


@pytest.mark.parametrize(
    "strange",
    ["notes.txt", ".DS_Store", "old copies/", f"trec-base-{KEYS[0]} (copy)/", f"trec-base-{KEYS[0]}.bak/", "caf\udce9"],
)
def test_what_is_not_named_like_a_stage_is_left_alone(store: Store, strange: str) -> None:
    made = put_bare(store, "trec-base", KEYS[0])
    path = store.root / "cells" / strange
    if strange.endswith("/"):
        path.mkdir()
        (path / "stage.json").write_text("[]", encoding="utf-8")
    else:
        path.write_text("by hand", encoding="utf-8")
    assert store.stages(CellInfo) == [made] and find_stage(store, "trec") == made
    assert path.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "cannot be read"),
        (b'{"key": ', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[1, 2]", "does not describe a stage"),
        (b"{}", "does not describe a stage"),
        (encode(bare_info(KEYS[1])).encode(), "its folder another"),
    ],
    ids=["empty", "torn", "not text", "a list", "nothing in it", "of another folder"],
)
def test_a_broken_stage_file_is_named(store: Store, content: bytes, told: str) -> None:
    made = put_bare(store, "trec-base", KEYS[0])
    (made.folder / "stage.json").write_bytes(content)
    for ask in (lambda: store.read(made.folder), lambda: find_stage(store, "trec")):
        with pytest.raises(RobenchError, match=told) as caught:
            ask()
        assert str(made.folder / "stage.json") in str(caught.value)
    other = put_bare(store, "trec-ada", KEYS[2])
    sentences: list[str] = []
    tolerant = Store(store.root, sentences.append)
    assert tolerant.stages(CellInfo) == tolerant.stages(CellInfo) == [other], "one broken stage never stops the others"
    (sentence,) = sentences
    assert told in sentence and str(made.folder / "stage.json") in sentence


def test_a_stage_that_is_removed_is_gone_and_may_be_removed_again(store: Store) -> None:
    made = put_bare(store, "trec-base", KEYS[0])
    store.remove(made.folder)
    store.remove(made.folder)
    assert store.stages(CellInfo) == [] and not made.folder.exists()


@pytest.mark.parametrize("label", ["trec-base", "trec-other"])
def test_a_lock_of_one_key_keeps_others_out_and_sweeps_up_drafts(store: Store, label: str) -> None:
    folder = store.folder("models", "trec-base", KEYS[0])
    other = store.folder("models", label, KEYS[0])
    with store.lock(folder) as first:
        draft = folder.parent / f".{folder.name}.x1y2"
        draft.mkdir()
        with Store(store.root).lock(other) as second:
            assert first and not second and draft.exists()
    with Store(store.root).lock(other) as second:
        assert second and not draft.exists()


def test_stage_made_from_a_folder_named_in_latin_1_is_stored_and_read(store: Store) -> None:
    source = "local:/data/donn\udce9es"
    put_bare(store, "trec-base-pwws-seed1", KEYS[0], data={"digest": "d", "source": source}, identity={})
    (read,) = store.stages(CellInfo)
    assert read.info.data.source == source
    assert rb"donn\udce9es" in (read.folder / "stage.json").read_bytes()


def test_make_key_of_a_surrogate_is_a_key() -> None:
    assert len({make_key({"path": text}) for text in ("donn\udce9es", "donn\udce8es", "donn\ufffdes")}) == 3


def test_lock_that_is_let_go_leaves_no_file(store: Store) -> None:
    folder = store.folder("cells", "a", KEYS[0])
    with store.lock(folder):
        assert [path.name for path in folder.parent.iterdir()] == [f".{KEYS[0]}.lock"]
    assert list(folder.parent.iterdir()) == []


def test_locks_whose_files_are_deleted_keep_others_out(store: Store) -> None:
    """Each of four threads deletes the file that the others try to lock."""
    folder, inside, most = store.folder("cells", "a", KEYS[0]), [], []

    def work() -> None:
        held = 0
        while held < 10:
            with Store(store.root).lock(folder) as is_held:
                if is_held:
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    held += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] * 40 and list(folder.parent.iterdir()) == []


def test_sweep_deletes_what_the_dead_left_and_nothing_else(store: Store) -> None:
    parent = store.folder("models", "a", KEYS[0]).parent
    for key in KEYS:
        (parent / f".a-{key}.x1y2z3_9").mkdir(parents=True)
        (parent / f"a-{key}").mkdir()
        (parent / f"a-{key}" / ".stage.json.abcd1234").touch()
        (parent / f"a-{key}" / "records.jsonl").touch()
    (parent / f".{KEYS[0]}.lock").touch()
    (parent / ".keep").touch()
    with store.lock(parent / f"b-{KEYS[1]}"):
        (parent / f".a-{KEYS[1]}.x1y2z3_9").mkdir()
        (parent / f"a-{KEYS[1]}" / ".stage.json.abcd1234").touch()
        store.sweep()
        left = {str(path.relative_to(parent)) for path in parent.rglob("*") if path.name.startswith(".")}
    living = {f".{KEYS[1]}.lock", f".a-{KEYS[1]}.x1y2z3_9", f"a-{KEYS[1]}/.stage.json.abcd1234"}
    assert left == {".keep", *living}
    assert all((parent / f"a-{key}" / "records.jsonl").exists() for key in KEYS)


@pytest.mark.parametrize("below", ["a file", "a file/runs"])
def test_a_runs_folder_that_cannot_be_is_a_sentence(tmp_path: Path, below: str) -> None:
    (tmp_path / "a file").write_text("here first", encoding="utf-8")
    store = Store(tmp_path / below)
    for attempt in (store.check_writable, lambda: put_bare(store, "trec", KEYS[0], kind="models")):
        with pytest.raises(RobenchError, match=r"cannot write .*a file.*--runs"):
            attempt()
    assert (tmp_path / "a file").read_text(encoding="utf-8") == "here first"


def test_a_home_of_nobody_is_a_sentence() -> None:
    with pytest.raises(RobenchError, match="home folder in ~nobody_at_all/runs is not known"):
        Store(Path("~nobody_at_all/runs"))


def test_a_write_that_fails_leaves_the_old_and_no_rest(tmp_path: Path) -> None:
    file, folder = tmp_path / "stage.json", tmp_path / "model"
    atomic_write_text(file, "old")
    with atomic_write_folder(folder) as draft:
        (draft / "weights").write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        atomic_write_text(file, "\ud800")
    with pytest.raises(ZeroDivisionError), atomic_write_folder(folder) as draft:
        (draft / "weights").write_text("new", encoding="utf-8")
        raise ZeroDivisionError
    assert file.read_text(encoding="utf-8") == "old" == (folder / "weights").read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"stage.json", "model"}


@pytest.mark.parametrize("name", ["cells/one-{key}", "cells/one-{key}/records.jsonl", "cells/.{key}.lock"])
def test_lock_of_a_stage_with_a_symbolic_link_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    key = "0123456789abcdef"
    link = store.root / name.format(key=key)
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "outside")
    with pytest.raises(RobenchError, match=f"{link} is a symbolic link"), store.lock(store.folder("cells", "one", key)):
        raise AssertionError("it is locked")
    assert not (tmp_path / "outside").exists()


def test_lock_of_a_stage_in_linked_folders_is_given(tmp_path: Path) -> None:
    (tmp_path / "disk" / "cells").mkdir(parents=True)
    (tmp_path / "large").mkdir()
    (tmp_path / "disk" / "models").symlink_to(tmp_path / "large")
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    store = Store(tmp_path / "runs")
    for kind in get_args(StageKind):
        with store.lock(store.folder(kind, "one", "0123456789abcdef")):
            assert (store.root / kind).resolve().is_relative_to(tmp_path)
            assert [path.name for path in (store.root / kind).iterdir()] == [".0123456789abcdef.lock"]


def test_still_store_keeps_what_it_read_first(store: Store) -> None:
    first = add_cell(store, "base", "pwws", 3, n=6)
    still = StillStore(store.root)
    assert [stage.key for stage in still.stages(CellInfo)] == [first.key]
    add_cell(store, "base", "pwws", 3, n=6, seed=1)
    assert [stage.key for stage in still.stages(CellInfo)] == [first.key]
    assert len(still.stages(CellInfo, names=())) == len(StillStore(store.root).stages(CellInfo)) == 2
