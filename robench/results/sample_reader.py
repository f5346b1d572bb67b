"""Outcomes of single samples, from the records of cells and the clean predictions of their models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from robench.paths import read_regular
from robench.results import clean_lines, records
from robench.results.integrity import CLEAN_FILE, RECORDS_FILE
from robench.results.records import Status
from robench.results.samples import Outcome, average

if TYPE_CHECKING:
    from robench.results.entry_form import Entry
    from robench.results.info import StageInfo

Samples = Mapping[int, Outcome]
"""Outcomes of one seed, by the samples' rows in the test split."""


class AttackedSample(msgspec.Struct, frozen=True):
    """What outcomes need of a record; :class:`~robench.results.records.Record` describes the fields."""

    id: int
    status: Status
    words_changed: int
    words: int


def stands(sample: AttackedSample) -> Outcome:
    """Return whether the model is right under attack; None after an error."""
    return None if sample.status == "error" else sample.status == "failed"


def falls(sample: AttackedSample) -> Outcome:
    """Return whether the attack succeeded; None if the model was wrong before, or after an error."""
    return sample.status == "succeeded" if sample.status in ("succeeded", "failed") else None


def share_changed(sample: AttackedSample) -> Outcome:
    """Return the share of words that a successful attack changed; None if it did not succeed."""
    return min(sample.words_changed / max(sample.words, 1), 1.0) if sample.status == "succeeded" else None


class Stored(Protocol):
    """What is stored in a folder, or is part of an entry: a stage, or the result of a cell."""

    @property
    def folder(self) -> Path: ...  # noqa: D102
    @property
    def info(self) -> StageInfo: ...  # noqa: D102
    @property
    def entry(self) -> Entry | None: ...  # noqa: D102


class SampleReader:
    """Reads the outcomes of cells and models of one runs folder, each file once.

    Args:
        runs: the runs folder.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._attacked: dict[Path, list[AttackedSample]] = {}
        self._clean: dict[str, Samples | None] = {}

    @classmethod
    def of(cls, stages: Sequence[Stored]) -> SampleReader:
        """Return a reader of what some stages or results, at least one, are of: a runs folder, or entries."""
        reader = cls(stages[0].folder.parent.parent)
        for stage in stages:
            if stage.entry is not None:
                reader._add_entry(stage.folder, stage.info.key, stage.entry)
        return reader

    def _add_entry(self, folder: Path, key: str, entry: Entry) -> None:
        """Take the outcomes of a stage from its entry; one of counts alone has none."""
        found = entry.predictions
        rows = zip(found.id, found.label, found.probabilities, strict=True) if found else ()
        self._clean[entry.key] = {row: p.index(max(p)) == label for row, label, p in rows} if found else None
        records = next((attack.records for attack in entry.attacks if attack.key == key), None)
        columns = (records.id, records.status, records.words_changed, records.words) if records else ()
        self._attacked[folder] = [AttackedSample(*row) for row in zip(*columns, strict=True)]

    def attacked(
        self, cells: Iterable[tuple[int, Path]], outcome: Callable[[AttackedSample], Outcome] = stands
    ) -> dict[int, Samples]:
        """Return the outcomes under an attack by seed, averaged over several cells of a seed.

        Args:
            cells: seeds and folders.
            outcome: of one sample.

        Raises:
            RobenchError: the records of one are missing or broken.
        """
        read = [(seed, self._read_attacked(folder)) for seed, folder in cells]
        return _average_by_seed((seed, {one.id: outcome(one) for one in samples}) for seed, samples in read)

    def clean(self, models: Iterable[tuple[int, str]]) -> dict[int, Samples] | None:
        """Return by seed whether models are right about the clean test texts, averaged over several models of a seed.

        Args:
            models: seeds and keys; one that stands there twice counts once.

        Returns:
            None if the predictions of one are not stored.

        Raises:
            RobenchError: a file of predictions is broken.
        """
        found = [(seed, self._read_clean(key)) for seed, key in dict.fromkeys(models)]
        known = [(seed, samples) for seed, samples in found if samples is not None]
        return _average_by_seed(known) if len(known) == len(found) else None

    @cached_property
    def _models(self) -> dict[str, Path]:
        """The folders of the models, by key."""
        folder = self._runs / "models"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return {path.name.rpartition("-")[2]: path for path in found if not path.name.startswith(".")}

    def _read_clean(self, key: str) -> Samples | None:
        if key not in self._clean:
            path = self._models[key] / CLEAN_FILE if key in self._models else None
            is_there = path is not None and path.is_file()
            lines = clean_lines.read(path) if path and is_there else None
            self._clean[key] = None if lines is None else {line.id: line.correct for line in lines}
        return self._clean[key]

    def _read_attacked(self, folder: Path) -> list[AttackedSample]:
        if folder not in self._attacked:
            self._attacked[folder] = read_attacked(folder / RECORDS_FILE)
        return self._attacked[folder]


def read_attacked(path: Path) -> list[AttackedSample]:
    """Read what outcomes need of a file of records, in order of ids, without its texts.

    Raises:
        RobenchError: the file is missing or broken.
    """
    try:
        content = b"[%s]" % b",".join(read_regular(path).splitlines())
        lines = msgspec.json.decode(content, type=list[AttackedSample])
    except (OSError, ValueError, RecursionError):  # a torn line, or what `records.read` has a sentence for
        lines = [AttackedSample(one.id, one.status, one.words_changed, one.words) for one in records.read(path)]
    return sorted(lines, key=lambda line: line.id)


def _average_by_seed(found: Iterable[tuple[int, Samples]]) -> dict[int, Samples]:
    by_seed: dict[int, list[Samples]] = {}
    for seed, samples in found:
        by_seed.setdefault(seed, []).append(samples)
    return {seed: average(models) for seed, models in by_seed.items()}
