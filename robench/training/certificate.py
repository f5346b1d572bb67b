"""Certificates: for how many changed words the vote of a randomised defense is known to stay.

How it works: the smoothed classifier names the label that most of the random copies of a text get. Its share p of the
copies is not known, but draws bound it from below with a chosen confidence (Clopper and Pearson 1934). If an attacker
changes k words, the share falls at most by the shift that the defense bounds. As long as it stays above a half, the
label keeps the vote: k is certified if p - shift(k) > 1/2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from robench.plugins.option import check_values, option


@dataclass(frozen=True, kw_only=True)
class CertificateSettings:
    """How certificates are drawn, for every defense that has some; they change nothing else."""

    draws: int = option(
        1000,
        "random copies of a text that count for its certificate, besides those that vote",
        minimum=1,
        source="ours, for speed; the code of RanMASK has 5,000, that of SAFER 100,000",
    )
    alpha: float = option(
        0.001,
        "chance that the certificate of a text is wrong, at most",
        above=0,
        maximum=0.5,
        source="ours, as usual for images since Cohen et al. 2019; the code of RanMASK has 0.05",
    )

    def __post_init__(self) -> None:
        """Reject settings that certify nothing."""
        check_values(self)


def bound_share(hits: int, draws: int, alpha: float) -> float:
    """Return the one-sided lower confidence bound of a share, 0 to 1 (Clopper and Pearson 1934).

    Args:
        hits: number of draws that have the property.
        draws: number of all draws, which are independent.
        alpha: chance that the true share is below the bound, at most.

    Example:
        If all of n draws hit, the bound is the n-th root of alpha:

        >>> round(bound_share(1000, 1000, 0.001), 4)
        0.9931
    """
    from scipy.special import betaincinv

    return float(betaincinv(hits, draws - hits + 1, alpha)) if hits else 0.0


def find_radius(share: float, shift: Callable[[int], float], words: int) -> int | None:
    """Return the largest number of changed words that is certified; None if not even the text itself is.

    Args:
        share: lower bound of the share of random copies that get the label.
        shift: bounds how much the share can fall if so many words are changed; it does not fall with their number.
        words: of the text, which are all that can be changed.
    """
    if share <= 0.5:
        return None
    radius = 0
    while radius < words and share - shift(radius + 1) > 0.5:
        radius += 1
    return radius
