"""What a user may have meant by a name that fits no stage of a runs folder, or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from robench.escaping import list_values
from robench.plugins.suggestions import find_near_beginnings
from robench.results.info import CellInfo, ModelInfo

if TYPE_CHECKING:
    from robench.results.store import Store


def suggest(store: Store, name: str) -> str:
    """Return a clause with the cells and models whose names are near to a name, or else with the first of all."""
    cells = [stage.folder.name for stage in store.stages(CellInfo, names=())]
    models = [stage.folder.name for stage in store.stages(ModelInfo, names=())]
    names = [*cells, *models]
    if not names:
        return "it is empty; `robench run` fills it"
    count = f"{_count(len(cells), 'cell')} and {_count(len(models), 'model')}"
    if near := find_near_beginnings(name, names):
        return f"did you mean {list_values(near)}? It has {count}"
    return f"it has {count}: {list_values(names)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def suggest_model(store: Store, folders: Sequence[Path]) -> str:
    """Return the end of a sentence with the one model of all of some cells; empty if there is no such one."""
    stages = [store.read(folder) for folder in folders]
    keys = {stage.info.model for stage in stages if stage and isinstance(stage.info, CellInfo)}
    models = [folder.name for key in keys for folder in store.twins("models", key)]
    return f"; their model, {models[0]}, stands for all of them" if len(keys) == len(models) == 1 else ""
