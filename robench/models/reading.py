"""What a model reads in place of a text: one other text, or many, whose scores become one.

How it works: a :class:`Reader` turns a text into the texts that the network is run on. All of them are run in the batch
shape of the longest, so that the scores of a text are a function of the text alone, whatever is scored beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from robench.errors import RobenchError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MASK = "[MASK]"
"""What a reader writes in place of a word that the network is not to see; it becomes the encoder's own mask token."""


class Reader(Protocol):
    """What a model reads in place of a text, and how the scores of several texts become one."""

    @property
    def count(self) -> int:
        """Return about how many texts are read in place of one."""

    def read(self, text: str, most: int | None = None) -> Sequence[str]:
        """Return the texts that are read in place of one, at least one.

        It is a function of the text: equal texts are read equally, in any process.

        Args:
            text: the text.
            most: number of texts to return at most; None returns all that the model decides by.
        """

    def combine(self, logits: Tensor) -> Tensor:
        """Return the logits (K,) of a text from those of the V texts that were read in its place, (V, K)."""


def vote(logits: Tensor) -> Tensor:
    """Let V texts vote on a label, and return the result as logits (K,).

    Each text has one vote, for the label of its largest logit. The labels' mean probabilities count as one vote more,
    which breaks ties and ranks texts with equally many votes: without it, most candidates of an attack would look equal
    to the search, and the model more robust than it is.

    Args:
        logits: of the texts, (V, K).
    """
    votes = torch.bincount(logits.argmax(-1), minlength=logits.shape[-1])
    shares = (votes + logits.double().softmax(-1).mean(0)) / (len(logits) + 1)
    return shares.clamp_min(1e-12).log().float()


def show_masks(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """Return a text in which each :data:`MASK` is the mask token of a tokenizer.

    Raises:
        RobenchError: the tokenizer has none.
    """
    if MASK not in text or tokenizer.mask_token == MASK:
        return text
    if tokenizer.mask_token is None:
        raise RobenchError(
            f"the tokenizer {type(tokenizer).__name__} {tokenizer.name_or_path} has no mask token, which the defense"
            " puts in the place of words: take another encoder."
        )
    return text.replace(MASK, tokenizer.mask_token)
