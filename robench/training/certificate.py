"""Certificates: for how many changed words the vote of a randomised defense is known to stay.

How it works: the smoothed classifier names the label that most of the random copies of a text get. Its share p of the
copies is not known, but draws bound it from below with a chosen confidence (Clopper and Pearson 1934). If an attacker
changes k words, the share falls at most by the shift that the defense bounds. As long as it stays above a half, the
label keeps the vote: k is certified if p - shift(k) > 1/2.

The deployed model lets only V copies of a text vote. Among so few, the label can lose although most copies have it. So
the deployed vote needs more than a half: a share with which V votes are so rarely wrong that an attack of N queries
meets no text on which they are, but for a small chance.
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
    queries: int = option(
        1000,
        "most queries of an attack on one text against which the deployed vote is certified",
        minimum=1,
        source="ours: more than PWWS and TextFooler need for a sentence",
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


def find_required_share(votes: int, queries: int, alpha: float) -> float:
    """Return the share of a text's copies from which the deployed vote is certified, 0.5 to 1.

    If a label has at least this share q of the copies of every text that an attack may make, then one of at most N such
    texts is given another label with a probability of ``alpha`` at most:

    1. A label with more than half of the V votes wins, among any number of labels: each other label has fewer votes.
       The mean probabilities, which count as one vote more (:func:`robench.models.reading.vote`), do not change that:
       where a copy votes for the label, no other has a higher probability, so that another one gains less than half a
       vote on it, and it is behind by a whole one. With fewer votes, a tie of an even V included, the label may lose.
    2. The copies of a text are independent draws. So one text fails with a probability of P(Bin(V, q) <= V // 2) at
       most, which falls as q rises.
    3. The draws of different texts are independent, and those of the same text are always the same: asking again is no
       new chance. So N queries are N chances at most, even if an attack chooses each text by the answers to those
       before. One of them fails with a probability of N P(Bin(V, q) <= V // 2) at most (union bound).

    The result is the q for which this is ``alpha``: Clopper and Pearson's upper bound for V // 2 hits in V draws.

    Args:
        votes: number V of copies that vote.
        queries: number N of different texts.
        alpha: chance that one of them gets another label, at most.

    Example:
        If a single copy decides on a single text, it is right as often as its share:

        >>> round(find_required_share(1, 1, 0.25), 4)
        0.75
    """
    return 1 - bound_share(votes - votes // 2, votes, alpha / queries)


def find_radius(share: float, shift: Callable[[int], float], words: int, required: float = 0.5) -> int | None:
    """Return the largest number of changed words that is certified; None if not even the text itself is.

    Args:
        share: lower bound of the share of random copies that get the label.
        shift: bounds how much the share can fall if so many words are changed; it does not fall with their number.
        words: of the text, which are all that can be changed.
        required: the share that has to be left, and more: a half for the vote of all copies.
    """
    if share <= required:
        return None
    radius = 0
    while radius < words and share - shift(radius + 1) > required:
        radius += 1
    return radius
