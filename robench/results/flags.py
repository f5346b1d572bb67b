"""What a reader has to know beside a number: flags of a result, each with its mark in tables and its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from robench.results.cells import Result
from robench.results.draws import DRAWS

FlagName = Literal["learned nothing", "random", "averaged", "texts cut", "few samples", "many errors"]

FEW = 100
"""Attacked samples below which a number is uncertain by about ten points."""
UNLEARNED = "cannot be told from naming the most frequent label each time"
"""What is said of a model whose clean accuracy is within two standard errors of that, which few rows may cause."""
CUT = "are cut there"
"""Part of the warning about a model that cuts more than 5 % of the test texts."""


class Flag(NamedTuple):
    """A flag: its mark behind the name of a row, empty if the number itself is marked, and its meaning."""

    mark: str
    meaning: str


FLAGS: Mapping[FlagName, Flag] = {
    "learned nothing": Flag("", f"the model {UNLEARNED}"),
    "random": Flag(
        "~",
        "the model gives the same text different scores; each number is of one draw, so the next run gives another one",
    ),
    "averaged": Flag(
        "≈",
        f"the model gives the same text different scores; its accuracy under attack is the mean over {DRAWS} new draws"
        " of each text at which an attack stopped, all else is of one draw",
    ),
    "texts cut": Flag(
        "‡", "the model cuts more than 5 % of the test texts; an attack on what is cut off has no effect"
    ),
    "few samples": Flag("§", f"fewer than {FEW} attacked samples: a number is uncertain by ten points or more"),
    "many errors": Flag("", "more than 1 % of the samples ended in an error; they may have changed the number"),
}
"""All flags, in the order in which they are listed."""


def list_flags(results: Iterable[Result]) -> tuple[FlagName, ...]:
    """Return the flags of the results of a row, in order."""
    found = {flag for result in results for flag in _find_flags(result)}
    return tuple(flag for flag in FLAGS if flag in found)


def _find_flags(result: Result) -> Iterable[FlagName]:
    info = result.info
    if not result.has_learned:
        yield "learned nothing"
    if info.victim and info.victim.random:
        yield "averaged" if info.draws else "random"
    if any(CUT in warning for warning in info.warnings):
        yield "texts cut"
    if result.attacked_n < FEW:
        yield "few samples"
    if 100 * result.outcome.errors > result.attacked_n:
        yield "many errors"
