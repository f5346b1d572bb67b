"""The reader of a task's rows from the Hugging Face Hub, with time-outs if the Hub cannot be reached."""

from __future__ import annotations

from typing import Any

from robench.data.task import HOLD_OUT_SEED, HubSource, Row, Splits, hold_out
from robench.errors import RobenchError, translate_failures
from robench.escaping import list_values
from robench.resources.hub import UnreachableError, fetch_dataset


def read_hub(hub: HubSource, *, offline: bool = False) -> Splits:
    """Read the splits of a data set, which is downloaded once into the Hub's own cache.

    Raises:
        UnreachableError: there is no connection, no such data set or no access, or the data set is not in the Hub's
            cache and ``offline`` is set.
        RobenchError: the data set lacks a split or a column.
    """
    folder = fetch_dataset(hub.repository, hub.revision, offline=offline)
    import datasets

    try:
        # `datasets` reads a local folder, so it asks no server and needs no time-out.
        dataset = datasets.load_dataset(str(folder), name=hub.config)
    except Exception as error:  # datasets raises many types, from ValueError to pyarrow's own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnreachableError(f"its copy of {hub.repository} in {folder} cannot be read ({reason[:200]})") from error
    splits = {name: _read_rows(hub, dataset, name) for name in (hub.train, hub.dev, hub.test) if name is not None}
    train, notes = splits[hub.train], list[str]()
    dev: list[Row] = splits[hub.dev] if hub.dev is not None else []
    if hub.dev is None and hub.dev_last:
        train, dev = train[: -hub.dev_last], train[-hub.dev_last :]
        notes.append(f"dev is the last {hub.dev_last:,} rows of the Hub's {hub.train} split")
    elif hub.dev is None and hub.dev_sample:
        train, dev = hold_out(train, hub.dev_sample, HOLD_OUT_SEED)
        notes.append(f"dev is {hub.dev_sample:,} rows of the Hub's {hub.train} split, taken out by a fixed seed")
    source = f"hub:{hub.repository}@{folder.name}"
    return Splits(train=train, dev=dev, test=splits[hub.test], source=source, notes=tuple(notes))


def _read_rows(hub: HubSource, dataset: Any, split: str) -> list[Row]:
    if split not in dataset:
        raise RobenchError(f"{hub.repository} on the Hub has no split {split!r}; it has {list_values(dataset)}.")
    table = dataset[split]
    for column in (hub.text, hub.label):
        if column not in table.column_names:
            columns = list_values(table.column_names)
            raise RobenchError(f"{hub.repository} on the Hub has no column {column!r} in {split}; it has {columns}.")
    with translate_failures(f"{hub.repository} on the Hub: the rows of {split} cannot be read"):
        rows = table[hub.label]
        names: dict[Any, int] = dict(hub.label_names)
        labels = [names.get(label, label) if isinstance(label, str | int) else label for label in rows]
        return list(zip(table[hub.text], labels, strict=True))
