"""The protocol of models that predict texts in batches of fixed shapes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch

from robench.models.batches import Shape
from robench.resources.text_keys import make_text_key

LogitsFunction = Callable[[Sequence[str]], torch.Tensor]
"""A function from N texts to finite logits (N, classes), float32, on the CPU."""


@runtime_checkable
class BatchModel(Protocol):
    """A model that chooses the shape of the batch for each text.

    The search engine tokenises texts, collects texts of one shape from many searches, and runs them as one batch.
    """

    @property
    def max_in_flight(self) -> int:
        """Return how many batches may run at once: more than one if the device works while Python goes on."""

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Promise, for the length of a block, that the weights do not change, so that batches run faster."""

    def tokens(self, texts: Sequence[str]) -> list[Any]:
        """Tokenise each text."""

    def identify(self, tokens: Any) -> Hashable:
        """Return a key that two texts share only if the model sees the same input. It should be small."""

    def shape(self, tokens: Any) -> Shape:
        """Return the shape of the batch for a text. It depends on this text alone."""

    def batch_logits(self, tokens: Sequence[Any], shape: Shape) -> torch.Tensor:
        """Return the logits of at most ``shape.rows`` texts of that shape, on any device, perhaps not computed yet."""


class FunctionModel:
    """A function as a :class:`BatchModel` with one shape and no limit of rows: it receives all texts in one call.

    Args:
        logits: the function.
        logits_again: the same for texts that it was asked before, if ``logits`` may know their answers by heart.
    """

    max_in_flight = 1

    def __init__(self, logits: LogitsFunction, logits_again: LogitsFunction | None = None) -> None:
        self._logits = logits
        self.logits_again = logits_again or logits

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Do nothing; a function has no weights."""
        return contextlib.nullcontext()

    def tokens(self, texts: Sequence[str]) -> list[str]:
        """Return the texts, which the function tokenises itself."""
        return list(texts)

    def identify(self, tokens: str) -> Hashable:
        """Return the key of a text."""
        return make_text_key(tokens)

    def shape(self, tokens: str) -> Shape:
        """Return the one shape."""
        return Shape(rows=sys.maxsize, length=0)

    def batch_logits(self, tokens: Sequence[str], shape: Shape) -> torch.Tensor:
        """Return the logits of the texts."""
        return self._logits(tokens)
