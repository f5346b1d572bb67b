"""How figures draw a defense, as its plug-in declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Hue = Literal["grey", "orange", "sky", "green", "yellow", "blue", "vermillion", "purple"]
"""One of eight colours that can be distinguished with any common colour vision."""

Pattern = Literal["plain", "striped", "dotted", "crossed", "ruled", "slanted", "barred"]
"""Hatch of bars and shape of points, which tells defenses of one hue apart."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How figures draw a defense.

    A class declares it as ``style: ClassVar[Style] = Style(hue="blue")``, and an instance that is registered under a
    name of its own in its annotation, ``fgm: Annotated[FGSM, Style(hue="yellow")] = FGSM(norm="l2")``. It is read from
    the source, so that drawing imports no plug-in, and therefore written with constants.

    Attributes:
        title: its name in figures; empty for its registered name.
        hue: its colour.
        pattern: its pattern.
    """

    title: str = ""
    hue: Hue
    pattern: Pattern = "plain"

    def __post_init__(self) -> None:
        """Reject a hue or pattern that figures do not have."""
        for name, choices in (("hue", get_args(Hue)), ("pattern", get_args(Pattern))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {getattr(self, name)!r}")
