"""RanMASK: randomised smoothing by masks in the place of words."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import ClassVar

from robench.models import MASK, Batch, Classifier
from robench.training import Defense, Style, Terms, cross_entropy, option


@dataclass(frozen=True, kw_only=True)
class RanMASK(Defense):
    """A vote over copies of a text in which most words are masked, on which it trains, too (Zeng et al. 2023).

    A word is what stands between blanks, as in the authors' code. In each copy, the same number of words is visible:
    all but the rounded share that is masked, and at least two. Training draws a mask anew for each text and epoch.

    Its certificates hold for any k words, whatever they become. With h words of which v are visible, k changed words
    leave at least C(h - k, v) / C(h, v) of the copies as they are, so a label's share of votes falls by at most one
    minus that. The paper multiplies this by beta, the share of votes for the label among the other copies, which its
    code estimates from random words. An attacker chooses the words, so beta is 1 here, as in Levine and Feizi (2020);
    certified accuracies are lower than the paper's for this reason.
    """

    reads_in_training: ClassVar[bool] = True
    certificate: ClassVar[str] = "any k words, each replaced by any other word"
    style: ClassVar[Style] = Style(title="RanMASK", hue="blue", pattern="ruled")

    mask_rate: float = option(
        0.7,
        "share of the words of a text that are masked; certificates need more than a half",
        minimum=0,
        maximum=1,
        source="the authors' code",
    )
    votes: int = option(
        25,
        "copies of a text that vote on its label; scoring a text takes so many times as long",
        minimum=1,
        source="ours, for speed; the authors' code has 100 in attacks, and lets the labels vote",
    )
    least_visible: int = option(2, "words that stay visible at least", minimum=1, source="the authors' code")

    @property
    def texts_read(self) -> int:
        """Return the number of votes."""
        return self.votes

    def count_visible(self, words: int) -> int:
        """Return the number of visible words in each copy of a text of so many words."""
        return max(words - round(words * self.mask_rate), min(self.least_visible, words))

    def read(self, text: str, stream: random.Random) -> Iterator[str]:
        """Yield copies of the text with other words masked, without end."""
        words = text.split()
        visible = self.count_visible(len(words))
        while True:
            kept = set(stream.sample(range(len(words)), visible))
            yield " ".join(word if i in kept else MASK for i, word in enumerate(words))

    def bound_shift(self, text: str, changes: int) -> float:
        """Return the share of copies in which one of so many words, if they are chosen worst, is visible."""
        words = len(text.split())
        visible = self.count_visible(words)
        return 1 - comb(words - min(changes, words), visible) / comb(words, visible)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy on the masked texts."""
        (network,) = networks
        return {"ce": cross_entropy(network(batch.texts).logits, batch.labels)}
