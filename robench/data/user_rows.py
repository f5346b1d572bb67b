"""Rows that a user brings without a task: a file, a folder, or a data set on the Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from robench.data.columns import Columns, find_columns
from robench.data.files import find_file, make_missing_error, note_quoting
from robench.data.hub import list_configs, load_dataset_folder
from robench.data.label_names import LabelNames, are_hidden, merge_classes, settle_labels
from robench.data.load import TaskData, check_rows
from robench.data.table import NumberedRow, Table
from robench.data.tables import SUFFIXES, open_dataset, open_table
from robench.data.task import SPLITS, Row, Splits, Task
from robench.errors import RobenchError, translate_failures
from robench.escaping import list_values, show_value
from robench.paths import absolute_path
from robench.plugins import registry
from robench.resources.hub import UnreachableError, fetch_dataset

HUB = "hf:"
"""How the name of a data set on the Hub begins."""
HUB_FORM = "hf:ID[@REVISION][/CONFIG][:SPLIT]"
FILE_FORM = f"FILE{'|'.join(SUFFIXES)}"
_HUB_NAME = re.compile(
    r"hf:(?P<repository>[^@/:]+(?:/[^@/:]+)?)(?:@(?P<revision>refs/[^/:]+/[^/:]+|[^/:]+))?"
    r"(?:/(?P<config>[^:]+))?(?::(?P<split>.+))?"
)
_SPLIT_NAMES: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "dev": ("dev", "validation", "valid", "val"),
    "test": ("test",),
}
"""What others call the splits."""
_DICTIONARY, _STATE = "dataset_dict.json", "state.json"
"""Files in a folder that ``save_to_disk`` of several splits, or of one, has written."""


@dataclass(frozen=True, kw_only=True)
class UserRows:
    """The rows that a user brought.

    Attributes:
        data: the rows.
        remarks: what was guessed, as sentences without an end.
    """

    data: TaskData
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UserData:
    """Where a user's rows are, and what they hold.

    Attributes:
        place: a path, or ``hf:ID[@REVISION][/CONFIG][:SPLIT]``.
        test_only: whether the place holds test rows; else it holds splits.
        text: name of the text column; None guesses it.
        label: name of the label column; None guesses it.
        labels: the labels in the order of their numbers; empty takes the order that the rows suggest.
    """

    place: str
    test_only: bool
    text: str | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()

    @cached_property
    def name(self) -> str:
        """Return the name of the rows, in place of a task's."""
        if self.place.startswith(HUB):
            found = parse_hub_place(self.place)
            parts = [found["repository"].rpartition("/")[2], found["config"]]
            name = "-".join(part for part in parts if part and part != "default")
        else:
            path = absolute_path(Path(self.place)).resolve()
            path = path.parent if path.name == _DICTIONARY else path
            name = path.name if path.is_dir() else path.stem
            if any(name in names for names in _SPLIT_NAMES.values()):
                name = path.parent.name
        name = re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:50] or "rows"
        return f"{name}-own" if name == "all" or registry.is_registered("tasks", name) else name

    def load(self, *, offline: bool = False, needs_train: bool = False) -> UserRows:
        """Read and check the rows.

        Args:
            offline: read only what is on this machine.
            needs_train: whether there have to be training rows.

        Raises:
            RobenchError: the place does not exist, its columns or labels could mean several things, or a row is
                malformed.
        """
        tables, source = self._open(offline)
        if needs_train and "train" not in tables:
            raise RobenchError(
                f"{self.place} has no training rows: `robench run` needs them; `robench attack` does not."
            )
        columns = find_columns(tables["test"], self.text, self.label)
        for table in tables.values():
            find_columns(table, columns.text, columns.label)
        rows, classes, notes = _read_tables(tables, columns, self.labels, needs_train=needs_train)
        names = settle_labels(
            [label for numbered in rows.values() for _, (_, label) in numbered],
            f"the column {show_value(columns.label)} of {tables['test'].place}",
            self.labels,
            classes,
        )
        numbered = {split: _number_rows(tables[split], rows[split], names) for split in rows}

        def describe_place(split: str, index: int) -> str:
            return tables[split].describe_place(rows[split][index][0])

        train, dev, test = (numbered.get(split, []) for split in SPLITS)
        notes = [*note_quoting(tables.values()), *notes]
        splits = Splits(train=train, dev=dev, test=test, source=source, notes=tuple(notes), place=describe_place)
        data = check_rows(self.name, Task(labels=names.names), splits, needs_train=needs_train)
        return UserRows(data=data, remarks=tuple(filter(None, (columns.remark, names.remark))))

    def _open(self, offline: bool) -> tuple[dict[str, Table], str]:
        """Open the splits, of which there is a test split, and name their source.

        Raises:
            RobenchError: there are none.
        """
        if self.place.startswith(HUB):
            return self._open_hub(offline)
        path = absolute_path(Path(self.place))
        if path.name == _DICTIONARY and path.is_file():
            path = path.parent
        if not path.exists():
            raise RobenchError(self._explain_missing())
        source = f"local:{path}"
        if (path / _DICTIONARY).is_file() or (path / _STATE).is_file():
            saved = _load_saved(path)
            return self._pick_splits(saved, self._find_only_split(saved), str(path)), source
        if not self.test_only:
            return _open_folder(path), source
        if path.is_dir():
            raise RobenchError(
                f"--test {self.place} is a folder, and takes a file ({FILE_FORM}) or a folder that save_to_disk of"
                f" `datasets` has written; --task takes a folder with {{train,dev,test}}{SUFFIXES[0]}."
            )
        if path.suffix.lower() not in SUFFIXES:
            raise RobenchError(f"{path} has none of the endings {', '.join(SUFFIXES)}, which say how it is read.")
        return {"test": open_table(path, "of texts and labels")}, source

    def _explain_missing(self) -> str:
        if self.test_only:
            return f"--test {self.place} does not exist; it takes {FILE_FORM}, or {HUB_FORM} for the Hub."
        return (
            f"the folder {self.place} does not exist; --task takes a task, or a folder with {{train,dev,test}} files."
        )

    def _open_hub(self, offline: bool) -> tuple[dict[str, Table], str]:
        found = parse_hub_place(self.place)
        repository, config = found["repository"], found["config"] or None
        try:
            folder = fetch_dataset(repository, found["revision"] or "main", offline=offline)
            known = list_configs(repository, folder)
            if config not in known and (config or (len(known) > 1 and "default" not in known)):
                lack = f"no configuration {config!r}" if config else "several configurations"
                raise RobenchError(
                    f"{repository} on the Hub has {lack}; it has {list_values(known)}: name one as"
                    f" {HUB}{repository}/CONFIG."
                )
            dataset = load_dataset_folder(repository, folder, config)
        except UnreachableError as error:
            raise RobenchError(
                f"{repository} was not read from the Hub: {error}. A file of its rows ({FILE_FORM}) does as well."
            ) from error
        place = f"{repository}{f'/{config}' if config else ''} on the Hub"
        split = found["split"] or self._find_only_split(dataset)
        tables = self._pick_splits(dataset, split, place)
        parts = [f"{HUB}{repository}@{folder.name}", f"/{config}" if config else ""]
        return tables, "".join([*parts, f":{split}" if split else ""])

    def _find_only_split(self, dataset: Any) -> str:
        """Return the name of the only split, if test rows are read from it whatever it is called; else nothing."""
        if not self.test_only or not isinstance(dataset, Mapping) or len(dataset) > 1 or "test" in dataset:
            return ""
        return str(next(iter(dataset), ""))

    def _pick_splits(self, dataset: Any, split: str, place: str) -> dict[str, Table]:
        """Return the splits of what ``datasets`` has read: one data set, or several by name.

        Args:
            dataset: what ``datasets`` has read.
            split: the split to test on; empty takes those of the usual names.
            place: where it was read, for errors.

        Raises:
            RobenchError: there is no split to test on.
        """
        if not isinstance(dataset, Mapping):
            if not self.test_only:
                raise RobenchError(f"{place} holds one split alone: --test takes it, --task needs several.")
            return {"test": open_dataset(place, dataset)}
        names = {"test": split} if split else _match_splits(list(dataset))
        if names.get("test") not in dataset:
            lack = f"no split {split!r}" if split else "no test split"
            is_named = self.test_only and self.place.startswith(HUB)
            how = f"name one as {HUB_FORM}" if is_named else "save one as test, or give `--test hf:ID:SPLIT` or a file"
            raise RobenchError(f"{place} has {lack}; it has {list_values(dataset)}; {how}.")
        kept = {"test": names["test"]} if self.test_only else names
        return {ours: open_dataset(f"{place}, split {theirs}", dataset[theirs]) for ours, theirs in kept.items()}


