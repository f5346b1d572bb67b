"""Entries that a stranger sends: files of results without texts, changed or replaced."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from torture import damages
from torture.case import Case, Place, Step, kind
from torture.kinds.stores import change
from torture.workshop import TASK

STEPS: tuple[Step, ...] = (
    ("validate", "entries", "--data", "data"),
    ("validate", "entries", "--data", "data", "--format", "json"),
)


def load(place: Place) -> object:
    """Read the entries with Python."""
    from robench.results.entries import list_cells, load_entries

    return [list_cells(entry) for entry in load_entries(place.work / "entries")]


def write(place: Place) -> Path:
    """Write an entry of the runs folder, as if its rows were public; give the file."""
    from robench.report.submit import make_entries, write_entry
    from robench.results.store import Store
    from support.runs import rewrite

    for file in (place.work / "runs").glob("*/*/stage.json"):
        rewrite(file, data=json.loads(file.read_bytes())["data"] | {"source": "index:made-up==1.0"})
    ((entry, _),) = make_entries(Store(place.work / "runs"), [f"{TASK}-base-seed42"])
    return write_entry(entry, place.work / "entries")


def spoil_value(seed: str, place: Place) -> None:
    """Change a value of an entry."""
    damages.edit_json(write(place), lambda content: change(content, seed))


def spoil_file(damage: damages.Damage, seed: str, place: Place) -> None:
    """Damage the file of an entry, or put something else in its place."""
    damage(write(place), random.Random(seed))


def _cases(stream: random.Random, what: str, spoil: Callable[[Place], object]) -> Case:
    steps = [stream.choice([*STEPS, load])]
    return Case(name=f"an entry: {what}", steps=steps, spoil=spoil, codes=(1,), seconds=60)


@kind(40)
def entry_values(stream: random.Random) -> Iterator[Case]:
    """Single values of an entry that are of another type, or hostile."""
    while True:
        seed = str(stream.random())
        yield _cases(stream, f"another value ({seed})", partial(spoil_value, seed))


@kind(20)
def entry_files(stream: random.Random) -> Iterator[Case]:
    """Files that are no JSON, or no files."""
    ways = damages.BROKEN | damages.REPLACED
    while True:
        way, seed = stream.choice(list(ways)), str(stream.random())
        yield _cases(stream, way, partial(spoil_file, ways[way], seed))
