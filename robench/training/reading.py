"""Reading texts as a defense says, each with a random stream of its own.

How it works: the stream of a text follows from the seed of the model and the text alone, and from what the text is read
for. So a randomised defense is a function: it scores a text equally in every process, in any order, and beside any
other texts. An attack searches the weaknesses of this function.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from robench.errors import UnitError, run_foreign_code
from robench.escaping import show_value
from robench.models.batches import TrainingRow
from robench.models.reading import show_masks
from robench.plugins.lookup import find_name
from robench.training.defense import Defense

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


def make_stream(purpose: str, seed: int, text: str) -> random.Random:
    """Make the random stream of a text.

    Args:
        purpose: what the text is read for, such as ``score``.
        seed: of the model.
        text: the text.
    """
    key = f"{purpose}/{seed}/".encode() + text.encode("utf-8", "surrogatepass")
    return random.Random(hashlib.sha256(key).digest())


@dataclass(frozen=True)
class DefenseReader:
    """What a trained defense reads; a :class:`~robench.models.reading.Reader`.

    Attributes:
        defense: the defense.
        seed: of the model.
        purpose: what texts are read for; each purpose has streams of its own.
    """

    defense: Defense
    seed: int
    purpose: str = "score"

    @property
    def count(self) -> int:
        """Return the number of texts that the defense decides by."""
        return max(self.defense.texts_read, 1)

    @functools.cached_property
    def _name(self) -> str:
        return find_name(self.defense)

    def read(self, text: str, most: int | None = None) -> tuple[str, ...]:
        """Return the texts that are read in place of one.

        Args:
            text: the text.
            most: number of texts to return at most; None returns as many as the defense decides by.

        Raises:
            UnitError: the defense's code fails, or yields something else than texts.
        """
        count = self.count if most is None else most
        with run_foreign_code(f"the defense {self._name} failed to read a text", type(self.defense)):
            texts = tuple(itertools.islice(self.defense.read(text, make_stream(self.purpose, self.seed, text)), count))
            if not texts or not all(isinstance(one, str) for one in texts):
                raise TypeError(f"its read yielded {show_value(texts)}; it should yield texts, at least one")
        return texts

    def combine(self, logits: Tensor) -> Tensor:
        """Return the logits (K,) of a text from those of the V texts that were read, (V, K).

        Raises:
            UnitError: the defense's code fails, or returns something else.
        """
        with run_foreign_code(f"the defense {self._name} failed to combine scores", type(self.defense)):
            combined = self.defense.combine(logits)
            if combined.shape != logits.shape[1:]:
                found = f"{tuple(combined.shape)} of {tuple(logits.shape)}"
                raise ValueError(f"its combine returned logits of shape {found}; it should return one for each label")
        return combined


@dataclass(frozen=True)
class LabelCounter(DefenseReader):
    """A reader whose scores are how many of the texts that it reads in place of one get each label.

    Attributes:
        draws: number of texts that it reads in place of each.
    """

    draws: int = 1

    @property
    def count(self) -> int:
        """Return the number of texts that it reads in place of each."""
        return self.draws

    def combine(self, logits: Tensor) -> Tensor:
        """Count the texts that get each label, (K,), by their logits (V, K).

        Raises:
            UnitError: the defense yields fewer texts.
        """
        import torch

        if len(logits) != self.draws:
            raise UnitError(
                f"the defense {self._name} yields only {len(logits)} texts in place of one, where"
                f" {self.draws} count: its read should have no end."
            )
        return torch.bincount(logits.argmax(-1), minlength=logits.shape[-1]).float()


def find_reader(defense: Defense, seed: int) -> DefenseReader | None:
    """Return what reads texts for a model of a defense; None if it reads them as they are."""
    return DefenseReader(defense, seed) if defense.texts_read else None


def read_rows(
    defense: Defense, tokenizer: PreTrainedTokenizerBase, seed: int, rows: Sequence[TrainingRow], epoch: int
) -> list[TrainingRow]:
    """Return what a network trains on in place of training rows in an epoch.

    Args:
        defense: the defense, which reads each text.
        tokenizer: gives the mask token.
        seed: of the model.
        rows: the training rows.
        epoch: its number, from 0.
    """

    def read(text: str, place: str) -> str:
        (read,) = DefenseReader(defense, seed, f"epoch {epoch}/{place}").read(text, 1)
        return show_masks(tokenizer, read)

    return [
        replace(
            row,
            text=read(row.text, f"row {i}"),
            adversarial=None if row.adversarial is None else read(row.adversarial, f"adversarial {i}"),
        )
        for i, row in enumerate(rows)
    ]
