"""``docs/parameters.md`` shows every default and its source, as the code has them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from robench.plugins import registry
from robench.plugins.option import describe
from robench.report.parameters import render_parameters
from robench.training.settings import TrainingSettings

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"
NAMES = [entry.name for entry in registry.entries("defenses") if entry.origin == "robench"]


def test_parameters_page_is_that_of_the_code() -> None:
    """``python -m robench.report.parameters docs/parameters.md`` writes it anew; a changed default needs a source."""
    assert PAGE.read_text(encoding="utf-8") == render_parameters()


@pytest.mark.parametrize("name", ["training", *NAMES])
def test_every_field_has_a_source(name: str) -> None:
    thing: Any = TrainingSettings() if name == "training" else registry.entry("defenses", name).load()
    assert [one.name for one in describe(thing) if not one.source] == []


@pytest.mark.parametrize(
    ("name", "field", "other"),
    [
        ("taichi", "negatives", "same"),
        ("freelb", "magnitude", 0.5),
        ("pgd", "epsilon", 0.5),
        ("fgsm", "step_size", 0.1),
    ],
)
def test_a_changed_default_changes_the_page(name: str, field: str, other: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.Entry.load
    changed = {name: replace(registry.entry("defenses", name).load(), **{field: other})}
    monkeypatch.setattr(registry.Entry, "load", lambda entry: changed.get(entry.name) or load(entry))
    assert render_parameters() != PAGE.read_text(encoding="utf-8")


def test_the_page_names_every_defense_and_every_field_of_training() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"\n## {name}\n" in text for name in NAMES)
    assert all(f"| training | {one.name.replace('_', chr(92) + '_')} |" in text for one in fields(TrainingSettings))
