"""A folder of entries, read as a runs folder is: tables and figures that need no text are made of either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.results.entries import (
    choose_primary,
    list_cells,
    list_models,
    list_statistics,
    list_training_sets,
    load_entries,
)
from robench.results.entry_form import Entry
from robench.results.folder_kind import holds_entries
from robench.results.info import AdversarialInfo, CellInfo, Info, ModelInfo, StageKind, StatisticsInfo
from robench.results.integrity import TABLE_FILES
from robench.results.store import Names, Store, StoredStage

_LISTS: dict[type, Callable[[Entry], Iterable[StoredStage[Any]]]] = {
    CellInfo: list_cells,
    ModelInfo: list_models,
    AdversarialInfo: list_training_sets,
    StatisticsInfo: list_statistics,
}


def open_results(root: Path, on_fault: Callable[[str], None] | None = None) -> Store:
    """Return a reader of a runs folder, or of a folder of entries, such as ``leaderboards/measured``.

    Args:
        root: the folder; it holds entries if it has JSON files, but none of the folders of a runs folder.
        on_fault: as in :class:`~robench.results.store.Store`.

    Raises:
        RobenchError: a file among the entries is none.
    """
    store = Store(root, on_fault)
    return EntryStore(root, on_fault) if holds_entries(store.root) else store


class EntryStore(Store):
    """Reads the stages of entries, one entry of each model.

    There are no files to check: an entry holds all that a table needs of them.

    Args:
        root: the folder of the entries.
        on_fault: as in :class:`~robench.results.store.Store`.

    Raises:
        RobenchError: a file in the folder is no entry.
    """

    def __init__(self, root: Path, on_fault: Callable[[str], None] | None = None) -> None:
        super().__init__(root, on_fault)
        try:
            entries = load_entries(self.root)
        except RobenchError as error:
            why = "has JSON files and no folder of a runs folder, so it is read as a folder of entries"
            raise RobenchError(f"{self.root} {why}: {error}") from error
        self._entries = choose_primary(entries)

    def stages(self, info: type[Info], *, names: Names = TABLE_FILES) -> list[StoredStage[Info]]:
        """Return the stages of a kind, one for each key, by name; an entry has no transfers."""
        found: dict[str, StoredStage[Any]] = {}
        for entry in self._entries if info in _LISTS else ():
            for stage in _LISTS[info](entry):
                found.setdefault(stage.key, stage)
        return sorted(found.values(), key=lambda stage: stage.folder.name)

    def finished_folders(self, kind: StageKind) -> list[Path]:
        """Return the names of the stages of a kind, as folders that do not exist."""
        return [folder for folder, stage in self._by_folder.items() if stage.info.kind == kind]

    def read(self, folder: Path) -> StoredStage[Any] | None:
        """Return the stage of a name; None if there is none."""
        return self._by_folder.get(folder)

    @cached_property
    def _by_folder(self) -> dict[Path, StoredStage[Any]]:
        kinds: list[type[Any]] = list(_LISTS)
        return {stage.folder: stage for info in kinds for stage in self.stages(info)}

    def check(self, stage: StoredStage[Any], names: Names = TABLE_FILES) -> None:
        """Check nothing: `robench validate` tells whether an entry contradicts itself."""
