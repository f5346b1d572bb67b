"""A model that answers questions about texts in batches of fixed shapes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch

from robench.models.batches import Shape

LogitsFunction = Callable[[Sequence[str]], torch.Tensor]
"""From N texts to (N, classes) finite float32 logits on the CPU."""


@runtime_checkable
class BatchModel(Protocol):
    """A model that says in which batches it sees texts."""

    @property
    def max_in_flight(self) -> int:
        """Batches that may be under way at once: more than one where the device works while Python goes on."""

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """A block of many batches, in which the model does not change."""

    def tokens(self, texts: Sequence[str]) -> list[Any]:
        """What is known of each text before it is in a batch."""

    def shape(self, tokens: Any) -> Shape:
        """The batch in which a text is always seen."""

    def batch_logits(self, tokens: Sequence[Any], shape: Shape) -> torch.Tensor:
        """Logits of at most ``shape.rows`` texts of that shape, on whatever device; it need not wait for them."""
