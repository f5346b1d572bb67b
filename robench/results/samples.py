"""Outcomes of samples by seed, in the form that intervals and tests take.

An outcome is 1 or True if the model is right, 0 or False if it is wrong, between them if it is an average over models,
and None if it is not known, because code failed on the sample. :data:`Outcomes` has a sequence of them for each seed,
with the same samples in the same order; :func:`align` makes that of outcomes by the samples' ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

Outcome: TypeAlias = float | bool | None
"""1 or True: right; 0 or False: wrong; between: an average over models; None: not known."""
Outcomes: TypeAlias = Mapping[int, Sequence[Outcome]]
"""Outcomes by seed; all sequences have the same samples in the same order."""


def complete(rows: Sequence[Sequence[Outcome]]) -> tuple[Sequence[Sequence[float]], int]:
    """Return the columns in which nothing is None, as rows again, and how many others there are."""
    if not any(None in row for row in rows):
        return cast(Sequence[Sequence[float]], rows), 0
    columns = [cast(tuple[float, ...], column) for column in zip(*rows, strict=True) if None not in column]
    return [[column[i] for column in columns] for i in range(len(rows))], len(rows[0]) - len(columns)


def align(*rows: Mapping[int, Mapping[int, Outcome]]) -> list[dict[int, list[Outcome]]]:
    """Return the outcomes of several rows of a table in one order of samples.

    Args:
        rows: by seed, then by the sample's id.

    Returns:
        For each row its outcomes by seed, in ascending order of all samples' ids; None for a sample that a seed lacks.

    Example:
        >>> align({1: {7: True, 3: False}}, {1: {3: True}})
        [{1: [False, True]}, {1: [True, None]}]
    """
    everything = [outcomes for row in rows for outcomes in row.values()]
    orders = [list(outcomes) for outcomes in everything]
    if orders and all(order == orders[0] for order in orders) and orders[0] == sorted(orders[0]):
        return [{seed: list(outcomes.values()) for seed, outcomes in row.items()} for row in rows]
    ids = sorted({sample for outcomes in everything for sample in outcomes})
    return [{seed: [outcomes.get(i) for i in ids] for seed, outcomes in row.items()} for row in rows]


def average(models: Sequence[Mapping[int, Outcome]]) -> Mapping[int, Outcome]:
    """Average the outcomes of several models of one seed, sample by sample.

    Args:
        models: outcomes by the sample's id.

    Returns:
        The mean of each sample that every model has; None if one of them is not known.

    Example:
        >>> average([{0: True, 1: False}, {0: False, 1: None}])
        {0: 0.5, 1: None}
    """
    if len(models) == 1:
        return models[0]
    shared = [sample for sample in models[0] if all(sample in model for model in models)]
    return {sample: _mean([model[sample] for model in models]) for sample in shared}


def check_outcomes(outcomes: Outcomes) -> list[Sequence[Outcome]]:
    """Return the rows of outcomes.

    Raises:
        ValueError: they differ in length, or an outcome is not from 0 to 1.
    """
    rows = list(outcomes.values())
    if len({len(row) for row in rows}) > 1:
        lengths = ", ".join(f"{len(row)} of seed {seed}" for seed, row in outcomes.items())
        raise ValueError(f"all seeds need the same samples in the same order, not {lengths}")
    for seed, row in outcomes.items():
        if _PLAIN.issuperset(row):
            continue
        for one in row:
            if one is not None and not 0 <= one <= 1:
                raise ValueError(f"an outcome is from 0 to 1, or None; seed {seed} has {one}")
    return rows


_PLAIN: frozenset[Outcome] = frozenset([0, 1, None])


def _mean(values: Sequence[Outcome]) -> Outcome:
    return None if None in values else sum(float(one) for one in values if one is not None) / len(values)
