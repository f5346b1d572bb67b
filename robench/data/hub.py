"""A task's rows from the Hugging Face Hub, without hanging where it cannot be reached."""

from __future__ import annotations

from typing import Any

from robench.data.task import HubSource, Row, Splits, hold_out
from robench.errors import RobenchError
from robench.resources.hub import UnreachableError, fetch_dataset

SEED = 50
"""Seed of the development rows that are sampled out of a training split (the paper's seed)."""


def read_hub(hub: HubSource, *, offline: bool = False) -> Splits:
    """Download the data set (once; the Hub's own cache keeps it) and read its splits.

    Raises:
        UnreachableError: no connection, no such data set, no access, or ``offline`` and not in the Hub's cache.
        RobenchError: the data set is there but lacks a split or a column.
    """
    folder = fetch_dataset(hub.repository, hub.revision, offline=offline)
    import datasets

    try:
        # A local folder: `datasets` asks no server, so neither time-outs nor its offline switch matter.
        found = datasets.load_dataset(str(folder), name=hub.config)
    except Exception as error:  # datasets raises anything, from ValueError to pyarrow's own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnreachableError(f"its copy of {hub.repository} in {folder} cannot be read ({reason[:200]})") from error
    splits = {name: _rows(hub, found, name) for name in (hub.train, hub.dev, hub.test) if name is not None}
    train, notes = splits[hub.train], list[str]()
    dev: list[Row] = splits[hub.dev] if hub.dev is not None else []
    if hub.dev is None and hub.dev_last:
        train, dev = train[: -hub.dev_last], train[-hub.dev_last :]
        notes.append(f"dev is the last {hub.dev_last:,} rows of the Hub's {hub.train} split")
    elif hub.dev is None and hub.dev_sample:
        train, dev = hold_out(train, hub.dev_sample, SEED)
        notes.append(f"dev is {hub.dev_sample:,} rows of the Hub's {hub.train} split, taken out by a fixed seed")
    source = f"hub:{hub.repository}@{folder.name}"
    return Splits(train=train, dev=dev, test=splits[hub.test], source=source, notes=tuple(notes))


def _rows(hub: HubSource, found: Any, split: str) -> list[Row]:
    if split not in found:
        raise RobenchError(f"{hub.repository} on the Hub has no split {split!r}; it has {', '.join(found)}.")
    table = found[split]
    for column in (hub.text, hub.label):
        if column not in table.column_names:
            there = ", ".join(table.column_names)
            raise RobenchError(f"{hub.repository} on the Hub has no column {column!r} in {split}; it has {there}.")
    labels = (hub.label_names.get(label, label) for label in table[hub.label])
    return list(zip(table[hub.text], labels, strict=True))
