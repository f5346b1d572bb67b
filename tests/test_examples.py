"""The examples in the docstrings of public functions say what they do."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import robench

HOUSE = Path(__file__).parent / "goldens" / "house" / "runs"
ROOT = Path(robench.__file__).parent
MODULES = sorted(
    ".".join(("robench", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
"""All modules that have examples, so that none is left out."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_say_what_they_do(name: str) -> None:
    failed, tried = doctest.testmod(import_module(name), extraglobs={"runs": HOUSE})
    assert tried and not failed


def test_the_front_page_has_the_comparison_and_the_intervals() -> None:
    assert robench.intervals.wilson(0, 4)[0] == 0.0
    assert robench.compare("taichi", "ada", task="mr", attack="pwws", runs=HOUSE).found.n == 30
    assert {"compare", "intervals"} <= set(robench.__all__)
