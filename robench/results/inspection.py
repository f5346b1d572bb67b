"""An inspection of a whole runs folder, which reads every file and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.results import integrity
from robench.results.info import (
    AdversarialInfo,
    CellInfo,
    CertificatesInfo,
    ModelInfo,
    StageInfo,
    StatisticsInfo,
    TransferInfo,
    kind_of,
)
from robench.results.store import STAGE_FILE, MisplacedError, Store, StoredStage

KINDS: tuple[type[StageInfo], ...] = (
    *(ModelInfo, AdversarialInfo, CellInfo),
    *(StatisticsInfo, TransferInfo, CertificatesInfo),
)


@dataclass(frozen=True)
class Fault:
    """Something in a runs folder that does not fit.

    Attributes:
        sentence: what it is.
        folders: the folders to set aside, so that a run makes the stage again; none if a name is all that is wrong.
    """

    sentence: str
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """What was found in a runs folder.

    Attributes:
        finished: number of finished stages.
        unfinished: number of folders without ``stage.json``, which a run continues.
        faults: the stages that do not fit.
        notes: a sentence for each stage that fits, but one that it was made from has changed since.
        sound: the stages that fit, by key.
    """

    finished: int
    unfinished: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    sound: Mapping[str, StoredStage[Any]]


def inspect_runs(store: Store, progress: Callable[[int], None] = lambda count: None) -> Inspection:
    """Read every file of a runs folder.

    Args:
        store: the runs folder.
        progress: called with the number of stages that were read.
    """
    faults: list[Fault] = []
    finished = unfinished = 0
    sound: dict[str, StoredStage[Any]] = {}
    for info in KINDS:
        folders = [(folder / STAGE_FILE).exists() for folder in store.folders(kind_of(info))]
        finished, unfinished = finished + sum(folders), unfinished + len(folders) - sum(folders)
        sound |= _inspect_kind(store, info, faults, progress)
    return Inspection(finished, unfinished, tuple(faults), tuple(_find_notes(sound)), sound)


def _inspect_kind(
    store: Store, info: type[StageInfo], faults: list[Fault], progress: Callable[[int], None]
) -> dict[str, StoredStage[Any]]:
    """Return the stages of a kind that fit, by key, and add what does not fit to ``faults``."""
    by_key: dict[str, list[StoredStage[Any]]] = {}
    keys: set[str] = set()
    for folder in store.folders(kind_of(info)):
        try:
            if stage := store.read(folder):
                keys.add(stage.key)
                store.check(stage, names=None)
                by_key.setdefault(stage.key, []).append(stage)
        except MisplacedError as error:
            faults.append(Fault(str(error)))
        except RobenchError as error:
            faults.append(Fault(str(error), (folder,)))
        progress(1)
    faults += map(Fault, store.find_strays(kind_of(info), keys))
    sentences: list[str] = []
    chooser = Store(store.root, sentences.append)
    sound = {key: chosen for key, twins in by_key.items() if (chosen := chooser.choose(twins))}
    different = (twins for key, twins in by_key.items() if key not in sound)
    for sentence, twins in zip(sentences, different, strict=True):
        faults.append(Fault(sentence, tuple(stage.folder for stage in twins)))
    return sound


def _find_notes(sound: Mapping[str, StoredStage[Any]]) -> Iterator[str]:
    @cache
    def digest(key: str) -> str:
        return integrity.digest_content(sound[key].folder, sound[key].info) if key in sound else ""

    for stage in sound.values():
        for key in integrity.find_changed_parents(stage.info, digest):
            yield f"{stage.folder} was made from {sound[key].folder.name}, which has changed since."