def parse_hub_place(place: str) -> Mapping[str, str]:
    """Return the repository, revision, config and split in the name of a data set on the Hub; absent ones are empty.

    Raises:
        RobenchError: it is none.
    """
    match = _HUB_NAME.fullmatch(place)
    if not match:
        raise RobenchError(f"{show_value(place)} names no data set on the Hub; the form is {HUB_FORM}.")
    return match.groupdict("")


def _match_splits(names: Sequence[str]) -> dict[str, str]:
    """Return by robench's name the split that a data set has under one of the usual names."""
    pairs = ((split, next((one for one in usual if one in names), None)) for split, usual in _SPLIT_NAMES.items())
    return {split: name for split, name in pairs if name is not None}


def _open_folder(path: Path) -> dict[str, Table]:
    if not path.is_dir():
        raise RobenchError(f"--task {path} is a file, and takes a folder; `robench attack --test` takes a file.")
    files = {split: find_file(path, usual) for split, usual in _SPLIT_NAMES.items()}
    if files["test"] is None:
        raise make_missing_error(path, "test")
    return {split: open_table(file, "of texts and labels") for split, file in files.items() if file is not None}


def _load_saved(path: Path) -> Any:
    """Read a folder that ``save_to_disk`` has written."""
    import datasets

    with translate_failures(f"{path} cannot be read as a data set that save_to_disk has written"):
        return datasets.load_from_disk(str(path))


