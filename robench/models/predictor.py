"""A trained classifier as a function from texts to logits, for attacks and for accuracy on clean texts.

A row's logits depend, in their last digits, on the shape of its batch, but not on the other rows. So each text has one
fixed batch shape: its length is rounded up, and the rows are as many as keep the device busy at that length. A batch
with fewer texts is filled up with copies. Then a text's logits are a function of the text alone, and attack records do
not depend on how many searches share the batches.

A predictor with a :class:`~robench.models.reading.Reader` runs the network on other texts in place of each. They share
the shape of the longest of them.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from robench.models.batches import Shape, Tokens, collate, tokenise
from robench.models.classifier import Classifier, Outputs
from robench.models.devices import Precision, autocast, count_batches_in_flight
from robench.models.packing import pack_weights
from robench.models.reading import Reader, show_masks

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LENGTH_STEP = 8
"""Texts are padded to a multiple of this many tokens."""
TOKENS = {"cpu": 512, "cuda": 16_384}
"""Tokens of one batch: about the fewest that keep the device busy."""

READ_AT_ONCE = 8192
"""About the most texts that are read in place of others, and tokenised, at a time."""

Reading: TypeAlias = tuple[Tokens, ...]
"""The tokens of each text that is read in place of one: of the text itself, if the model has no reader."""


def choose_batch_shape(tokens: int, max_length: int, device: str) -> Shape:
    """Choose the batch shape for a text.

    Args:
        tokens: of the text.
        max_length: most tokens of any text.
        device: the device's type, such as ``cpu``.
    """
    length = min(tokens + -tokens % LENGTH_STEP, max_length)
    return Shape(max(TOKENS.get(device, TOKENS["cuda"]) // length, 4), length)


def split_batches(lengths: Sequence[int], shape_of: Callable[[int], Shape]) -> Iterator[tuple[list[int], Shape]]:
    """Yield the places of the texts of each batch, the longest texts first, and its shape.

    Args:
        lengths: number of tokens of each text.
        shape_of: returns the batch shape of the text at a place.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    for shape, group in itertools.groupby(order, shape_of):
        places = list(group)
        for start in range(0, len(places), shape.rows):
            yield places[start : start + shape.rows], shape


