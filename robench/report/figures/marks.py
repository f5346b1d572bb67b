"""The mark of a model that learned nothing: the same in every figure as in the tables."""

from __future__ import annotations

from collections.abc import Iterable

from robench.results.cells import Result
from robench.results.flags import UNLEARNED

DAGGER = " †"


def mark_unlearned(results: Iterable[Result]) -> str:
    """Return what stands behind a number or a name: a dagger if a model of the results has learned nothing."""
    return "" if all(result.has_learned for result in results) else DAGGER


def describe_mark(mark: str) -> str:
    """Return a sentence, with a space before it, on a figure's mark; empty if it has none."""
    if not mark:
        return ""
    return f"{DAGGER}: the model, or one of them, {UNLEARNED}; it is not to be compared."
