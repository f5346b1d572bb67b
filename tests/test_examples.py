"""The examples in the docstrings of public functions say what they do."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import robench
from robench.plugins import registry
from support.tiny_job import TinyJob

HOUSE = Path(__file__).parent / "goldens" / "house" / "runs"
ROOT = Path(robench.__file__).parent
API = "robench.api"
MODULES = sorted(
    ".".join(("robench", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
"""All modules that have examples, so that none is left out."""
PLUGIN = 'import robench\n\nrobench.register("letters", robench.Task(labels=("a", "b")))\n'


@pytest.mark.parametrize("name", [name for name in MODULES if name != API])
def test_examples_of_a_module_say_what_they_do(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_plugins: None
) -> None:
    (tmp_path / "my_tasks.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(import_module(name), extraglobs={"runs": HOUSE})
    assert tried and not failed


@pytest.mark.slow
def test_examples_of_a_run_and_an_attack_say_what_they_do(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my-encoder").symlink_to(tiny_job.encoder)
    (tmp_path / "my-data").symlink_to(tiny_job.data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "additions", {})  # as in a process of its own: other tests' names are free
    failed, tried = doctest.testmod(import_module(API))
    assert tried and not failed


def test_each_public_function_has_an_example() -> None:
    functions = {name: thing for name in robench.__all__ if inspect.isfunction(thing := getattr(robench, name))}
    assert {"run", "attack_model", "table", "compare", "register"} < set(functions)
    assert [name for name, function in functions.items() if ">>> " not in (function.__doc__ or "")] == []


def test_the_front_page_has_the_comparison_and_the_intervals() -> None:
    assert robench.intervals.wilson(0, 4)[0] == 0.0
    assert robench.compare("taichi", "ada", task="mr", attack="pwws", runs=HOUSE).found.n == 30
    assert {"compare", "intervals"} <= set(robench.__all__)
