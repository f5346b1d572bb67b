"""What scorers of Transformers networks have in common: the length of a text, and sentences for their failures."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from robench.errors import RobenchError, translate_failures
from robench.models.devices import Precision, advise_precision, count_batches_in_flight
from robench.models.positions import Positions
from robench.victims.scorer import Scorer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

USUAL_LENGTH = 512
"""Most tokens of a text if neither tokenizer nor network has a limit."""
NO_LIMIT = 1_000_000
"""A tokenizer's limit of this size or more means that it has none."""


class TransformersScorer(Scorer):
    """A scorer whose network robench runs itself, always in evaluation mode.

    Args:
        shown: the model's location, as users see it.
        length: most tokens of a text, see :func:`choose_length`.
        precision: precision of matrix products.
        device: the device on which the network runs.
    """

    def __init__(self, shown: str, length: int, precision: Precision, device: torch.device) -> None:
        self.shown, self._length, self._precision, self._device = shown, length, precision, device
        self.max_length: int | None = length

    @property
    def max_in_flight(self) -> int:
        """Return the number of batches that may run at once; see :class:`~robench.models.batch_model.BatchModel`."""
        return count_batches_in_flight(self._device)

    @contextlib.contextmanager
    def _explain_failure(self, count: int) -> Iterator[None]:
        """Turn an error of the network inside the block into a sentence."""
        advice = functools.partial(advise_precision, self._precision)
        with translate_failures(f"{self.shown} failed on {count} texts", advice=advice):
            yield


def choose_length(
    shown: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int | None
) -> int:
    """Return the most tokens of a text: the user's choice, or else the most that tokenizer and network allow.

    Args:
        shown: the model's location, for messages.
        model: the model.
        tokenizer: its tokenizer.
        max_length: what the user chose; None if nothing.

    Raises:
        RobenchError: the network has fewer positions than the user chose.
    """
    positions = Positions(model).count
    if max_length is not None and positions is not None and max_length > positions:
        raise RobenchError(f"--max-length {max_length}: {shown} has room for {positions} tokens at most.")
    if max_length:
        return max_length
    limits = [tokenizer.model_max_length if tokenizer.model_max_length < NO_LIMIT else None, positions]
    if positions is None:
        limits.append(getattr(model.config, "max_position_embeddings", None))
    return min((limit for limit in limits if limit and limit > 0), default=USUAL_LENGTH)
