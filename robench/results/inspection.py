"""An inspection of a whole runs folder, which reads every file and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from robench.results import integrity
from robench.results.info import AdversarialInfo, CellInfo, ModelInfo, StageInfo, StatisticsInfo, kind_of
from robench.results.store import STAGE_FILE, Store, StoredStage

KINDS: tuple[type[StageInfo], ...] = (ModelInfo, AdversarialInfo, CellInfo, StatisticsInfo)


@dataclass(frozen=True)
class Inspection:
    """What was found in a runs folder.

    Attributes:
        finished: number of finished stages.
        unfinished: number of folders without ``stage.json``, which a run continues.
        faults: a sentence for each stage that does not fit.
        notes: a sentence for each stage that fits, but one that it was made from has changed since.
    """

    finished: int
    unfinished: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def inspect_runs(store: Store, progress: Callable[[int], None] = lambda count: None) -> Inspection:
    """Read every file of a runs folder.

    Args:
        store: the runs folder.
        progress: called with the number of stages that were read.
    """
    faults: list[str] = []
    store = Store(store.root, faults.append)
    finished = unfinished = 0
    sound: dict[str, StoredStage[Any]] = {}

    def count(stages: Iterable[StoredStage[Any]]) -> Iterator[StoredStage[Any]]:
        for stage in stages:
            yield stage
            progress(1)

    for info in KINDS:
        folders = [(folder / STAGE_FILE).exists() for folder in store.folders(kind_of(info))]
        finished, unfinished = finished + sum(folders), unfinished + len(folders) - sum(folders)
        stages = store.keep_sound(count(store.stages(info, names=())), names=None)
        sound |= {stage.key: stage for stage in stages}
    return Inspection(finished, unfinished, tuple(faults), tuple(_find_notes(sound)))


def _find_notes(sound: Mapping[str, StoredStage[Any]]) -> Iterator[str]:
    @cache
    def digest(key: str) -> str:
        return integrity.digest_content(sound[key].folder, sound[key].info) if key in sound else ""

    for stage in sound.values():
        for key in integrity.find_changed_parents(stage.info, digest):
            yield f"{stage.folder} was made from {sound[key].folder.name}, which has changed since."
