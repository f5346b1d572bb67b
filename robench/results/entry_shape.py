"""What the readers of an entry rely on: that there are texts, and that its columns fit together.

Every table reads all entries, so this looks at lengths and largest numbers alone. Whether the numbers are true is the
matter of :mod:`robench.results.entry_checks`.
"""

from __future__ import annotations

from collections.abc import Iterator

from robench.results.entry_form import Entry
from robench.results.entry_parts import Predictions, Records
from robench.results.entry_row_checks import find_column_fault


def find_shape_fault(entry: Entry) -> str:
    """Return the first thing in an entry that no table can be made of, as a sentence without an end; else empty."""
    return next(_find_faults(entry), "")


def _find_faults(entry: Entry) -> Iterator[str]:
    if not entry.clean.n:
        yield "clean counts no texts"
    for i, measured in enumerate(entry.statistics):
        if measured.clean and not measured.clean.n:
            yield f"statistics.{i} ({measured.label}): clean counts no texts"
    classes = len(entry.labels)
    if entry.predictions is not None and (fault := _find_table_fault(entry.predictions, classes)):
        yield f"predictions {fault}"
    for i, attack in enumerate(entry.attacks):
        if attack.records is not None and (fault := _find_table_fault(attack.records, classes)):
            yield f"attacks.{i} ({attack.label}): records {fault}"


def _find_table_fault(table: Predictions | Records, classes: int) -> str:
    if fault := find_column_fault(table):
        return fault
    if max(table.label, default=0) >= classes:
        return f"has the label {max(table.label)}, which is none of {classes} classes"
    columns = (table.before, table.after) if isinstance(table, Records) else (table.probabilities,)
    for column in columns:
        if set(map(len, column)) <= {classes}:
            continue
        for row, probabilities in enumerate(column):
            is_error = isinstance(table, Records) and table.status[row] == "error"
            if len(probabilities) != classes and (probabilities or not is_error):
                return f"has {len(probabilities)} probabilities in row {table.id[row]}, of {classes} classes"
    return ""
