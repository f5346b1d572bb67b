"""Outcomes of single samples, from the records of cells and the clean predictions of their models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from robench.results import clean_lines
from robench.results.classes import predict
from robench.results.columns import ERROR, FAILED, SKIPPED, SUCCEEDED, RecordColumns, make_columns
from robench.results.draws import read_draws
from robench.results.integrity import CLEAN_FILE, find_key, read_columns
from robench.results.samples import Outcome, average

if TYPE_CHECKING:
    from robench.results.cells import Result
    from robench.results.entry_form import Entry
    from robench.results.store import StoredStage

Samples = Mapping[int, Outcome]
"""Outcomes of one seed, by the samples' rows in their split."""


def stands(records: RecordColumns) -> list[Outcome]:
    """Return whether the model is right under attack, for each record; None after an error.

    Of a random model it is the share of draws in which it is right.
    """
    return list(records.right) if records.right else list(map(_STANDS.__getitem__, records.status))


def right_before(records: RecordColumns) -> list[Outcome]:
    """Return whether the model is right before the attack, for each record; None if that is not known."""
    return [
        (None if predicted is None else predicted == label) if letter == ERROR else letter != SKIPPED
        for letter, label, predicted in zip(records.status, records.label, records.predicted, strict=True)
    ]


def falls(records: RecordColumns) -> list[Outcome]:
    """Return whether the attack succeeded, for each record; None if the model was wrong before, or after an error."""
    return list(map(_FALLS.__getitem__, records.status))


def share_changed(records: RecordColumns) -> list[Outcome]:
    """Return the share of words that a successful attack changed, for each record; None if it did not succeed."""
    return [
        min(changed / max(words, 1), 1.0) if letter == SUCCEEDED else None
        for letter, changed, words in zip(records.status, records.words_changed, records.words, strict=True)
    ]


_STANDS: Mapping[str, Outcome] = {FAILED: True, SUCCEEDED: False, SKIPPED: False, ERROR: None}
_FALLS: Mapping[str, Outcome] = {FAILED: False, SUCCEEDED: True, SKIPPED: None, ERROR: None}


