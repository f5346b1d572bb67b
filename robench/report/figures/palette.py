"""One look for each defense, the same in every figure, and apart for readers who see colours differently.

The hues are those of Okabe and Ito (2008) with a dark grey for black. Eight are as many as can be told apart with any
common colour vision, so a look is a hue and a pattern (a marker, where there are points). Names that are not in the
list, of plug-ins, get a look from a hash of the name: it does not depend on what else is installed or drawn, unless
two names in one figure meet in the same look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GREY, ORANGE, SKY, GREEN = "#4D4D4D", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
HUES = (GREY, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE)
PATTERNS = (("", "o"), ("////", "s"), ("....", "^"), ("xxxx", "D"), ("|||||", "v"))
"""Hatch of bars and marker of points."""


@dataclass(frozen=True)
class Look:
    """How a defense is drawn."""

    colour: str
    hatch: str = ""
    marker: str = "o"

    @property
    def dark(self) -> bool:
        """Whether black lines on it are hard to see."""
        return self.colour in (GREY, BLUE)


_KNOWN = {
    "base": (GREY, 0),
    "base-adv": (GREY, 1),
    "base-adv-soft": (GREY, 2),
    "fgsm": (YELLOW, 0),
    "fgm": (YELLOW, 1),
    "pgd": (BLUE, 0),
    "freelb": (BLUE, 1),
    "freelb++": (BLUE, 2),
    "ada": (ORANGE, 0),
    "smart": (ORANGE, 1),
    "smart-paper": (ORANGE, 2),
    "clean": (PURPLE, 0),
    "adversarial": (PURPLE, 1),
    "average": (PURPLE, 2),
    "taichi-no-ctr": (SKY, 0),
    "taichi-no-adv": (GREEN, 0),
    "taichi": (VERMILLION, 0),
}

_TITLES = {
    "base": "Base",
    "taichi": "TaiChi",
    "taichi-no-ctr": "w/o CTR",
    "clean": "w/o KL",
    "taichi-no-adv": "w/o ADV",
}


def title(label: str) -> str:
    """What a figure calls a defense: the paper's word where it has one, else the registered name."""
    return _TITLES.get(label, label)


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """A look for each label, no two alike as long as there are enough.

    A label is a registered name, or a name with its changed hyper-parameters in brackets, which keeps the name's hue.
    """
    selection = list(dict.fromkeys(labels))
    found = {label: _look(*_KNOWN[label]) for label in selection if label in _KNOWN}
    for label in sorted(set(selection) - set(found)):
        candidates = _candidates(label)
        free = [look for look in candidates if look not in found.values()]
        found[label] = (free or candidates)[0]
    return {label: found[label] for label in selection}


def class_colours(count: int) -> list[str]:
    """Colours of ``count`` classes; beyond eight they repeat."""
    hues = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY, YELLOW)
    return [hues[i % len(hues)] for i in range(count)]


def tint(colour: str, share: float) -> tuple[float, float, float]:
    """A colour mixed with white: ``share`` of it, 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return (1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue))


def _look(colour: str, pattern: int) -> Look:
    return Look(colour, *PATTERNS[pattern])


def _candidates(label: str) -> Sequence[Look]:
    name, _, changes = label.partition(" ")
    every = [(hue, pattern) for pattern in range(len(PATTERNS)) for hue in HUES]
    free = [place for place in every if place not in _KNOWN.values()]
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % len(free)
    turned = free[start:] + free[:start]
    if changes:
        hue = _KNOWN[name][0] if name in _KNOWN else turned[0][0]
        turned.sort(key=lambda place: place[0] != hue)
    return [_look(*place) for place in turned]
