"""What searches ask while they are parked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from greenlet import getcurrent, greenlet

from robench.attacking.sentence_constraint import SentenceEmbedder

DirectLogits = Callable[[list[str]], Any]
"""Gives the model's rows at once, for who asks outside of a search."""


class SearchGreenlet(greenlet):  # type: ignore[misc]  # greenlet is untyped here
    """A greenlet that runs one search."""


class RowsRequest(NamedTuple):
    """What a parked search waits for: rows for its texts, of a sentence encoder or, without one, of the model."""

    texts: list[str]
    encoder: SentenceEmbedder | None = None

    def ask(self, otherwise: DirectLogits) -> Any:
        """Park the search that runs until it is answered; outside of a search, ask ``otherwise``."""
        current = getcurrent()
        return current.parent.switch(self) if isinstance(current, SearchGreenlet) else otherwise(self.texts)


class ParkingVictim:
    """The model as TextAttack sees it: a call parks the search until somebody has the rows."""

    def __init__(self, direct: DirectLogits) -> None:
        self.model = self  # TextAttack reads the class of a wrapper's model
        self._direct = direct

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the logits of N texts: (N, classes), float32, on the CPU."""
        return torch.from_numpy(RowsRequest(list(texts)).ask(self._direct))


class ParkingEncoder:
    """The sentence encoder as an attack's constraint sees it: many searches' sentences are embedded together."""

    def __init__(self, encoder: SentenceEmbedder) -> None:
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Any:
        """Embed N texts: (N, D), float32, rows of unit length."""
        return RowsRequest(list(texts), self._encoder).ask(self._encoder.encode)
