"""The classes of a task: which one a model predicts, and its name."""

from __future__ import annotations

from collections.abc import Sequence


def predict(probabilities: Sequence[float]) -> int:
    """Return the class with the largest probability; of equal ones the first."""
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def name_class(number: int, labels: Sequence[str]) -> str:
    """Return the label of a class, or its number if it has no label.

    Args:
        number: the class, from 0.
        labels: those of the task, which may be fewer than a model's classes.
    """
    return labels[number] if number < len(labels) else str(number)
