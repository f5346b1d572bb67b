"""Runs folders full of strangers' strings, shown in every way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Any

from torture.case import Case, Place, Step, kind
from torture.strings import hostile

FORMATS = ("rich", "md", "csv", "json", "latex", "html")


def fill(seed: str, place: Place) -> None:
    """Write cells, a model and statistics that are sound, with hostile strings wherever one can stand."""
    import shutil

    from robench.results.store import Store
    from support.hand_made import add_cell, add_model
    from support.hand_made_statistics import add_statistics

    stream = random.Random(seed)

    def text() -> str:
        return hostile(stream)

    shutil.rmtree(place.work / "runs")
    store = Store(place.work / "runs")
    settings: dict[str, Any] = {
        "encoder": {"name": text(), "digest": text()},
        "data": {"source": text(), "digest": text(), "notes": [text(), text()]},
        "labels": [text(), text()],
        "preset": text(),
        "precision": text(),
        "warnings": [text()],
        "environment": {
            "date": text(),
            "versions": {text(): text()},
            "processor": text(),
            "device": text(),
            "instructions": text(),
        },
    }
    given = {"kind": text(), "model": text(), "command": ["--model", text()], "label_order": [1, 0]}
    more: dict[str, Any] = {
        "changed": {text(): text(), "alpha": text()},
        "fields": {text(): [text()]},
        "attack_title": text(),
    }
    for defense in ("base", "ada"):
        cell = add_cell(store, defense, "pwws", 90, **settings, **(more if stream.random() < 0.7 else {}))
    add_model(store, cell)
    add_cell(store, "mine", "pwws", 50, given=given, **{k: v for k, v in settings.items() if k != "encoder"})
    add_statistics(store, "base", **settings)
    _spoil_records(place, text)


def _spoil_records(place: Place, text: Any) -> None:
    """Let the texts of records be hostile, in cells that are finished with them."""
    from robench.results import records
    from robench.results.integrity import write_stage
    from robench.results.stage_file import decode
    from support.hand_made import record

    for folder in (place.work / "runs" / "cells").iterdir():
        found = records.read(folder / "records.jsonl")
        (folder / "records.jsonl").unlink()
        with (folder / "records.jsonl").open("ab") as file:
            for old in found:
                new = (
                    record(old.id, old.status, original=f"{text()} was fine", final=f"{text()} was fnie")
                    if old.status == "succeeded"
                    else old
                )
                records.append(file, new, folder.name.rpartition("-")[2])
        stage = folder / "stage.json"
        write_stage(folder, decode(stage.read_bytes(), stage))


@kind(40)
def reports(stream: random.Random) -> Iterator[Case]:
    """Tables, figures, exports and pages of a runs folder full of strangers' strings."""
    shown: list[Step] = [("table", "5", "--format", one, "--offline") for one in FORMATS]
    shown += [("table", "quality", "--format", one, "--offline") for one in FORMATS]
    shown += [("table", "7", "--format", one, "--offline") for one in FORMATS]
    shown += [
        ("show", f"trec-{one}-pwws", "--examples", "50", *more)
        for one in ("base", "ada", "mine")
        for more in ((), ("--format", "json"))
    ]
    shown += [
        ("show", "trec-ada-seed42"),
        ("export", "trec-ada", "written"),
        ("verify",),
        ("figure", "4", "--task", "trec", "--attack", "pwws", "--defense", "base,ada"),
    ]
    shown += [("table", "5", "--against", "paper", "--offline"), ("table", "--offline"), ("figure",)]
    while True:
        seed = str(stream.random())
        yield Case(
            name=f"a store of hostile strings ({seed})",
            steps=stream.sample(shown, 3),
            spoil=partial(fill, seed),
            codes=(1,),
        )
