"""Runs folders that were damaged, or that somebody else prepared."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torture import damages
from torture.case import Case, Place, Step, kind
from torture.strings import hostile, values
from torture.workshop import TASK, run

BASE, MODEL, D_ADV, GIVEN = (
    f"cells/{TASK}-base-*",
    f"models/{TASK}-base-*",
    f"adversarial/{TASK}-*",
    f"models/{TASK}-model-*",
)
STAGES = (BASE, MODEL, D_ADV, GIVEN, f"cells/{TASK}-ada-*", f"models/{TASK}-ada-*", f"cells/{TASK}-model-*")
READERS: tuple[tuple[str, ...], ...] = (
    ("table", "5", "--offline"),
    ("table", "5", "--offline", "--format", "latex"),
    ("table", "quality", "--offline"),
    ("table", "4", "--offline", "--data", "data"),
    ("show", f"{TASK}-base-deepwordbug"),
    ("show", f"{TASK}-base-deepwordbug", "--format", "json"),
    ("show", f"{TASK}-base-seed42"),
    ("show", f"{TASK}-deepwordbug"),
    ("export", f"{TASK}-base-seed42", "written"),
    ("submit", f"{TASK}-base-seed42", "--counts-only", "--out", "written"),
    ("figure", "4", "--task", TASK, "--attack", "deepwordbug"),
    ("figure", "1", "--task", TASK, "--attack", "deepwordbug", "--defense", "base"),
    ("verify",),
    run("--defense", "base,ada"),
    run("--defense", "base,ada"),
    run("--defense", "base,ada", "--existing", "only-cache"),
    run("--defense", "base,ada", "--dry-run"),
)


def load(place: Place) -> object:
    """Read the results with Python."""
    import robench

    return robench.load_results("runs")


def readers(stream: random.Random) -> list[Step]:
    """Some of what reads a runs folder; ``verify`` finds faults, which is its own exit code."""
    steps: list[Step] = [*READERS, load]
    return [stream.choice(steps)]


def one(place: Place, pattern: str) -> Path:
    """Return the folder of a stage."""
    return sorted((place.work / "runs").glob(pattern))[0]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values in a value."""
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*path, key))


def change(content: Any, seed: str) -> str:
    """Exchange one value for another, or leave it out, and drop the checksum that would tell; say what."""
    stream = random.Random(seed)
    path = stream.choice([path for path in paths(content) if path[0] != "checksum"])
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    if isinstance(inner, dict) and stream.random() < 0.1:
        del inner[path[-1]]
    else:
        inner[path[-1]] = stream.choice([*values(), hostile(stream)])
    content.pop("checksum", None)
    return ".".join(map(str, path))


def spoil_stage(pattern: str, seed: str, place: Place) -> None:
    """Change a value of a ``stage.json``."""
    damages.edit_json(one(place, pattern) / "stage.json", lambda content: change(content, seed))


def spoil_line(pattern: str, name: str, seed: str, unfinished: bool, place: Place) -> None:
    """Change a value of a line of a file, and take away what says that its stage is finished."""
    folder = one(place, pattern)
    lines = (folder / name).read_bytes().splitlines()
    at = random.Random(seed).randrange(len(lines))
    content = json.loads(lines[at])
    change(content, seed)
    lines[at] = json.dumps(content).encode()
    (folder / name).write_bytes(b"\n".join(lines) + b"\n")
    if unfinished:
        (folder / "stage.json").unlink()


@kind(80)
def stage_values(stream: random.Random) -> Iterator[Case]:
    """Single values of ``stage.json`` that are of another type, or hostile."""
    while True:
        pattern, seed = stream.choice(STAGES), str(stream.random())
        name = f"a value of {pattern}/stage.json ({seed})"
        yield Case(name=name, steps=readers(stream), spoil=partial(spoil_stage, pattern, seed), codes=(1,))


@kind(40)
def record_values(stream: random.Random) -> Iterator[Case]:
    """Single values of records, in stages that are finished or not."""
    records = [(pattern, "records.jsonl") for pattern in (BASE, D_ADV, f"cells/{TASK}-model-*")]
    files = (*records, (MODEL, "clean.jsonl"), (MODEL, "training.jsonl"))
    while True:
        (pattern, name), seed, unfinished = stream.choice(files), str(stream.random()), stream.random() < 0.5
        yield Case(
            name=f"a value of {pattern}/{name}{', unfinished' * unfinished} ({seed})",
            steps=[run("--defense", "base,ada")] if unfinished else readers(stream),
            spoil=partial(spoil_line, pattern, name, seed, unfinished),
            codes=(1,),
        )


MODEL_FILES = ("clean.jsonl", "training.jsonl", "model.safetensors", "config.json", "tokenizer.json")
FILES = (
    *((pattern, "stage.json") for pattern in STAGES),
    *((pattern, "records.jsonl") for pattern in 2 * (BASE, D_ADV)),
    *((MODEL, name) for name in MODEL_FILES),
)


def damage(pattern: str, name: str, way: str, seed: str, unfinished: bool, place: Place) -> None:
    """Damage a file of a stage, and take away what says that its stage is finished."""
    folder = one(place, pattern)
    damages.spoil(f"runs/{pattern}/{name}", way, seed, place)
    if unfinished and name != "stage.json":
        (folder / "stage.json").unlink()


@kind(60)
def stage_files(stream: random.Random) -> Iterator[Case]:
    """Files of a stage that are broken, or no files, in stages that are finished or not."""
    ways = list(damages.DAMAGES)
    while True:
        (pattern, name), way, unfinished = stream.choice(FILES), stream.choice(ways), stream.random() < 0.4
        yield Case(
            name=f"{pattern}/{name}: {way}{', unfinished' * unfinished}",
            steps=[run("--defense", "base,ada")] if unfinished else readers(stream),
            spoil=partial(damage, pattern, name, way, str(stream.random()), unfinished),
            codes=(1,),
            seconds=60,
        )
