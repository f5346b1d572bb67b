"""Adversarial texts that somebody has published: a file of originals, adversarial texts and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from robench.data.label_names import find_label
from robench.data.tables import read_csv_lines, read_text
from robench.data.tsv import split_cells
from robench.data.visible_text import has_sign
from robench.errors import RobenchError
from robench.escaping import list_values, show_value

COLUMNS = ("original", "adversarial", "label")


class AdversarialPair(NamedTuple):
    """An original text, the adversarial text that was made of it, and the number of the gold label of both."""

    original: str
    adversarial: str
    label: int


def read_adversarial_pairs(
    path: Path, labels: Sequence[str], *, prepare: Callable[[str], str] = str
) -> list[AdversarialPair]:
    """Read a file with the columns original, adversarial and label, tab-separated or, if it ends in .csv, CSV.

    Args:
        path: the file; further columns are ignored.
        labels: names of the task's labels; the file has these names, or their numbers from 0.
        prepare: what the task does to each of its texts, such as lower-casing.

    Raises:
        RobenchError: it cannot be read, or a line is malformed; the message names file and line.
    """
    pairs = [_read_pair(place, cells, labels, prepare) for place, cells in _select_columns(path)]
    if not pairs:
        raise RobenchError(f"{path} has no rows: give it at least one below its header.")
    return pairs


def _select_columns(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the cells of the three columns of each row, with the place of the row."""
    content = read_text(path, list_values(COLUMNS))
    lines = read_csv_lines(path, content) if path.suffix.lower() == ".csv" else iter(split_cells(content).rows)
    _, header = next(lines, (1, list[str]()))
    names = [name.strip().lower() for name in header]
    for name in COLUMNS:
        if names.count(name) != 1:
            there = list_values(show_value(one) for one in header)
            raise RobenchError(
                f"{path}, line 1: it needs one column {name}, and has {there}; originals, adversarial texts and gold"
                f" labels stand in {', '.join(COLUMNS)}."
            )
    at = [names.index(name) for name in COLUMNS]
    for number, cells in lines:
        place = f"{path}, line {number}"
        if len(cells) != len(header):
            raise RobenchError(f"{place}: {len(cells)} cells, but the header has {len(header)}.")
        yield place, [cells[i] for i in at]


def _read_pair(
    place: str, cells: Sequence[str], labels: Sequence[str], prepare: Callable[[str], str]
) -> AdversarialPair:
    original, adversarial, label = prepare(cells[0]), prepare(cells[1]), cells[2]
    for name, text in zip(COLUMNS, (original, adversarial, label), strict=True):
        if not has_sign(text):
            raise RobenchError(f"{place}: no {name}.")
    number = find_label(labels, label)
    if number is None:
        known = list_values(f"{i} ({name})" for i, name in enumerate(labels))
        raise RobenchError(f"{place}: the label {show_value(label)} is not one of {known}.")
    return AdversarialPair(original, adversarial, number)
