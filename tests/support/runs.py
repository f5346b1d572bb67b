"""What is in a runs folder, in a form to compare."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robench.results import records
from robench.results.info import AdversarialInfo, CellInfo
from robench.results.info_parts import Outcome
from robench.results.records import Record
from robench.results.request_log import REQUESTS
from robench.results.stage_file import decode, encode
from robench.results.store import Store, StoredStage

TEXTS = 128
"""Attacked where a run is stopped in the middle: twice as many as are searched at a time, so that there is one."""


def rewrite(file: Path, **changes: Any) -> None:
    """Change values of a ``stage.json`` as robench itself would have written them, with the checksum that they need."""
    values = json.loads(file.read_bytes()) | changes
    values.pop("checksum", None)
    file.write_text(encode(decode(json.dumps(values).encode(), file)), encoding="utf-8")


def snapshot(runs: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file of a result."""
    files = left_behind(runs)
    return {str(path.relative_to(runs)): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def left_behind(runs: Path) -> list[Path]:
    """Every file but locks and the log of commands."""
    files = (path for path in sorted(runs.rglob("*")) if path.is_file() and path.suffix != ".lock")
    return [path for path in files if path.name != REQUESTS]


def cells(runs: Path) -> dict[tuple[str, str], StoredStage[CellInfo]]:
    return {(s.info.defense.name, s.info.attack.name): s for s in Store(runs).stages(CellInfo)}


def outcome(stage: StoredStage[Any]) -> Outcome:
    """What the records of a finished stage come to."""
    found: Outcome | None = stage.info.attacked
    assert found is not None
    return found


def attacked(stage: StoredStage[Any]) -> list[Record]:
    return records.read(stage.folder / "records.jsonl")


def comparable(found: list[Record]) -> list[Record]:
    """Without the time and the last digits of probabilities, which depend on the size of the victim's batch."""
    return [
        replace(
            record,
            seconds=0.0,
            probabilities_before=Near(record.probabilities_before),
            probabilities_after=Near(record.probabilities_after),
        )
        for record in found
    ]


class Near(list[float]):
    """Numbers that are equal to others which differ in the last digits."""

    def __eq__(self, other: object) -> bool:
        return list(self) == pytest.approx(other, abs=1e-5)

    __hash__ = None


def everything(runs: Path) -> dict[str, list[Record]]:
    stages: list[StoredStage[Any]] = [*Store(runs).stages(CellInfo), *Store(runs).stages(AdversarialInfo)]
    return {f"{stage.folder.parent.name}/{stage.key}": comparable(attacked(stage)) for stage in stages}


def lines(runs: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in runs.glob("cells/*/records.jsonl"))


def contents(runs: Path) -> dict[str, Any]:
    """The records without their seconds, and the digests of the weights, of all finished stages."""
    found: dict[str, Any] = {}
    for stage in runs.glob("*/*/stage.json"):
        folder, name = stage.parent, f"{stage.parent.parent.name}/{stage.parent.name}"
        if (folder / "records.jsonl").exists():
            found[name] = [replace(record, seconds=0.0) for record in records.read(folder / "records.jsonl")]
            assert (folder / "records.jsonl").read_bytes().count(b"\n") == len(found[name]), "no row twice"
        if (folder / "model.safetensors").exists():
            found[name] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return found


def leftovers(runs: Path) -> list[str]:
    """Hidden files and folders, which a whole run leaves none of, but for the log of commands."""
    return [str(path) for path in runs.rglob(".*") if path.name != REQUESTS]
