"""What a user may have meant by a name that no cell and no model of a runs folder has."""

from __future__ import annotations

from collections.abc import Sequence

from robench.escaping import list_values
from robench.plugins.suggestions import find_near_beginnings


def suggest(name: str, cells: Sequence[str], models: Sequence[str]) -> str:
    """Return a clause with the cells and models whose names are near to a name, or else with the first of all.

    Args:
        name: as it was written.
        cells: names of all cells.
        models: likewise.
    """
    names = [*cells, *models]
    if not names:
        return "it is empty; `robench run` fills it"
    count = f"{_count(len(cells), 'cell')} and {_count(len(models), 'model')}"
    if near := find_near_beginnings(name, names):
        return f"did you mean {list_values(near)}? It has {count}"
    return f"it has {count}: {list_values(names)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
