"""Entries of a runs folder: which models they are about, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robench.errors import RobenchError
from robench.escaping import list_values
from robench.paths import absolute_path, atomic_write_bytes, refuse_link
from robench.report.entry_making import Cell, get_needed, make_entry, reject_stage
from robench.results.entries import encode, read_entry
from robench.results.entry_checks import is_name
from robench.results.entry_form import Entry
from robench.results.entry_rows import RowSource
from robench.results.find_stage import find_stage
from robench.results.folder_kind import refuse_entries
from robench.results.info import CellInfo, ModelInfo
from robench.results.store import Store, StoredStage


def make_entries(
    store: Store, names: Sequence[str], *, rerun_by: str = "", counts_only: bool = False
) -> list[tuple[Entry, str]]:
    """Make an entry for each model that is named, or whose cell is named; give each with a note, which may be empty.

    Args:
        store: the runs folder.
        names: of cells, or of models, which stand for their cells on test rows; or keys, or the beginning of either.
        rerun_by: who ran another one's entry again; empty for one's own results.
        counts_only: leave all rows out, and keep counts.

    Raises:
        RobenchError: a name fits none or several, a file of a stage is missing or broken, or the data are private.
    """
    refuse_entries(store.root, "records")
    if rerun_by and not is_name(rerun_by):
        raise RobenchError(f"--rerun-by {rerun_by}: a name has up to 39 letters, digits and - _ .")
    public = RowSource(offline=True)
    return [
        make_entry(store, model, cells, public, rerun_by=rerun_by, counts_only=counts_only)
        for model, cells in _find_models(store, names)
    ]


def count_left_out(store: Store, entry: Entry) -> int:
    """Return how many attacks on the model of an entry a runs folder has that the entry lacks."""
    return len(_list_attacks(store, entry.key)) - len(entry.attacks)


def _list_attacks(store: Store, model: str) -> list[Cell]:
    """Return the attacks on a model, on test rows if there are any: others are no part of an entry."""
    cells = [cell for cell in store.stages(CellInfo, names=()) if cell.info.model == model]
    return [cell for cell in cells if cell.info.split == "test"] or cells


def write_entry(entry: Entry, folder: Path, *, force: bool = False) -> Path:
    """Write an entry to a folder, and return its file.

    Args:
        entry: the entry.
        folder: the folder, which need not exist.
        force: replace an entry of this model even if it has attacks that this one lacks.

    Raises:
        RobenchError: the file would lose attacks, is no entry, or cannot be written.
    """
    path = absolute_path(folder) / entry.file_name
    refuse_link(path)
    if path.exists() and not force:
        there = read_entry(path)
        lost = [attack.label for attack in there.attacks if attack.key not in {one.key for one in entry.attacks}]
        if lost or (entry.counts_only and not there.counts_only):
            what = f"has {list_values(lost)}" if lost else "has rows"
            raise RobenchError(
                f"{path} {what}, which the new entry lacks: name these cells, too, or replace the file with --force."
            )
    atomic_write_bytes(path, encode(entry))
    return path


def _find_models(store: Store, names: Sequence[str]) -> list[tuple[StoredStage[ModelInfo], list[Cell]]]:
    """Return the models that names stand for, each with its cells, in the order in which they are named."""
    chosen: dict[str, dict[str, Cell]] = {}
    for name in names:
        stage = find_stage(store, name, names=None)
        if not isinstance(stage.info, CellInfo | ModelInfo):
            reject_stage(stage)
        if isinstance(stage.info, CellInfo):
            chosen.setdefault(stage.info.model, {})[stage.key] = stage
            continue
        cells = chosen.setdefault(stage.key, {})
        for cell in _list_attacks(store, stage.key):
            store.check(cell, names=None)
            cells[cell.key] = cell
    return [(get_needed(store, "models", key, "the model"), list(cells.values())) for key, cells in chosen.items()]
