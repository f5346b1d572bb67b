"""``docs/architecture.md`` names only paths and definitions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FOLDERS = ("robench", "defenses", "attacks", "tasks", "tests", "leaderboards", "docs")
PLACES = sorted(set(re.findall(rf"\b((?:{'|'.join(FOLDERS)})/[\w./-]*)(?::(\w+))?", TEXT)))
"""Paths, each with the name of a definition in it, or an empty name."""


def definitions(file: Path) -> set[str]:
    """Names of the classes, functions and constants at the top of a module."""
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_architecture_names_existing_places(path: str, name: str) -> None:
    place = ROOT / path.rstrip(".")
    assert place.exists(), path
    assert not name or name in definitions(place), f"{path} defines no {name}"


def test_architecture_shows_every_room() -> None:
    rooms = {file.parent.name for file in (ROOT / "robench").glob("*/__init__.py")}
    assert rooms <= {path.split("/")[1] for path, _ in PLACES if path.startswith("robench/")}
