"""A trained classifier as a function from texts to logits: what is attacked, and what is measured on clean text."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from robench.models.batches import Shape, Tokens, collate, tokenise
from robench.models.classifier import Classifier, Outputs
from robench.models.devices import Precision, autocast
from robench.models.packing import pack_weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LENGTH_STEP = 8
"""Texts are padded to a multiple of this."""
TOKENS = {"cpu": 512, "cuda": 16_384}
"""Tokens of one batch: about as few as keep the device busy."""


def choose_batch_shape(tokens: int, max_length: int, device: str) -> Shape:
    """The batch in which a text of so many tokens is always seen, whatever else is asked for.

    A row's logits depend in their last digits on the shape of its batch, and never on its neighbours. So a text's
    logits are a function of the text alone, and records do not depend on how many searches share the batches.
    """
    length = min(tokens + -tokens % LENGTH_STEP, max_length)
    return Shape(max(TOKENS.get(device, TOKENS["cuda"]) // length, 4), length)


class Predictor:
    """Logits and representations of texts, in evaluation mode, without gradients.

    Args:
        classifier: moved to ``device``.
        tokenizer: of its encoder.
        max_length: tokens of a text, special ones included; as in training.
        precision: of the encoder's matrix products.
        device: where the forward passes run.
    """

    def __init__(
        self,
        classifier: Classifier,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int,
        precision: Precision,
        device: torch.device,
    ) -> None:
        self.classifier = classifier.to(device)
        self._tokenizer, self._max_length = tokenizer, max_length
        self._precision, self._device = precision, device

    def logits(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Tensor:
        """Logits (N, K) of N texts; see :meth:`outputs`."""
        return self.outputs(texts, progress).logits

    def outputs(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Outputs:
        """Representations (N, H) and logits (N, K) of N texts in their order, float32, on the CPU.

        The texts of a batch have about the same length. Each batch is filled up to the number of rows that
        :func:`choose_batch_shape` gives for that length.

        Args:
            texts: any number of them.
            progress: called with the number of texts done after each batch.
        """
        head = self.classifier.head
        found = Outputs(torch.empty(len(texts), head.in_features), torch.empty(len(texts), head.out_features))
        rows = self.tokens(texts)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]), reverse=True)
        with self.freeze_weights():
            for shape, group in itertools.groupby(order, lambda i: self.shape(rows[i])):
                alike = list(group)
                for start in range(0, len(alike), shape.rows):
                    chosen = alike[start : start + shape.rows]
                    for whole, part in zip(found, self.batch([rows[i] for i in chosen], shape), strict=True):
                        whole[chosen] = part.cpu()
                    if progress is not None:
                        progress(len(chosen))
        return found

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Many batches inside the block, in which the weights stay as they are, take less time."""
        return pack_weights(self.classifier, self._precision)

    @property
    def max_in_flight(self) -> int:
        """Batches that may be under way at once: a GPU computes one while the answers of another are looked at."""
        return 2 if self._device.type == "cuda" else 1

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of each text."""
        return tokenise(self._tokenizer, texts, self._max_length)

    def shape(self, tokens: Tokens) -> Shape:
        """The batch in which a text is seen."""
        return choose_batch_shape(len(tokens["input_ids"]), self._max_length, self._device.type)

    def batch(self, tokens: Sequence[Tokens], shape: Shape) -> Outputs:
        """Representations and logits of at most ``shape.rows`` texts of that shape, float32, on the device.

        The batch is filled up with copies of its last text.
        """
        filled = [*tokens, *[tokens[-1]] * (shape.rows - len(tokens))]
        with self._evaluating(), torch.inference_mode(), autocast(self._precision, self._device):
            inputs = collate(self._tokenizer, filled, self._device, length=shape.length)
            return Outputs(*(part[: len(tokens)].float() for part in self.classifier(inputs)))

    def batch_logits(self, tokens: Sequence[Tokens], shape: Shape) -> Tensor:
        """The logits of :meth:`batch`."""
        return self.batch(tokens, shape).logits

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = self.classifier.training
        self.classifier.eval()
        try:
            yield
        finally:
            self.classifier.train(was_training)


def accuracy(logits: Tensor, labels: Sequence[int]) -> float:
    """Share of rows whose largest logit is at the label, 0 to 1."""
    return (logits.argmax(-1) == torch.tensor(labels)).float().mean().item()
