"""Sentences that the captions of several figures have."""

from __future__ import annotations

from collections.abc import Sequence

from robench.report.figures.marks import describe_mark, mark_unlearned
from robench.results.adversarial_rows import note_adversarial_rows
from robench.results.cells import Result
from robench.results.seeds import describe_errors


def describe_others(count: int) -> str:
    """Return a sentence, with a space before it, on settings that a figure leaves out; empty if there are none."""
    return f" Other settings of this task in the runs folder, not shown: {count}." if count else ""


def describe_caveats(results: Sequence[Result]) -> str:
    """Return sentences, each with a space before it, on what some results do not tell of a defense."""
    notes = "".join(f" {note}." for note in note_adversarial_rows(r.info for r in results))
    return describe_mark(mark_unlearned(results)) + describe_errors(results) + notes
