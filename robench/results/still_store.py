"""A runs folder as it was at one moment, for a reader that asks for the same stages several times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from robench.results.info import Info
from robench.results.integrity import TABLE_FILES
from robench.results.store import Names, Store, StoredStage


class StillStore(Store):
    """Reads the stages of each kind once, so that all parts of a page are of one moment, and are read quickly.

    Args:
        root: the runs folder.
        on_fault: as in :class:`~robench.results.store.Store`.
    """

    def __init__(self, root: Path, on_fault: Callable[[str], None] | None = None) -> None:
        super().__init__(root, on_fault)
        self._known: dict[tuple[type, str], list[StoredStage[Any]]] = {}

    def stages(self, info: type[Info], *, names: Names = TABLE_FILES) -> list[StoredStage[Info]]:
        """Read all finished stages of a kind that fit, see :meth:`robench.results.store.Store.stages`, once."""
        place = info, repr(names)
        if place not in self._known:
            self._known[place] = super().stages(info, names=names)
        return list(self._known[place])
