"""One look for each defense, the same in every figure, and apart for readers who see colours differently.

The hues are those of Okabe and Ito (2008) with a dark grey for black. At most eight can be distinguished with every
common colour vision, so a look is a hue and a pattern: a hatch, a marker or dashes. A defense declares its own. One
that does not, or whose plug-in is gone, gets a look from a hash of its name. This look does not depend on what else is
installed or drawn, unless two names in one figure get the same look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.style import Hue, Pattern, Style

HUES: dict[Hue, str] = {
    "grey": "#4D4D4D",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
"""Colour of each :data:`~robench.plugins.style.Hue`."""

PATTERNS: dict[Pattern, tuple[str, str, tuple[int, ...]]] = {
    "plain": ("", "o", ()),
    "striped": ("////", "s", (7, 3)),
    "dotted": ("....", "^", (2, 3)),
    "crossed": ("xxxx", "D", (7, 3, 2, 3)),
    "ruled": ("|||||", "v", (12, 4)),
    "slanted": ("\\\\\\\\", "P", (4, 4)),
    "barred": ("-----", "X", (12, 3, 2, 3, 2, 3)),
}
"""Hatch of bars, marker of points and dashes of lines of each :data:`~robench.plugins.style.Pattern`; the latter are
those of ``site.css``, in points."""


@dataclass(frozen=True)
class Look:
    """How a defense is drawn."""

    hue: Hue
    pattern: Pattern

    @property
    def colour(self) -> str:
        """The colour of the hue."""
        return HUES[self.hue]

    @property
    def hatch(self) -> str:
        """The hatch of bars."""
        return PATTERNS[self.pattern][0]

    @property
    def marker(self) -> str:
        """The marker of points."""
        return PATTERNS[self.pattern][1]

    @property
    def dashes(self) -> tuple[int, ...]:
        """The dashes of lines, in points; none for a whole line."""
        return PATTERNS[self.pattern][2]

    @property
    def dark(self) -> bool:
        """Whether black lines on it are hard to see."""
        return self.hue in ("grey", "blue")


def title(label: str) -> str:
    """Return a defense's name in figures: its own title if it has one, else the label."""
    style = _style(label)
    return (style.title if style else "") or label


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """Choose a look for each label; no two are alike as long as there are enough looks.

    A label is a registered name, or a name with its changed hyper-parameters in brackets, which keeps the name's hue.
    """
    selection = list(dict.fromkeys(labels))
    found = {label: Look(style.hue, style.pattern) for label in selection if (style := _style(label))}
    for label in sorted(set(selection) - set(found)):
        candidates = _candidates(label)
        free = [look for look in candidates if look not in found.values()]
        found[label] = (free or candidates)[0]
    return {label: found[label] for label in selection}


def class_colours(count: int) -> list[str]:
    """Return colours of ``count`` classes; after eight they repeat."""
    hues: tuple[Hue, ...] = ("blue", "orange", "green", "vermillion", "purple", "sky", "grey", "yellow")
    return [HUES[hues[i % len(hues)]] for i in range(count)]


def tint(colour: str, share: float) -> tuple[float, float, float]:
    """Mix a colour with white; ``share`` is the share of the colour, 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return (1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue))


def _style(name: str) -> Style | None:
    """Return the style that a registered defense declares; None if it declares none, or if its plug-in is gone."""
    try:
        return registry.entry("defenses", name).style
    except RobenchError:
        return None


def _candidates(label: str) -> Sequence[Look]:
    """List the looks that a name may have, the preferred one first; those of built-ins are not among them."""
    name, _, changes = label.partition(" ")
    built_in = [entry.style for entry in registry.entries("defenses") if entry.is_built_in]
    taken = {(style.hue, style.pattern) for style in built_in if style}
    every: list[tuple[Hue, Pattern]] = [(hue, pattern) for pattern in PATTERNS for hue in HUES]
    free = [place for place in every if place not in taken]
    start = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8]) % len(free)
    turned = free[start:] + free[:start]
    if changes:
        style = _style(name)
        hue = style.hue if style else turned[0][0]
        turned.sort(key=lambda place: place[0] != hue)
    return [Look(*place) for place in turned]