def _read_tables(
    tables: Mapping[str, Table], columns: Columns, given: Sequence[str], *, needs_train: bool
) -> tuple[dict[str, list[NumberedRow]], tuple[str, ...], list[str]]:
    """Return the rows of each split, whose class numbers count in one list of classes, this list, and notes.

    Without a need of training rows, splits with hidden labels are left out, except for the test rows.

    Raises:
        RobenchError: the labels of a split are hidden, or their numbers could mean several classes.
    """
    kept: dict[str, Table] = {}
    rows: dict[str, list[NumberedRow]] = {}
    notes: list[str] = []
    for split in dict.fromkeys(("test", *tables)):
        table = tables[split]
        numbered = table.read_rows(columns.text, columns.label)
        if are_hidden([label for _, (_, label) in numbered], given):
            if needs_train or split == "test":
                raise RobenchError(
                    f"the column {show_value(columns.label)} of {table.place} holds only -1, as hidden labels do: take"
                    " a split that has them, or list all labels with --labels if -1 is one of them."
                )
            notes.append(f"the rows of {split} are left out, as their labels are hidden (all are -1)")
            continue
        kept[split], rows[table.place] = table, numbered
    own = {table.place: table.classes[columns.label] for table in kept.values() if columns.label in table.classes}
    merged, classes = merge_classes(rows, own)
    return {split: merged[kept[split].place] for split in tables if split in kept}, classes, notes


def _number_rows(table: Table, rows: Sequence[NumberedRow], names: LabelNames) -> list[Row]:
    """Return texts with the numbers of their labels.

    Raises:
        RobenchError: a row has another label.
    """
    numbered: list[Row] = []
    for place, (text, label) in rows:
        number = names.find(label)
        if number is None:
            known = list_values(f"{i} ({name})" for i, name in enumerate(names.names))
            raise RobenchError(
                f"{table.describe_place(place)}: the label {show_value(label)} is not one of {known}; --labels lists"
                " all labels in order."
            )
        numbered.append((text, number))
    return numbered
