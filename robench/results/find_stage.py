"""Stages found by what a user types: a name, a key, or the beginning of either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.escaping import count_noun, list_values
from robench.plugins.suggestions import find_near_beginnings
from robench.results.info import AdversarialInfo, CellInfo, ModelInfo, TransferInfo, kind_of
from robench.results.integrity import TABLE_FILES, find_key
from robench.results.store import Names, Store, StoredStage


def find_stage(store: Store, name: str, names: Names = TABLE_FILES) -> StoredStage[Any]:
    """Find the cell, or else the model, adversarial training set or transfer, whose name or key begins so.

    Args:
        store: a runs folder, or a folder of entries.
        name: the name.
        names: the files to check.

    Raises:
        RobenchError: there is none, there are several, or it does not fit.
    """
    for kind in (CellInfo, ModelInfo, AdversarialInfo, TransferInfo):
        folders = store.finished_folders(kind_of(kind))
        hits = [f for f in folders if name in (f.name, find_key(f.name))]
        hits = hits or [f for f in folders if f.name.startswith(name) or find_key(f.name).startswith(name)]
        if len(hits) == 1 and (stage := store.read(hits[0])):
            store.check(stage, names)
            return stage
        if hits:
            shown = list_values(folder.name for folder in hits)
            raise RobenchError(
                f"{name!r} fits {len(hits)} {kind_of(kind)}: {shown}. Give more of the name, or the key"
                f"{_suggest_model(store, hits)}."
            )
    cells, models = ([one.folder.name for one in store.stages(info, names=())] for info in (CellInfo, ModelInfo))
    raise RobenchError(f"no cell or model {name!r} in {store.root}: {_suggest_near(name, cells, models)}.")


def _suggest_model(store: Store, folders: Sequence[Path]) -> str:
    """Return the end of a sentence with the one model of all of some cells; empty if there is no such one."""
    stages = [store.read(folder) for folder in folders]
    keys = {stage.info.model for stage in stages if stage and isinstance(stage.info, CellInfo)}
    models = [folder.name for folder in store.finished_folders("models") if find_key(folder.name) in keys]
    return f"; their model, {models[0]}, stands for all of them" if len(keys) == len(models) == 1 else ""


def _suggest_near(name: str, cells: Sequence[str], models: Sequence[str]) -> str:
    """Return a clause with the cells and models whose names are near to a name, or else with the first of all.

    Args:
        name: as it was written.
        cells: names of all cells.
        models: likewise.
    """
    names = [*cells, *models]
    if not names:
        return "it is empty; `robench run` fills it"
    count = f"{count_noun(len(cells), 'cell')} and {count_noun(len(models), 'model')}"
    if near := find_near_beginnings(name, names):
        return f"did you mean {list_values(near)}? It has {count}"
    return f"it has {count}: {list_values(names)}"
