"""Stages found by a name, a key or a beginning, in a runs folder and among entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.report.submit import write_entry
from robench.results.entry_store import open_results
from robench.results.find_stage import find_stage
from robench.results.folder_kind import refuse_entries
from robench.results.store import Store
from support.bare_stages import KEYS, put_bare
from support.many_entries import make_entry


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("trec-base-pwws", "trec-base-pwws-seed1"),
        ("trec-taichi", "trec-taichi-pwws-seed1"),
        (KEYS[0], "trec-base-pwws-seed1"),
        ("fedc", "trec-taichi-pwws-seed1"),
        (f"trec-base-pwws-seed1-{KEYS[0]}", "trec-base-pwws-seed1"),
        ("trec-base-seed1", "trec-base-seed1"),
    ],
)
def test_a_stage_is_found_by_the_beginning_of_its_name_or_key(store: Store, name: str, found: str) -> None:
    put_bare(store, "trec-base-pwws-seed1", KEYS[0])
    put_bare(store, "trec-taichi-pwws-seed1", KEYS[1])
    put_bare(store, "trec-base-seed1", KEYS[2], kind="models")
    assert find_stage(store, name).folder.name.startswith(f"{found}-")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("trec", "'trec' fits 2 cells: trec-base-pwws-seed1-.*Give more of the name, or the key"),
        ("", "'' fits 2 cells"),
        ("mr", "no cell or model 'mr' in .*: it has 2 cells and 0 models: trec-base"),
    ],
)
def test_a_name_of_none_or_several_is_a_sentence(store: Store, name: str, told: str) -> None:
    put_bare(store, "trec-base-pwws-seed1", KEYS[0])
    put_bare(store, "trec-taichi-pwws-seed1", KEYS[1])
    with pytest.raises(RobenchError, match=told):
        find_stage(store, name)


def test_a_name_with_a_slip_is_answered_with_all_cells_that_it_nearly_begins(store: Store) -> None:
    for number, defense in enumerate(["ada", "ada-x", "base", "taichi", "taichi-b", "taichi-c", "taichi-d"]):
        put_bare(store, f"trec-{defense}-pwws-seed1", f"{number}" * 16)
    put_bare(store, "trec-taichi-seed1", "a" * 16, kind="models")
    with pytest.raises(RobenchError, match=r"no cell or model 'trec-tachi' in .*: did you mean") as error:
        find_stage(store, "trec-tachi")
    assert str(error.value).count("trec-taichi") == 5 and "trec-ada" not in str(error.value)
    assert str(error.value).endswith("? It has 7 cells and 1 model.")


def test_cells_of_one_model_are_answered_with_the_model(store: Store) -> None:
    put_bare(store, "trec-mine-seed1", KEYS[2], kind="models")
    for attack, key in (("pwws", KEYS[0]), ("deepwordbug", KEYS[1])):
        put_bare(store, f"trec-mine-{attack}-seed1", key, model=KEYS[2])
    model = f"trec-mine-seed1-{KEYS[2]}"
    with pytest.raises(RobenchError, match=f"fits 2 cells: .*or the key; their model, {model}, stands for all of them"):
        find_stage(store, "trec-mine")
    assert find_stage(store, model).key == KEYS[2]


def test_an_empty_runs_folder_says_how_to_fill_it(store: Store) -> None:
    with pytest.raises(RobenchError, match="it is empty; `robench run` fills it"):
        find_stage(store, "anything")


@pytest.fixture
def entries(tmp_path: Path) -> Store:
    for seed in (42, 43):
        write_entry(make_entry("taichi", seed=seed, against="pwws", texts=20), tmp_path / "entries")
    return open_results(tmp_path / "entries")


def test_a_stage_of_an_entry_is_found_as_in_a_runs_folder(entries: Store) -> None:
    (name,) = (folder.name for folder in entries.finished_folders("models") if "seed42" in folder.name)
    model = find_stage(entries, name)
    assert find_stage(entries, "trec-taichi-pwws-seed42") == find_stage(entries, model.key) == model
    assert model.info.kind == "models" and model.entry is not None
    assert find_stage(entries, "cell-pwws-seed43").info.kind == "cells"
    assert model.info.adversarial is not None
    assert find_stage(entries, f"trec-pwws-{model.info.adversarial}").info.kind == "adversarial"


def test_a_name_of_none_or_several_stages_of_entries_is_a_sentence(entries: Store) -> None:
    with pytest.raises(RobenchError, match=r"'trec-taichi' fits 2 models: .*Give more of the name, or the key"):
        find_stage(entries, "trec-taichi")
    with pytest.raises(RobenchError, match=r"no cell or model 'trec-tachi-pwws' in .*: did you mean trec-taichi-pwws"):
        find_stage(entries, "trec-tachi-pwws")


def test_entries_are_refused_where_texts_are_needed(entries: Store, store: Store) -> None:
    refuse_entries(store.root, "texts")
    with pytest.raises(RobenchError, match="entries holds entries, which have no texts: name the runs folder"):
        refuse_entries(entries.root, "texts")
