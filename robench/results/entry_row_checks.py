"""Whether a row of an entry contradicts itself: its label, its probabilities, its outcome and its texts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from robench.escaping import list_values
from robench.results.entry_parts import RecordRow
from robench.results.salvage import are_probabilities, can_be_right, can_be_wrong

SHOWN = 3
"""Most rows of one list whose faults are told."""


def find_result_fault(row: RecordRow, classes: int) -> str:
    """Return how an attacked row contradicts itself, as the end of a sentence; empty if it does not."""
    is_error = row.status == "error"
    for probabilities in (row.probabilities_before, row.probabilities_after):
        if fault := find_row_fault(row.label, probabilities, classes, empty=is_error):
            return fault
    if row.words_changed > row.words:
        return f"has {row.words_changed} changed words of {row.words}"
    if is_error:
        return "" if row.final == row.original else "says error, but its text is changed"
    if row.status == "skipped":
        fits = can_be_wrong(row.probabilities_before, row.label)
    else:
        after = can_be_right if row.status == "failed" else can_be_wrong
        fits = can_be_right(row.probabilities_before, row.label) and after(row.probabilities_after, row.label)
    if not fits:
        return f"says {row.status}, which its label and probabilities contradict"
    is_same = row.final == row.original
    if row.status in (("succeeded",) if is_same else ("skipped",)):
        return f"says {row.status}, but its text is {'unchanged' if is_same else 'changed'}"
    return ""


def find_row_fault(label: int, probabilities: Sequence[float], classes: int, *, empty: bool) -> str:
    """Return why a label and probabilities are none, as the end of a sentence; empty if they are.

    Args:
        label: index of the gold label.
        probabilities: one for each class.
        classes: number of classes.
        empty: whether there may be no probabilities, as after an error.
    """
    if label >= classes:
        return f"has the label {label}, which is none of {classes} classes"
    if empty and not probabilities:
        return ""
    if len(probabilities) != classes or not are_probabilities(probabilities):
        return f"has numbers that are no probabilities of {classes} classes, whose sum is 1"
    return ""


def find_column_fault(table: msgspec.Struct) -> str:
    """Return which columns differ in length, as the end of a sentence; empty if none do."""
    lengths = {name: len(getattr(table, name)) for name in table.__struct_fields__}
    if len(set(lengths.values())) == 1:
        return ""
    return f"has columns of different lengths: {list_values(f'{name} {n:,}' for name, n in lengths.items())}"


def show_first(faults: Sequence[str]) -> list[str]:
    """Return the first faults, and a count of the others."""
    more = len(faults) - SHOWN
    return [*faults[:SHOWN], *([f"and {more:,} more rows"] if more > 0 else [])]
