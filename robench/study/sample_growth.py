"""Records of a smaller or larger sample, used again when an attack begins on another number of rows.

How it works: samples of one split are nested (:func:`~robench.study.stages.stage.sample`), and each row has a random
stream of its own. So the records of two cells that differ in the number of rows alone are equal wherever both have the
row, and one can take the other's over. They keep their seconds and get the checksum of their new stage. The number of
rows stays part of a cell's key: the cells are different results. So does the number of rows that clean accuracy of a
user's model is measured on, though an attack does not depend on it; records are taken over nevertheless, if the model
gave both samples the same scores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.results import integrity, locks, records
from robench.results.integrity import find_key
from robench.results.records import Record
from robench.results.salvage import salvage_lines
from robench.results.store import RECORDS_FILE, STAGE_FILE, Store, StoredStage
from robench.study.stages.attack import AttackingStage, CellStage
from robench.study.stages.attacked_rows import rows_of
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from robench.study.stages.victim import VictimStage


def adopt_records(context: Context, stage: AttackingStage, place: Path) -> None:
    """Begin the records file of a cell with records of finished cells that differ in the number of rows alone.

    Args:
        context: store and reporter.
        stage: the stage, whose lock is held; one that is no cell, or has records already, is left alone.
        place: its folder.

    Raises:
        RobenchError: the file cannot be written.
    """
    path = place / RECORDS_FILE
    if not isinstance(stage, CellStage) or path.exists():
        return
    needed = rows_of(stage.examples())
    found: dict[int, Record] = {}
    names = []
    for cell in _find_siblings(context, stage):
        lines = salvage_lines(cell.folder / RECORDS_FILE, cell.key, needed)
        new = {one.id: one for one in lines.records if one.status != "error" and one.id not in found}
        found |= new
        names += [cell.folder.name] if new else []
    if not found:
        return
    records.write(path, (record for _, record in sorted(found.items())), stage.key)
    context.reporter.say(f"    {len(found)} of {len(needed)} texts are taken over from {' and '.join(names)}")


def _find_siblings(context: Context, stage: CellStage) -> Iterator[StoredStage[Any]]:
    """Yield the finished cells of the same name that differ in numbers of rows alone, and fit."""
    store = context.store
    alike = {one.model.key: one for one in (stage, *_vary_clean_rows(store, stage))}
    for cell in _read_namesakes(store, stage):
        one = alike.get(cell.info.model)
        if one is not None and cell.info.identity | {"rows": 0} == one.identity | {"rows": 0}:
            parents = defaultdict(str, one.digest_parents(store))
            if not integrity.find_changed_parents(cell.info, parents.__getitem__):
                yield cell


def _vary_clean_rows(store: Store, stage: CellStage) -> Iterator[CellStage]:
    """Yield the stage with each check of its model, a user's one, on another number of rows for clean accuracy."""
    model = stage.model
    if not isinstance(model, VictimStage) or (checked := store.read(model.folder(store))) is None:
        return
    for other in _read_namesakes(store, model):
        varied = replace(model, setting=replace(model.setting, clean_limit=other.info.clean_limit))
        if varied.key == other.key and model.is_unchanged(checked, other):
            yield replace(stage, model=varied)


def _read_namesakes(store: Store, stage: Stage) -> Iterator[StoredStage[Any]]:
    """Yield the finished stages of another key whose folders have the label of this one, as far as they fit."""
    parent = store.new_folder(stage.kind, stage.label, stage.key).parent
    for name in sorted(locks.list_names(parent)):
        is_other = name.rpartition("-")[0] == stage.label and find_key(name) != stage.key
        if not is_other or not (parent / name / STAGE_FILE).is_file():
            continue
        try:
            if found := store.read(parent / name):
                store.check(found, names=None)
                yield found
        except RobenchError:  # a table or `robench verify` names what does not fit
            continue