class Predictor:
    """A classifier in evaluation mode, without gradients.

    Args:
        classifier: moved to ``device``.
        tokenizer: of its encoder.
        max_length: most tokens of a text, special ones included; as in training.
        precision: of the encoder's matrix products.
        device: of the forward passes.
        reader: what is read in place of a text; None reads the text itself.
    """

    def __init__(
        self,
        classifier: Classifier,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int,
        precision: Precision,
        device: torch.device,
        reader: Reader | None = None,
    ) -> None:
        self.classifier = classifier.to(device)
        self.max_length, self.precision, self.reader = max_length, precision, reader
        self._tokenizer, self._device = tokenizer, device

    def logits(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None, *, most: int | None = None
    ) -> Tensor:
        """Return the logits (N, K) of N texts; see :meth:`outputs`."""
        return self.outputs(texts, progress, most=most).logits

    def outputs(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None, *, most: int | None = None
    ) -> Outputs:
        """Compute representations (N, H) and logits (N, K) of N texts in their order, float32, on the CPU.

        The representation of a text that is read as several is their mean.

        Args:
            texts: N texts.
            progress: called after each batch with its number of texts.
            most: number of texts that are read in place of each at most; None lets the reader decide.
        """
        size = max(1, READ_AT_ONCE // (most or self.reader.count)) if self.reader else max(len(texts), 1)
        starts = range(0, max(len(texts), 1), size)
        with self.freeze_weights():
            parts = [self._compute(texts[start : start + size], progress, most) for start in starts]
        return parts[0] if len(parts) == 1 else Outputs(*map(torch.cat, zip(*parts, strict=True)))

    def _compute(self, texts: Sequence[str], progress: Callable[[int], None] | None, most: int | None) -> Outputs:
        """Compute the outputs of texts that are tokenised together; see :meth:`outputs`."""
        head = self.classifier.head
        outputs = Outputs(torch.empty(len(texts), head.in_features), torch.empty(len(texts), head.out_features))
        rows = self.tokens(texts, most)
        for chosen, shape in split_batches(list(map(measure, rows)), lambda i: self.shape(rows[i])):
            for whole, part in zip(outputs, self.batch([rows[i] for i in chosen], shape), strict=True):
                whole[chosen] = part.cpu()
            if progress is not None:
                progress(len(chosen))
        return outputs

    def read_by(self, reader: Reader) -> Predictor:
        """Return a predictor of the same classifier with another reader."""
        other = copy.copy(self)
        other.reader = reader
        return other

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Speed up many batches inside the block, in which the weights must not change."""
        return pack_weights(self.classifier, self.precision)

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the encoder's numbers."""
        return next(self.classifier.encoder.parameters()).dtype

    @property
    def max_in_flight(self) -> int:
        """Return the number of batches that may run at once; see :class:`~robench.models.batch_model.BatchModel`."""
        return count_batches_in_flight(self._device)

    def tokens(self, texts: Sequence[str], most: int | None = None) -> list[Reading]:
        """Tokenise what is read in place of each text.

        Args:
            texts: N texts.
            most: number of texts that are read in place of each at most; None lets the reader decide.
        """
        if self.reader is None:
            return [(row,) for row in tokenise(self._tokenizer, texts, self.max_length)]
        readings = [self.reader.read(text, most) for text in texts]
        different = dict.fromkeys(itertools.chain.from_iterable(readings))
        shown = [show_masks(self._tokenizer, text) for text in different]
        rows = dict(zip(different, tokenise(self._tokenizer, shown, self.max_length), strict=True))
        return [tuple(rows[text] for text in reading) for reading in readings]

    def count_truncated(self, texts: Sequence[str]) -> int:
        """Count the texts that are longer than ``max_length``, and are cut."""
        rows = tokenise(self._tokenizer, texts, self.max_length + 1)
        return sum(len(row["input_ids"]) > self.max_length for row in rows)

    def identify(self, tokens: Reading) -> bytes:
        """Return the digest of all tokens that are read in place of a text, 16 bytes."""
        columns = b"".join(array("q", column).tobytes() for row in tokens for column in row.values())
        return hashlib.blake2b(columns, digest_size=16, salt=str(len(tokens)).encode()).digest()

    def shape(self, tokens: Reading) -> Shape:
        """Return the batch shape for a text; see :func:`choose_batch_shape`."""
        return choose_batch_shape(measure(tokens), self.max_length, self._device.type)

    def batch(self, tokens: Sequence[Reading], shape: Shape) -> Outputs:
        """Compute representations and logits of at most ``shape.rows`` texts of that shape, float32, on the device.

        If several texts are read in place of one, these are as many batches of the shape as it takes.
        """
        if self.reader is None:
            return self._run([row for (row,) in tokens], shape)
        different = {id(row): row for reading in tokens for row in reading}  # equal texts of one call are one object
        rows, places = list(different.values()), {key: at for at, key in enumerate(different)}
        runs = [self._run(rows[start : start + shape.rows], shape) for start in range(0, len(rows), shape.rows)]
        states, logits = (torch.cat([run[part].cpu() for run in runs]) for part in range(2))
        chosen = [[places[id(row)] for row in reading] for reading in tokens]
        return Outputs(
            torch.stack([states[at].mean(0) for at in chosen]),
            torch.stack([self.reader.combine(logits[at]) for at in chosen]),
        )

    def _run(self, tokens: Sequence[Tokens], shape: Shape) -> Outputs:
        """Run one batch, filled up with copies of its last text."""
        filled = [*tokens, *[tokens[-1]] * (shape.rows - len(tokens))]
        with self.classifier.without_dropout(), torch.inference_mode(), autocast(self.precision, self._device):
            inputs = collate(self._tokenizer, filled, self._device, length=shape.length)
            return Outputs(*(part[: len(tokens)].float() for part in self.classifier(inputs)))

    def batch_logits(self, tokens: Sequence[Reading], shape: Shape) -> Tensor:
        """Return the logits of :meth:`batch`."""
        return self.batch(tokens, shape).logits


def measure(reading: Reading) -> int:
    """Return the number of tokens of the longest text that is read."""
    return max(len(row["input_ids"]) for row in reading)


def accuracy(logits: Tensor, labels: Sequence[int]) -> float:
    """Return the share of rows, 0 to 1, whose largest logit (N, K) is at the label."""
    return (logits.argmax(-1) == torch.tensor(labels)).float().mean().item()
