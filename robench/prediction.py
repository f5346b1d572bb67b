"""A trained classifier as a function from texts to logits: what is attacked, and what is measured on clean text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from robench.batches import collate, tokenise
from robench.classifier import Classifier, Outputs
from robench.devices import Precision, autocast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ROWS = 32
"""Most rows of a forward pass."""
ROW_STEP = 8
"""Rows and lengths are filled up to a multiple of this, so that few shapes of a batch occur: a row's logits
may depend on the shape of its batch, never on its neighbours."""


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

        Texts are sorted by length, so that a batch is padded by little.

        Args:
            texts: any number of them.
            progress: called with the number of texts done after each batch.
        """
        head = self.classifier.head
        found = Outputs(torch.empty(len(texts), head.in_features), torch.empty(len(texts), head.out_features))
        if not texts:
            return found
        rows = tokenise(self._tokenizer, texts, self._max_length)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]), reverse=True)
        with self._evaluating(), torch.inference_mode(), autocast(self._precision, self._device):
            for start in range(0, len(order), ROWS):
                chosen = order[start : start + ROWS]
                filled = [rows[i] for i in chosen] + [rows[chosen[-1]]] * (-len(chosen) % ROW_STEP)
                longest = len(rows[chosen[0]]["input_ids"])
                length = min(longest + -longest % ROW_STEP, self._max_length)
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
