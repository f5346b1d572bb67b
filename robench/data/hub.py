"""The reader of rows from the Hugging Face Hub, with time-outs if the Hub cannot be reached."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from robench.data.label_names import note_classes, translate_classes
from robench.data.tables import open_dataset
from robench.data.task import HOLD_OUT_SEED, HubSource, Row, Splits, hold_out
from robench.errors import RobenchError
from robench.escaping import list_values
from robench.resources.hub import UnreachableError, fetch_dataset


def read_hub(hub: HubSource, labels: Sequence[str], *, offline: bool = False) -> Splits:
    """Read the splits of a task's data set, which is downloaded once into the Hub's own cache.

    Args:
        hub: the data set.
        labels: names of the task's labels. A data set that has the same names in another order goes by its own order.
        offline: send the Hub no request.

    Raises:
        UnreachableError: there is no connection, no such data set or no access, or the data set is not in the Hub's
            cache and ``offline`` is set.
        RobenchError: the data set lacks a split or a column.
    """
    folder = fetch_dataset(hub.repository, hub.revision, offline=offline)
    dataset = load_dataset_folder(hub.repository, folder, hub.config)
    names = (hub.train, hub.dev, hub.test)
    notes: list[str] = []
    splits = {name: _read_rows(hub, labels, dataset, name, notes) for name in names if name is not None}
    train = splits[hub.train]
    dev: list[Row] = splits[hub.dev] if hub.dev is not None else []
    if hub.dev is None and hub.dev_last:
        train, dev = train[: -hub.dev_last], train[-hub.dev_last :]
        notes.append(f"dev is the last {hub.dev_last:,} rows of the Hub's {hub.train} split")
    elif hub.dev is None and hub.dev_sample:
        train, dev = hold_out(train, hub.dev_sample, HOLD_OUT_SEED)
        notes.append(f"dev is {hub.dev_sample:,} rows of the Hub's {hub.train} split, taken out by a fixed seed")
    source = f"hub:{hub.repository}@{folder.name}"
    return Splits(train=train, dev=dev, test=splits[hub.test], source=source, notes=tuple(notes))


def list_configs(repository: str, folder: Path) -> list[str]:
    """Return the names of the configurations of a data set whose files are in a folder.

    Raises:
        UnreachableError: its files cannot be read.
    """
    import datasets

    with _translate_reading(repository, folder):
        names: list[str] = datasets.get_dataset_config_names(str(folder))
    return names


def load_dataset_folder(repository: str, folder: Path, config: str | None) -> Any:
    """Read the ``datasets.DatasetDict`` of a data set whose files are in a folder; no server is asked.

    Args:
        repository: its id, for messages.
        folder: the folder.
        config: its configuration; None if it has one alone.

    Raises:
        UnreachableError: its files cannot be read.
    """
    import datasets

    with _translate_reading(repository, folder):
        return datasets.load_dataset(str(folder), name=config)


@contextlib.contextmanager
def _translate_reading(repository: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # datasets raises many types, from ValueError to pyarrow's own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnreachableError(f"its copy of {repository} in {folder} cannot be read ({reason[:200]})") from error


def _read_rows(hub: HubSource, labels: Sequence[str], dataset: Any, split: str, notes: list[str]) -> list[Row]:
    """Return the rows of a split, and add what is worth a note of its classes."""
    if split not in dataset:
        raise RobenchError(f"{hub.repository} on the Hub has no split {split!r}; it has {list_values(dataset)}.")
    table = open_dataset(f"{hub.repository} on the Hub, split {split}", dataset[split])
    for column in (hub.text, hub.label):
        if column not in table.names:
            columns = list_values(table.names)
            raise RobenchError(f"{hub.repository} on the Hub has no column {column!r} in {split}; it has {columns}.")
    names: dict[Any, int] = dict(hub.label_names)
    rows = enumerate(table.read_cells((hub.text, hub.label)))
    pairs = [(i, (text, names.get(one, one) if isinstance(one, str | int) else one)) for i, (_, (text, one)) in rows]
    classes = () if names else table.classes.get(hub.label, ())
    notes += [note for note in note_classes(classes, labels) if note not in notes]
    return [row for _, row in translate_classes(pairs, classes, labels)]
