"""What a Python script passes as an option is read if its meaning is clear, and refused by a sentence otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import robench
from robench.errors import RobenchError
from robench.study.options import AttackOptions, RunOptions, StoreOptions

HOUSE = Path(__file__).parents[1] / "goldens" / "house" / "runs"


@pytest.mark.parametrize(
    ("option", "value", "read"),
    [
        ("seed", np.int64(7), 7),
        ("seed", np.arange(2), (0, 1)),
        ("seed", np.array(1), 1),
        ("seed", torch.tensor([1, 2]), (1, 2)),
        ("seed", range(2), (0, 1)),
        ("seed", {3, 1}, (1, 3)),
        ("attack_limit", np.uint8(5), 5),
        ("attack", None, ()),
        ("task", np.array(["a", "b"]), ("a", "b")),
        ("task", pd.Series(["a", "b"]), ("a", "b")),
        ("task", (name for name in "ab"), ("a", "b")),
        ("defense", np.str_("base"), "base"),
        ("encoder", Path("folder"), "folder"),
        ("data", Path("folder"), Path("folder")),
        ("offline", np.bool_(True), True),
        ("settings", {np.str_("ada"): {"ratio": 1}}, {"ada": {"ratio": 1}}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_options_of_other_types_are_read_as_pythons_own(option: str, value: Any, read: Any) -> None:
    found = getattr(RunOptions(**{"task": "mr", "defense": "base", option: value}), option)
    assert found == read and type(found) is type(read)
    if isinstance(found, tuple):
        assert all(type(one) is type(other) for one, other in zip(found, read, strict=True))


WHOLE, TEXT = "a whole number", "a text"


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("seed", "42", "a whole number or a sequence of whole numbers"),
        ("seed", True, "a whole number or a sequence"),
        ("seed", [1, "2"], "a whole number or a sequence"),
        ("seed", np.zeros((2, 2), int), "a whole number or a sequence"),
        ("seed", None, "a whole number or a sequence"),
        ("attack_limit", 5.0, WHOLE),
        ("attack_limit", np.float64(5), WHOLE),
        ("attack_limit", np.bool_(True), WHOLE),
        ("workers", "2", WHOLE),
        ("task", 3, "a name or a sequence of names"),
        ("task", [None], "a name or a sequence of names"),
        ("task", {"mr": 1}, "a name or a sequence of names"),
        ("attack", pd.DataFrame({"a": ["pwws"]}), "a name or a sequence of names"),
        ("attack", "pwws,deepwordbug", "a name or a sequence of names; of several, give a list"),
        ("defense", None, "a name or a sequence of names"),
        ("preset", None, TEXT),
        ("encoder", b"bert", TEXT),
        ("encoder", "a\0b", TEXT),
        ("data", 3, "a path"),
        ("offline", 1, "True or False"),
        ("settings", {"ada": 1}, "a dictionary of dictionaries"),
        ("settings", 3, "a dictionary of dictionaries"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_options_of_unclear_types_are_refused_by_a_sentence(option: str, value: Any, expected: str) -> None:
    with pytest.raises(RobenchError, match=rf"^{option} is .*; it should be {expected}.*\.$"):
        RunOptions(**{"task": "mr", "defense": "base", option: value})


class Odd:
    def __repr__(self) -> str:
        raise ValueError

    def __index__(self) -> int:
        raise ArithmeticError


def test_options_that_run_code_of_their_own_are_refused() -> None:
    with pytest.raises(RobenchError, match=r"^seed is a value of type Odd; it should be a whole number"):
        RunOptions(task="mr", defense="base", seed=Odd())  # type: ignore[arg-type]


def test_options_of_a_model_and_of_a_store_are_read_too() -> None:
    assert AttackOptions(print, task="mr", label_order=np.array([1, 0])).label_order == (1, 0)  # type: ignore[arg-type]
    with pytest.raises(RobenchError, match=r"^label_order is '10'; it should be a sequence of whole numbers\.$"):
        AttackOptions(print, task="mr", label_order="10")  # type: ignore[arg-type]
    assert StoreOptions(plugin=[Path("a.py"), "b.py"]).plugins == (Path("a.py"), Path("b.py"))
    with pytest.raises(RobenchError, match=r"^existing is 3; it should be one of only-missing"):
        StoreOptions(existing=3)  # type: ignore[arg-type]


def test_load_results_reads_its_arguments_in_the_same_way(tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match=r"^seed is '42'; it should be a whole number"):
        robench.load_results(tmp_path, seed="42")  # type: ignore[arg-type]
    with pytest.raises(RobenchError, match="no "):
        robench.load_results(tmp_path, seed=np.arange(2), task=np.array(["mr"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("number", 5.0, "a name or a whole number"),
        ("number", None, "a name or a whole number"),
        ("number", True, "a name or a whole number"),
        ("runs", None, "a path"),
        ("level", "0.95", "a number"),
        ("level", True, "a number"),
        ("intervals", 1, "True or False"),
        ("plain", "yes", "True or False"),
        ("offline", 0, "True or False"),
        ("compare", ["base"], "a text"),
        ("against", ["paper"], "a text"),
        ("paper", None, "a text"),
        ("data", 3, "a path"),
        ("task", 3, "a name or a sequence"),
        ("seed", "42", "a whole number or a sequence"),
    ],
)
def test_table_refuses_arguments_of_unclear_types_by_a_sentence(argument: str, value: Any, expected: str) -> None:
    with pytest.raises(RobenchError, match=rf"^{argument} is .*; it should be {expected}.*\.$"):
        robench.table(**{"number": "5", "runs": HOUSE, argument: value})


def test_table_takes_the_number_of_a_table_as_a_number_too() -> None:
    assert repr(robench.table(5, runs=HOUSE)) == repr(robench.table("5", runs=HOUSE))
    assert repr(robench.table(np.int64(5), runs=HOUSE, level=np.float32(0.5))).startswith("Table 5")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("first", ["taichi"], "a text"),
        ("second", pd.DataFrame({"a": [1]}), "a text"),
        ("task", ["mr"], "a text"),
        ("attack", ["pwws"], "a text"),
        ("encoder", ["x"], "a text"),
        ("preset", 3, "a text"),
        ("split", None, "a text"),
        ("seed", "42", "a whole number or a sequence"),
        ("seed", None, ""),
        ("runs", None, "a path"),
        ("level", "0.95", "a number"),
        ("difference", "5", "a number"),
    ],
)
def test_compare_refuses_arguments_of_unclear_types_by_a_sentence(argument: str, value: Any, expected: str) -> None:
    arguments = {"first": "taichi", "second": "ada", "task": "mr", "attack": "pwws", "runs": HOUSE, argument: value}
    if not expected:
        assert robench.compare(**arguments)
        return
    with pytest.raises(RobenchError, match=rf"^{argument} is .*; it should be {expected}.*\.$"):
        robench.compare(**arguments)


def test_compare_takes_one_seed_and_no_attack() -> None:
    one, several = (robench.compare("taichi", "ada", task="mr", attack="pwws", runs=HOUSE, seed=s) for s in (42, [42]))
    assert one == several and one.found.seeds == (42,)
    clean = robench.compare("taichi", "ada", task="mr", attack=None, encoder=None, runs=HOUSE)  # type: ignore[arg-type]
    assert clean.attack == ""
