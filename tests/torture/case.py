"""An input, and the register of the kinds of inputs."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """The folders of one input.

    Attributes:
        root: holds all others.
    """

    root: Path

    @property
    def work(self) -> Path:
        """The working directory, with ``data``, ``encoder``, ``model`` and ``runs``."""
        return self.root / "work"

    @property
    def outside(self) -> Path:
        """Files of somebody else, which nothing may change."""
        return self.root / "outside"

    @property
    def canary(self) -> Path:
        """A file that does not exist, unless a payload made it."""
        return self.root / "canary"


Step = Sequence[str] | Callable[[Place], object]
"""The words after ``robench``, or a call of the Python interface."""


def leave(place: Place) -> None:
    """Spoil nothing."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An input.

    Attributes:
        name: what is hostile about it.
        steps: what is done with it, in one process, until something is refused.
        spoil: writes it into the folders before.
        seconds: more is a hang.
        typed: what stands on the terminal; without, the input is closed.
        trusted: the user asked for the code in it, so that it may run.
        codes: exit codes other than 0 and 2 that are right.
    """

    name: str
    steps: Sequence[Step]
    spoil: Callable[[Place], Any] = leave
    seconds: float = 90
    typed: bytes = b""
    trusted: bool = False
    codes: Sequence[int] = ()


Make = Callable[[random.Random], Iterable[Case]]


@dataclass(frozen=True)
class Kind:
    """A kind of inputs: what makes them, and how many of them are tried."""

    name: str
    make: Make
    count: int

    def cases(self, seed: int, count: int | None = None) -> Iterator[Case]:
        """The inputs for a seed, in an order that does not depend on how many are taken."""
        made = self.make(random.Random(f"{self.name} {seed}"))
        return itertools.islice(made, self.count if count is None else count)


KINDS: dict[str, Kind] = {}


def kind(count: int) -> Callable[[Make], Make]:
    """Register a function as the kind of its name.

    Args:
        count: how many of its inputs are tried; it may yield more, or without end.
    """

    def register(make: Make) -> Make:
        assert make.__name__ not in KINDS, f"two kinds are called {make.__name__}"
        KINDS[make.__name__] = Kind(make.__name__, make, count)
        return make

    return register


def load_kinds() -> dict[str, Kind]:
    """Import all modules of :mod:`torture.kinds`, and return the kinds by name."""
    from torture import kinds

    for module in pkgutil.iter_modules(kinds.__path__):
        importlib.import_module(f"{kinds.__name__}.{module.name}")
    return KINDS


@dataclass(frozen=True)
class Numbered:
    """An input with its kind and its number in it, by which it is found again."""

    kind: str
    number: int
    case: Case = field(compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}"


def number_cases(seed: int, only: Sequence[str] = ()) -> list[Numbered]:
    """Return the inputs for a seed.

    Args:
        seed: decides all of them.
        only: ``KIND`` or ``KIND:NUMBER``; all by default.

    Raises:
        ValueError: there is no such kind or number.
    """
    kinds = load_kinds()
    found = []
    for name in only or kinds:
        name, _, number = name.partition(":")
        if name not in kinds:
            raise ValueError(f"there is no kind {name!r}; there are {', '.join(kinds)}")
        count = int(number) + 1 if number else kinds[name].count
        made = [Numbered(name, i, case) for i, case in enumerate(kinds[name].cases(seed, count))]
        if number and len(made) < count:
            raise ValueError(f"{name} has {len(made)} inputs, and no number {number}")
        found += made[-1:] if number else made
    return found
