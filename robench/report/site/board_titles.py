"""Titles of boards: task, encoder, and as much more as sets a board apart from others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from robench.results.cells import Result, group
from robench.results.info import ELSEWHERE


def name_boards(firsts: Sequence[Result]) -> list[str]:
    """Name boards by task and encoder, or that models were trained elsewhere, and by as much more as sets them apart.

    Args:
        firsts: a result of each board.
    """
    titles = [f"{r.info.task} · {_describe_models(r)}" for r in firsts]
    for describe in _DIFFERENCES:
        for alike in group(range(len(firsts)), titles.__getitem__).values():
            words = [describe(firsts[place]) for place in alike]
            if len(set(words)) > 1:
                for place, word in zip(alike, words, strict=True):
                    titles[place] = f"{titles[place]} · {word}"
    return titles


def _describe_models(result: Result) -> str:
    info = result.info
    return "models trained elsewhere" if info.training == ELSEWHERE else info.encoder.name


def describe_settings(result: Result) -> str:
    """Return the training settings of a result in words."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.info.training.items())


_DIFFERENCES: Sequence[Callable[[Result], str]] = (
    lambda r: f"{r.attacked_n:,} attacked texts",
    lambda r: f"{r.info.train_rows:,} training rows",
    lambda r: r.info.precision,
    describe_settings,
    lambda r: f"data {r.info.data.digest[:8]}",
    lambda r: f"encoder {r.info.encoder.digest[:8]}",
    lambda r: f"format {r.info.format}",
    lambda r: f"{r.info.clean.n:,} clean texts",
    lambda r: f"{r.info.split} rows",
)
"""What may set two boards of a task and an encoder apart, in the order in which it is looked at."""
