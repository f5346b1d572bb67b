"""The statistics of a model, made by hand like the cells of :mod:`support.hand_made`."""

from __future__ import annotations

from typing import Any

from robench.results.store import Store, StoredStage, make_key
from support.hand_made import SETTING, digest, write_info

STATISTICS = {"mse_pos": 0.25, "mse_neg": 0.5, "kl_pos": 0.125, "kl_neg": 4.0, "ctr": 6.5, "n": 1000}


def add_statistics(
    store: Store,
    name: str,
    *,
    clean: int = 450,
    clean_n: int = 500,
    majority: int | None = None,
    failed: int | None = 100,
    seed: int = 42,
    attack: str = "textfooler",
    attack_title: str | None = None,
    attack_fields: dict[str, Any] | None = None,
    task: str = "sst2",
    values: dict[str, float] | None = None,
    **settings: Any,
) -> StoredStage[Any]:
    """Store the statistics of a model; ``values`` replace those above, ``settings`` keys of ``stage.json``."""
    info: dict[str, Any] = {
        "robench": "0.1.0",
        "kind": "statistics",
        "task": task,
        "data": {"source": "local:/data/sst2", "digest": digest(task), "notes": []},
        **SETTING,
        "seed": seed,
        "defense": {"name": name},
        "attack": {"title": attack_title or attack, "name": attack, "fields": attack_fields or {}},
        "statistics": {**STATISTICS, **(values or {})},
        "clean": {"correct": clean, "n": clean_n, **({} if majority is None else {"majority": majority})},
        "attacked": {"n": 200, "failed": failed, "skipped": 0, "succeeded": 0} if failed is not None else None,
        **settings,
    }
    label = f"{task}-{name}-{attack}-seed{seed}"
    info |= {"label": label, "labels": ["negative", "positive"], "identity": {"format": 1, "rest": digest(info)}}
    info["key"] = make_key(info["identity"])
    folder = store.folder("statistics", label, info["key"])
    folder.mkdir(parents=True)
    return write_info(store, folder, info)
