"""Folders of a runs folder that are links, files or not robench's, and what else lies in it."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torture import damages
from torture.case import Case, Place, kind
from torture.kinds.stores import BASE, STAGES, one, readers
from torture.strings import hostile, typeable
from torture.workshop import run

KEY = "0123456789abcdef"
KINDS = ("models", "cells", "adversarial", "statistics", "transfer")


def make_folder(names: tuple[str, ...], make: Callable[[Path], Any], path: Path) -> None:
    """Make a folder, and something of each name in it."""
    path.mkdir()
    for name in names:
        make(path / name)


WAYS: dict[str, damages.Damage] = damages.REPLACED | {
    "a folder of links": damages.replace(
        partial(make_folder, ("records.jsonl",), damages.link_outside("records.jsonl"))
    ),
    "a folder of pipes": damages.replace(
        partial(make_folder, ("records.jsonl", "stage.json", "clean.jsonl"), os.mkfifo)
    ),
    "a folder of drafts": damages.replace(partial(make_folder, (".records.jsonl.abcdefgh",), Path.mkdir)),
}
"""What stands in the place of a folder."""


def replace_folder(pattern: str, way: str, place: Place) -> None:
    """Put something else in the place of a folder."""
    path = one(place, pattern) if "*" in pattern else place.work / "runs" / pattern
    WAYS[way](path, random.Random(way))


@kind(40)
def store_folders(stream: random.Random) -> Iterator[Case]:
    """Folders of stages and of their kinds that are something else."""
    while True:
        pattern, way = stream.choice((*STAGES, *KINDS)), stream.choice(list(WAYS))
        if pattern in KINDS and way in ("a link to somebody else's folder", "a broken link"):
            continue  # people keep these folders elsewhere, and robench writes there
        steps = readers(stream) if stream.random() < 0.4 else [run("--defense", "base,ada")]
        spoil = partial(replace_folder, pattern, way)
        yield Case(name=f"{pattern}: {way}", steps=steps, spoil=spoil, codes=(1,), seconds=60)


def spoil_locks(make: Callable[[Path], Any], place: Place) -> None:
    """Put something in the place of each lock."""
    for path in list((place.work / "runs").glob("*/*")):
        make(path.parent / f".{path.name[-16:]}.lock")


def put(name: str, make: Callable[[Path], Any], place: Place) -> None:
    """Put something into the runs folder."""
    path = place.work / "runs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)


def rename(name: str, place: Place) -> None:
    """Call the folder of a cell something else."""
    one(place, BASE).rename(one(place, BASE).with_name(name))


def copy_cell(name: str, place: Place) -> None:
    """Copy the folder of a cell; of its name, only the key stays."""
    path = one(place, BASE)
    shutil.copytree(path, path.with_name(f"{name}-{path.name[-16:]}"))


def write_empty_stage(path: Path) -> None:
    """Make a folder with a ``stage.json`` that says nothing."""
    path.mkdir()
    (path / "stage.json").write_text("{}", encoding="utf-8")


def strangers(stream: random.Random) -> Iterator[tuple[str, Callable[[Place], Any]]]:
    """What lies in a runs folder and is not robench's."""
    yield "locks that are links", partial(spoil_locks, lambda path: path.symlink_to("../../../outside/notes.txt"))
    yield "locks that are folders", partial(spoil_locks, Path.mkdir)
    yield "locks that are pipes", partial(spoil_locks, os.mkfifo)
    yield "aside that is a link", partial(put, ".aside", lambda path: path.symlink_to("../../outside"))
    yield "aside that is a file", partial(put, ".aside", Path.touch)
    yield "a folder with no key", partial(rename, "mine")
    yield "a folder with another key", partial(rename, f"mine-{KEY}")
    yield "two folders of a key", partial(copy_cell, "mine")
    yield (
        "a copy of the folder in itself",
        lambda place: shutil.copytree(place.work / "model", place.work / "runs" / "cells" / "cells"),
    )
    yield (
        "a draft of the dead",
        partial(put, f"cells/.x-{KEY}.abcdefgh", partial(make_folder, ("records.jsonl",), Path.touch)),
    )
    makers = (Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path), write_empty_stage)
    while True:
        name = typeable(hostile(stream)).replace("/", "-")[:60]
        form = stream.choice((f"{name}-{KEY}", name or "x", f".{KEY}.lock", f"{name}.tmp"))
        form = f"{stream.choice((*KINDS, '.'))}/{form}"
        yield f"{form!a}", partial(put, form, stream.choice(makers))


@kind(30)
def strange_files(stream: random.Random) -> Iterator[Case]:
    """Files in a runs folder that are not robench's."""
    for name, spoil in strangers(stream):
        steps = readers(stream) if stream.random() < 0.5 else [run("--defense", "base,ada", "--seed", "1")]
        yield Case(name=name, steps=steps, spoil=spoil, codes=(1,), seconds=60)
