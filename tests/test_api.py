"""The Python functions are made from the fields of the options: their signatures, documentation and errors."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import robench
from robench.errors import RobenchError
from robench.report.data_frames import make_frame, make_records_frame
from robench.report.tables import make
from robench.results import records
from robench.results.info import CellInfo
from robench.results.selection import Selection
from robench.results.store import Store
from robench.study.option_class import run_options
from robench.study.options import AttackOptions, RunOptions, StoreOptions
from support.hand_made import add_cell

if TYPE_CHECKING:
    import pandas

FUNCTIONS = [(robench.run, RunOptions), (robench.attack_model, AttackOptions)]


@pytest.mark.parametrize(("function", "kind"), FUNCTIONS, ids=["run", "attack_model"])
def test_function_has_each_option_with_its_default_type_and_meaning(function: Callable[..., Any], kind: type) -> None:
    options = run_options(kind, StoreOptions)
    parameters = inspect.signature(function).parameters
    assert list(parameters) == [*options, "progress"]
    text = " ".join((function.__doc__ or "").split())
    for name, option in options.items():
        empty = inspect.Parameter.empty
        assert parameters[name].default == (empty if option.required else option.default)
        assert parameters[name].annotation == option.hint
        assert parameters[name].kind == parameter_kind(name)
        assert f"{name}: {option.text.meaning}" in text


@pytest.fixture
def store(store: Store) -> Store:
    """A model that learned, one that names the most frequent label each time, and one that a user brought."""
    add_cell(store, "base", "pwws", 10, n=40)
    add_cell(store, "taichi", "pwws", 20, n=40, seed=7, changed={"temperature": 0.5, "ctr_weight": 2})
    add_cell(store, "pgd", "textfooler", 40, n=40, clean=(250, 500, 250), attack_title="textfooler (bundled)")
    warnings = ["its labels (1 star, 5 stars) are not the task's.", "it is random."]
    own = {"kind": "Python function", "model": "mine:scores"}
    add_cell(store, "mine", "pwws", 5, n=40, given=own, warnings=warnings, attack_changed={"query_budget": 9})
    return store


def test_load_results_gives_a_row_per_cell_with_all_that_a_reader_needs(store: Store) -> None:
    found = robench.load_results(store.root)
    documented = re.findall(r"``(\w+)``", (make_frame.__doc__ or "").partition(":mod:`")[0])
    assert list(found.columns) == list(dict.fromkeys(name for name in documented if name != "matrix"))
    rows = {row["defense"]: row for row in found.to_dict("records")}
    assert {name: row["has_learned"] for name, row in rows.items()} == {
        "base": True,
        "taichi": True,
        "mine": True,
        "pgd": False,
    }
    cells = {cell.info.defense.name: cell for cell in store.stages(CellInfo)}
    for name, row in rows.items():
        assert (row["key"], row["model"]) == (cells[name].key, cells[name].info.model)
        assert (row["preset"], row["precision"], row["notes"]) == ("quick", "fp32", "trec has no dev split.")
        assert row["records"] == str(cells[name].folder / "records.jsonl")
        assert (row["n_attacked"], row["n_test"], row["clean_accuracy"]) == (40, 500, 0.5 if name == "pgd" else 0.9)
    assert rows["mine"]["warnings"] == "its labels (1 star, 5 stars) are not the task's. it is random."
    assert rows["base"]["warnings"] == rows["base"]["defense_changes"] == rows["base"]["attack_changes"] == ""
    assert rows["taichi"]["defense_changes"] == "ctr_weight=2, temperature=0.5"
    assert rows["mine"]["attack_changes"] == "query_budget=9"
    assert (rows["taichi"]["accuracy_under_attack"], rows["taichi"]["attack_success_rate"]) == (0.5, 19 / 39)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"defense": "base"}, ["base"]),
        ({"defense": ["base", "pgd"], "attack": "pwws"}, ["base"]),
        ({"seed": 7}, ["taichi"]),
        ({"task": "trec", "preset": "quick", "encoder": "minilm", "seed": [42]}, ["base", "pgd"]),
    ],
)
def test_load_results_takes_what_is_named(store: Store, filters: dict[str, Any], expected: list[str]) -> None:
    assert sorted(robench.load_results(str(store.root), **filters)["defense"]) == expected


def test_load_results_says_what_is_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match="with defense bass; it has base, mine, pgd, taichi"):
        robench.load_results(store.root, defense="bass")
    with pytest.raises(RobenchError, match=r"no results in .*elsewhere yet; `robench\.run` makes some"):
        robench.load_results(tmp_path / "elsewhere")
    assert inspect.signature(robench.load_results).parameters["runs"].default == StoreOptions().runs


def test_a_table_shows_the_warnings_about_a_model(store: Store) -> None:
    notes = make("5", store, selection=Selection(attacks=["pwws"])).notes
    assert "mine on trec: warning: its labels (1 star, 5 stars) are not the task's." in notes
    assert "mine on trec: warning: it is random." in notes


def parameter_kind(name: str) -> Any:
    return inspect.Parameter.POSITIONAL_OR_KEYWORD if name == "model" else inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: robench.run(defense="base", task="trec", dry_run=True), "dry_run is an option of the command alone"),  # type: ignore[call-arg]
        (lambda: robench.run(defence="base", task="trec"), r"argument of robench\.run 'defence': did you mean defense"),  # type: ignore[call-arg]
        (lambda: robench.run(task="trec"), "missing a required argument: 'defense'"),  # type: ignore[call-arg]
        (lambda: robench.run("base", task="trec"), "too many positional arguments"),  # type: ignore[arg-type, call-arg]
        (lambda: robench.attack_model("m", task="trec", encoder="minilm"), "unknown argument of robench.attack_model"),  # type: ignore[call-arg]
    ],
)
def test_arguments_that_do_not_exist_or_are_missing_are_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def typed_script() -> None:
    """Is never called: a type checker reads the signatures that the functions have from their options."""
    results: pandas.DataFrame = robench.run(defense="taichi", task="trec", preset="quick")
    results = robench.run(
        defense=["base", "taichi"],
        task=["trec"],
        seed=[1, 2],
        settings={"taichi": {"temperature": 0.5}},
        existing="always",
        plugin=["a.py"],
        progress=False,
    )
    results = robench.attack_model(lambda texts: [[0.5, 0.5] for _ in texts], task="mr", label_order=[1, 0])
    results = robench.attack_model("my_model:scores", task="mr", runs="elsewhere")
    results = robench.load_results("runs", task="mr", seed=[1, 2])
    del results
    robench.run(defense="base", task="mr", existing="never")  # type: ignore[arg-type]
    robench.run(defense="base", task="mr", seed="1")  # type: ignore[arg-type]


def test_load_records_gives_a_row_per_record_with_all_that_a_reader_needs(store: Store) -> None:
    found = robench.load_records(store.root, defense="taichi", texts=True)
    columns = re.findall(r"``(\w+)``", (make_records_frame.__doc__ or "").partition("Returns:")[2])
    assert list(found.columns) == columns
    (cell,) = (cell for cell in store.stages(CellInfo) if cell.info.defense.name == "taichi")
    rows = records.read(cell.folder / "records.jsonl")
    for name in ("id", "status", "queries", "words_changed", "words", "seconds", "original", "final", "reason"):
        assert list(found[name]) == [getattr(row, name) for row in rows]
    assert list(found.label) == ["ABBR", "DESC"] * 20 and set(found.predicted) == {"DESC"}
    assert set(found.trained_against) == set(found.attack) == {"pwws"} and set(found.key) == {cell.key}
    assert found.probability.tolist() == [0.25, 0.75] * 20 and set(found.split) == {"test"}


def test_load_records_does_not_need_the_copy_of_the_records(store: Store) -> None:
    before = robench.load_records(store.root)
    for copy in store.root.glob("cells/*/columns.json"):
        copy.unlink()
    assert before.equals(robench.load_records(store.root)) and len(before) == 4 * 40


FACES = (
    *("", "attacking", "attacking.engine", "data", "models", "plugins", "report", "resources", "results", "study"),
    *("training", "victims"),
)


@pytest.mark.parametrize("face", FACES)
def test_dir_of_a_face_lists_its_public_names_and_nothing_else(face: str) -> None:
    module = import_module(".".join(filter(None, ("robench", face))))
    assert {name for name in dir(module) if not name.startswith("__")} == set(module.__all__)
    assert all(hasattr(module, name) for name in dir(module))


def test_dir_of_robench_imports_no_torch() -> None:
    code = "import sys, robench; assert 'run' in dir(robench) and '__version__' in dir(robench); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "pandas", "robench.api"} & set(done.stdout.split())
