"""A trained classifier as a function from texts to logits: what is attacked, and what is measured on clean text."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from robench.batches import collate, tokenise
from robench.classifier import Classifier, Outputs
from robench.devices import Precision, autocast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LENGTH_STEP = 8
"""Texts are padded to a multiple of this."""
TOKENS = {"cpu": 768, "cuda": 16_384}
"""Tokens of one batch: about as few as keep the device busy."""


def batch_shape(tokens: int, max_length: int, device: str) -> tuple[int, int]:
    """Rows and length of the batch in which a text of so many tokens is always seen, whatever else is asked for.

    A row's logits depend in their last digits on the shape of its batch, and never on its neighbours. So a text's
    logits are a function of the text alone, and records do not depend on how many searches share the batches.
    """
    length = min(tokens + -tokens % LENGTH_STEP, max_length)
    return max(TOKENS.get(device, TOKENS["cuda"]) // length, 4), length


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

        Each batch has texts of about one length, and is filled up to the rows that go with it (:func:`batch_shape`).

        Args:
            texts: any number of them.
            progress: called with the number of texts done after each batch.
        """
        head = self.classifier.head
        found = Outputs(torch.empty(len(texts), head.in_features), torch.empty(len(texts), head.out_features))
        if not texts:
            return found
        rows = tokenise(self._tokenizer, texts, self._max_length)
        lengths = [len(row["input_ids"]) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: lengths[i], reverse=True)
        shapes = itertools.groupby(order, lambda i: batch_shape(lengths[i], self._max_length, self._device.type))
        with self._evaluating(), torch.inference_mode(), autocast(self._precision, self._device):
            for (height, length), group in shapes:
                alike = list(group)
                for start in range(0, len(alike), height):
                    chosen = alike[start : start + height]
                    filled = [rows[i] for i in chosen] + [rows[chosen[-1]]] * (height - len(chosen))
                    inputs = collate(self._tokenizer, filled, self._device, length=length)
                    for whole, part in zip(found, self.classifier(inputs), strict=True):
                        whole[chosen] = part[: len(chosen)].float().cpu()
                    if progress is not None:
                        progress(len(chosen))
        return found

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
