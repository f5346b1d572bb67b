"""Keys of every stage of the built-in defenses and attacks, as they were when they were frozen.

A key names the folder of a result, so whoever has results of a stage makes them again once its key has changed. A
change that alters keys on purpose raises FORMAT and freezes anew. The golden has the names it was made of: a new
defense or attack changes nothing in it, and freezing adds it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robench.plugins import registry
from robench.progress import SilentReporter
from robench.study.plan import order_stages
from robench.study.request import Request
from support.freezing import FREEZING, GOLDENS, how

FOLDER = GOLDENS / "keys"
HOUSE = GOLDENS / "house"
TASK = "mr"
FAMILIES = {"random-order": "random-order:pwws", "textattack": "textattack:LEAP2023"}
"""The member of each family that stands for it."""
FORMLESS = ("deepwordbug", "pwws")
"""Attacks whose keys need no published file."""
CASES: dict[str, dict[str, Any]] = {
    "quick": {"preset": "quick", "precision": "fp32"},
    "paper": {"preset": "paper", "precision": "bf16", "attack": FORMLESS, "crossed": True, "adaptive": True},
    "statistics": {"preset": "laptop", "precision": "fp32", "attack": ["pwws"], "statistics": True, "transfer": True},
}
"""What a run is asked for, beside all defenses and all attacks."""


def registered() -> dict[str, list[str]]:
    """The built-in defenses and attacks, a family by one of its members."""
    found = {}
    for kind in ("defenses", "attacks"):
        entries = [entry for entry in registry.entries(kind) if entry.is_built_in]
        found[kind] = sorted(FAMILIES.get(entry.name, entry.pattern) for entry in entries)
    return found


def plan(names: dict[str, list[str]], **options: Any) -> dict[str, str]:
    """Keys of all stages of a run on an encoder and rows that never change, by their titles."""
    chosen: dict[str, Any] = {
        "task": [TASK],
        "defense": names["defenses"],
        "attack": names["attacks"],
        "encoder": str(HOUSE / "encoder"),
        "data": HOUSE / "data",
        "settings": {"checklist": {"entities": "none"}},  # else it loads a pickle, to which a user has to consent
        "device": "cpu",
        "threads": 2,
        "offline": True,
    }
    request = Request(**chosen | options)
    stages = order_stages(request.stages(SilentReporter()))
    keys = {stage.title: stage.key for stage in stages}
    assert len(keys) == len(stages), "a title stands for one stage"
    return keys


@pytest.mark.parametrize("case", CASES)
def test_keys_of_the_built_in_defenses_and_attacks_are_the_frozen_ones(case: str) -> None:
    file: Path = FOLDER / f"{case}.json"
    if FREEZING:
        names = registered()
        FOLDER.mkdir(exist_ok=True)
        text = json.dumps({"names": names, "keys": plan(names, **CASES[case])}, indent=1)
        file.write_text(f"{text}\n", encoding="utf-8")
    golden = json.loads(file.read_text(encoding="utf-8"))
    found = plan(golden["names"], **CASES[case])
    changed = [title for title, key in golden["keys"].items() if found.get(title) != key]
    assert not changed, f"other keys than frozen; if that is meant, {how(__file__)}"
    assert len(found) == len(golden["keys"]) > 50
