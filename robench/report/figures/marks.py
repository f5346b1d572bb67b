"""The mark of a model that learned nothing: the same in every figure as in the tables."""

from __future__ import annotations

from collections.abc import Iterable

from robench.results.cells import Result

DAGGER = " †"


def mark_unlearned(results: Iterable[Result]) -> str:
    """Return what stands behind a number or a name: a dagger if a model of the results has learned nothing."""
    return "" if all(result.has_learned for result in results) else DAGGER
