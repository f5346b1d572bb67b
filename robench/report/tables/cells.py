"""Numbers of a table: means over seeds, the best of each column, and the lead of the defense that is compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from robench.report.tables.model import Cell, Column, Row
from robench.results.info import BEFORE

COMPARED = "taichi"
"""Name of the defense that is compared with the best of the others."""


def mean_cell(values: Sequence[tuple[int, Fraction]], n: int, *, learned: bool = True) -> Cell:
    """Mean and standard deviation over seeds; several values of one seed are averaged first.

    Args:
        values: pairs of a seed and a number.
        n: samples of each.
        learned: whether every model behind them has learned something.
    """
    seeds = tuple(sorted({seed for seed, _ in values}))
    if not seeds:
        return Cell()
    means = [_mean([value for of, value in values if of == seed]) for seed in seeds]
    mean = _mean(means)
    squares = sum((value - mean) ** 2 for value in means)
    sd = math.sqrt(squares / (len(means) - 1)) if len(means) > 1 else None
    return Cell(mean, sd=sd, seeds=seeds, n=n, learned=learned)


def judged(rows: Sequence[Row], columns: Sequence[Column], *, compare: bool) -> tuple[Row, ...]:
    """Rows with the best of each column marked, and what is compared compared.

    The encoder before fine-tuning takes no part: it is near to itself on all texts, and right about none. Nor does a
    model that has learned nothing: one that gives every text the same label is never fooled.
    """
    names = [row.name for row in rows]
    found = [
        _judged_column(column, names, cells, compare)
        for column, cells in zip(columns, zip(*(row.cells for row in rows), strict=True), strict=True)
    ]
    return tuple(replace(row, cells=cells) for row, cells in zip(rows, zip(*found, strict=True), strict=True))


def _judged_column(column: Column, names: Sequence[str], cells: Sequence[Cell], compare: bool) -> list[Cell]:
    if column.better is None:
        return list(cells)
    best = max if column.better == "higher" else min
    fit = [(name, c.value) for name, c in zip(names, cells, strict=True) if c.value is not None and c.learned]
    there = [value for name, value in fit if name != BEFORE]
    others = [value for name, value in fit if name != COMPARED]
    found = []
    for name, cell in zip(names, cells, strict=True):
        if cell.value is not None and cell.learned and name != BEFORE:
            lead = cell.value - best(others) if compare and name == COMPARED and others else None
            cell = replace(cell, best=len(there) > 1 and cell.value == best(there), difference=lead)
        found.append(cell)
    return found


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)
