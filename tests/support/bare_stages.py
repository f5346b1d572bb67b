"""Stages of a runs folder with as little in them as a store reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robench.results.info import StageInfo
from robench.results.stage_file import decode
from robench.results.store import Store, StoredStage
from support.hand_made import write_records

KEYS = ("0123456789abcdef", "fedcba9876543210", "0123abcd0123abcd")


def bare_info(key: str, kind: str = "cells", **more: Any) -> StageInfo:
    plugin, clean = {"name": "it", "class": "it:It"}, {"correct": 1, "n": 2}
    every: dict[str, Any] = {
        "preset": "quick",
        "model": KEYS[2],
        "attacked": {"n": 2, "failed": 1, "succeeded": 0, "skipped": 1},
    }
    every |= {"task": "trec", "data": {"digest": "d"}, "encoder": {"name": "e", "digest": "d"}, "seed": 1}
    values = {"kind": kind, "key": key, "defense": plugin, "attack": plugin, "clean": clean, **every, **more}
    return decode(json.dumps(values).encode(), Path("stage.json"))


def put_bare(store: Store, label: str, key: str, kind: str = "cells", **more: Any) -> StoredStage[Any]:
    folder = store.folder(kind, label, key)  # type: ignore[arg-type]
    if kind == "cells":
        write_records(folder, failed=1, n=2)
    return store.finish(folder, bare_info(key, kind, label=label, **more))
