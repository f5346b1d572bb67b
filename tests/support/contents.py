"""What is in a runs folder, to compare two of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from robench.results import records
from robench.results.request_log import REQUESTS


def contents(runs: Path, digits: int = 17) -> dict[str, Any]:
    """The records without their seconds, and the digests of the weights, of all finished stages.

    Args:
        digits: of probabilities.
    """

    def rounded(values: list[float]) -> list[float]:
        return [round(value, digits) for value in values]

    found: dict[str, Any] = {}
    for stage in runs.glob("*/*/stage.json"):
        folder, name = stage.parent, f"{stage.parent.parent.name}/{stage.parent.name}"
        if (folder / "records.jsonl").exists():
            found[name] = [
                replace(
                    record,
                    seconds=0.0,
                    probabilities_before=rounded(record.probabilities_before),
                    probabilities_after=rounded(record.probabilities_after),
                )
                for record in records.read(folder / "records.jsonl")
            ]
            assert (folder / "records.jsonl").read_bytes().count(b"\n") == len(found[name]), "no row twice"
        if (folder / "model.safetensors").exists():
            found[name] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return found


def leftovers(runs: Path) -> list[str]:
    return [str(path) for path in runs.rglob(".*") if path.name != REQUESTS]
