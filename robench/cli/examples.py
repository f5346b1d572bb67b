"""Attacked texts on a terminal: what the attack changed in them, and on which texts the code failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from robench.escaping import escape_line, escape_terminal
from robench.results.changes import align_words
from robench.results.classes import name_class
from robench.results.records import Record


def format_examples(rows: Sequence[Record], labels: Sequence[str]) -> Iterator[Text]:
    """Describe attacked texts: the outcome, the changes, and the probabilities before and after."""
    for record in rows:
        yield Text(
            f"\nrow {record.id}, {_label(labels, record.label)}, attack {record.status}, "
            f"{record.queries} queries, {record.words_changed} of {record.words} words changed",
            style="dim",
        )
        yield _mark_changes(record)
        yield _format_probabilities(record, labels)


def _mark_changes(record: Record) -> Text:
    parts = []
    for span in align_words(record.original, record.final):
        before, after = escape_terminal(span.before), escape_terminal(span.after)
        if span.is_changed:
            parts.append(Text.assemble("[", (before or "+", "red"), " → ", (after or "-", "bold green"), "]"))
        else:
            parts.append(Text(before))
    return Text(" ").join(parts)


def _format_probabilities(record: Record, labels: Sequence[str]) -> Text:
    before, after = record.probabilities_before, record.probabilities_after
    order = sorted(range(len(before)), key=lambda i: -max(before[i], after[i]))
    texts = [f"{_label(labels, i)} {before[i]:.2f} → {after[i]:.2f}" for i in order if max(before[i], after[i]) >= 0.01]
    return Text(", ".join(texts), style="dim")


def _label(labels: Sequence[str], index: int) -> str:
    return escape_line(name_class(index, labels))


def format_errors(rows: Sequence[Record], count: int) -> Iterator[Text]:
    """Describe the first samples that ended in an error: row, text and reason."""
    for record in rows[:count]:
        yield Text(f"\nrow {record.id}: {escape_line(record.reason)}", style="dim")
        yield Text(escape_terminal(record.failed_text or record.original))
    if len(rows) > count:
        yield Text(f"\nand {len(rows) - count:,} more", style="dim")