class SampleReader:
    """Reads the outcomes of cells and models of one runs folder, each file once.

    Args:
        runs: the runs folder; None if all stages are parts of entries.
    """

    def __init__(self, runs: Path | None) -> None:
        self._runs = runs
        self._columns: dict[Path, RecordColumns] = {}
        self._attacked: dict[tuple[Path, Callable[[RecordColumns], Sequence[Outcome]]], Samples] = {}
        self._clean: dict[str, Samples | None] = {}

    @classmethod
    def of(cls, stages: Sequence[StoredStage[Any] | Result], reader: SampleReader | None = None) -> SampleReader:
        """Return a reader of what some stages or results, at least one, are of: a runs folder, or entries.

        Args:
            stages: the stages or results.
            reader: one of the same runs folder, to use again what it has read.
        """
        reader = reader or cls(next((one.folder.parent.parent for one in stages if one.entry is None), None))
        for stage in stages:
            if stage.entry is not None:
                reader._add_entry(stage.folder, stage.info.key, stage.entry)
        return reader

    def _add_entry(self, folder: Path, key: str, entry: Entry) -> None:
        """Take the outcomes of a stage from its entry, of which there is one for each model; counts alone have none."""
        if entry.key not in self._clean:
            found = entry.predictions
            rows = zip(found.id, found.label, found.probabilities, strict=True) if found else ()
            self._clean[entry.key] = {row: predict(p) == label for row, label, p in rows} if found else None
        records = next((attack.records for attack in entry.attacks if attack.key == key), None)
        self._columns[folder] = make_columns(records.rows() if records else [])

    def attacked(
        self, cells: Iterable[tuple[int, Path]], outcomes: Callable[[RecordColumns], Sequence[Outcome]] = stands
    ) -> dict[int, Samples]:
        """Return the outcomes under an attack by seed, averaged over several cells of a seed.

        Args:
            cells: seeds and folders.
            outcomes: of the records of one cell.

        Raises:
            RobenchError: the records of one are missing or broken.
        """
        return _average_by_seed((seed, self._read_attacked(folder, outcomes)) for seed, folder in cells)

    def _read_attacked(self, folder: Path, outcomes: Callable[[RecordColumns], Sequence[Outcome]]) -> Samples:
        place = folder, outcomes
        if place not in self._attacked:
            columns = self.columns(folder)
            self._attacked[place] = dict(zip(columns.id, outcomes(columns), strict=True))
        return self._attacked[place]

    def clean(self, results: Iterable[Result]) -> dict[int, Samples] | None:
        """Return by seed whether models are right about the clean texts of the split that was attacked.

        Several models of a seed are averaged.

        Args:
            results: of cells of one split; a model of several of them counts once.

        Returns:
            None if the predictions of one are not stored.

        Raises:
            RobenchError: a file of predictions or records is broken.
        """
        by_model: dict[tuple[int, str], list[Result]] = {}
        for result in results:
            by_model.setdefault((result.seed, result.info.model), []).append(result)
        return _average_if_known((seed, self._read_clean_of(found)) for (seed, _), found in by_model.items())

    def _read_clean_of(self, results: Sequence[Result]) -> Samples | None:
        """Return the clean predictions of one model; those of development rows stand in records alone.

        A user's model is asked about the clean texts of the split that is attacked, a trained one about the test split.
        """
        first = results[0]
        if first.info.split == "test" or first.info.victim:
            return self._read_clean(first.info.model)
        whole = [r.folder for r in results if r.attacked_n == r.info.clean.n]
        return self._read_attacked(whole[0], right_before) if whole else None

    def test_predictions(self, models: Iterable[tuple[int, str]]) -> dict[int, Samples] | None:
        """Return by seed whether models are right about the clean test texts, averaged over several models of a seed.

        Args:
            models: seeds and keys; one that stands there twice counts once.

        Returns:
            None if the predictions of one are not stored.

        Raises:
            RobenchError: a file of predictions is broken.
        """
        return _average_if_known((seed, self._read_clean(key)) for seed, key in dict.fromkeys(models))

    @cached_property
    def _models(self) -> dict[str, Path]:
        """The folders of the models, by key."""
        folder = self._runs / "models" if self._runs else None
        found = sorted(folder.iterdir()) if folder and folder.is_dir() else []
        return {find_key(path.name): path for path in found if not path.name.startswith(".")}

    def _read_clean(self, key: str) -> Samples | None:
        if key not in self._clean:
            path = self._models[key] / CLEAN_FILE if key in self._models else None
            is_there = path is not None and path.is_file()
            lines = clean_lines.read(path) if path and is_there else None
            self._clean[key] = None if lines is None else {line.id: line.correct for line in lines}
        return self._clean[key]

    def columns(self, folder: Path) -> RecordColumns:
        """Return the columns of a cell's records.

        Raises:
            RobenchError: the records are missing or broken.
        """
        if folder not in self._columns:
            columns = read_columns(folder)
            if shares := read_draws(folder):
                columns = msgspec.structs.replace(columns, right=[shares.get(row) for row in columns.id])
            self._columns[folder] = columns
        return self._columns[folder]


def _average_if_known(found: Iterable[tuple[int, Samples | None]]) -> dict[int, Samples] | None:
    """Average outcomes by seed; None if those of one model are not known."""
    listed = list(found)
    known = [(seed, samples) for seed, samples in listed if samples is not None]
    return _average_by_seed(known) if len(known) == len(listed) else None


def _average_by_seed(found: Iterable[tuple[int, Samples]]) -> dict[int, Samples]:
    by_seed: dict[int, list[Samples]] = {}
    for seed, samples in found:
        by_seed.setdefault(seed, []).append(samples)
    return {seed: average(models) for seed, models in by_seed.items()}
