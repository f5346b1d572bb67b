"""Guesses of the columns that hold texts and labels, where only one column can be meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from robench.data.table import Table, list_columns
from robench.errors import RobenchError
from robench.escaping import show_value

TEXT_NAMES = (
    *("text", "sentence", "content", "review", "comment", "tweet", "question", "document", "message", "utterance"),
    *("post", "article", "body"),
)
"""Usual names of columns of texts."""
LABEL_NAMES = ("label", "labels", "class", "category", "target", "sentiment", "intent", "emotion", "topic")
"""Usual names of columns of labels."""


class Columns(NamedTuple):
    """The columns of texts and labels, and a remark on those that were guessed; it is empty if none was."""

    text: str
    label: str
    remark: str


def find_columns(table: Table, text: str | None, label: str | None) -> Columns:
    """Find the columns of texts and labels: those that the user named, else the only ones that can be meant.

    Args:
        table: the rows.
        text: name of the text column; None looks for it.
        label: name of the label column; None looks for it.

    Raises:
        RobenchError: there is no such column, or two could be meant.
    """
    for flag, name in (("--text", text), ("--label", label)):
        if name is not None and name not in table.names:
            raise RobenchError(
                f"{table.place} has no column {show_value(name)}, which {flag} names; it has"
                f" {list_columns(table.names)}."
            )
    label_found = label or _guess(table, "labels", "--label", LABEL_NAMES, text)
    text_found = text or _guess(table, "texts", "--text", TEXT_NAMES, label_found)
    if label_found is None and text_found is not None and len(table.names) == 2:
        label_found = next(name for name in table.names if name != text_found)
    if text_found is None and label_found is not None and len(table.names) == 2:
        text_found = next(name for name in table.names if name != label_found)
    for what, flag, found in (("texts", "--text", text_found), ("labels", "--label", label_found)):
        if found is None:
            raise RobenchError(
                f"{table.place}: none of its columns ({list_columns(table.names)}) has a usual name of {what}: name it"
                f" with {flag} COLUMN. A file without a header needs one."
            )
    assert text_found is not None and label_found is not None
    if text_found == label_found:
        raise RobenchError(f"{table.place}: the column {show_value(text_found)} cannot hold both texts and labels.")
    for name in (text_found, label_found):
        table.refuse_copies(name)
    parts = [
        f"{what} are in the column {show_value(found)}"
        for what, found, given in (("texts", text_found, text), ("labels", label_found, label))
        if given is None
    ]
    remark = f"{', '.join(parts)}; --text and --label name others" if parts else ""
    return Columns(text_found, label_found, remark)


def _guess(table: Table, what: str, flag: str, usual: Sequence[str], other: str | None) -> str | None:
    """Return the only column with a usual name; None if there is none.

    Raises:
        RobenchError: there are several.
    """
    fitting = [name for name in table.names if name.strip().lower() in usual and name != other]
    if len(set(fitting)) > 1:
        raise RobenchError(
            f"{table.place}: {' and '.join(map(show_value, fitting))} could each be the column of {what}: name one with"
            f" {flag} COLUMN."
        )
    return fitting[0] if fitting else None
