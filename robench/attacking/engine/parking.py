"""The victim and the sentence encoder of a search, which park the search until their result is there.

How it works: every search runs in a greenlet of its own. When TextAttack's code calls the victim or the sentence
encoder inside a search, the call creates a :class:`RowsRequest` and switches from the search's greenlet to its parent,
the engine. The search is then parked: its call does not return until the engine switches back with the rows. The engine
thus sees the requests of many searches at once, and TextAttack's code notices nothing. Outside a search, such as while
an attack is built, the call is answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from greenlet import getcurrent, greenlet

from robench.attacking.sentence_constraint import SentenceEmbedder

DirectLogits = Callable[[list[str]], Any]
"""A function that returns the logits (N, classes) of N texts at once, for calls outside a search."""


class SearchGreenlet(greenlet):  # type: ignore[misc]  # greenlet is untyped here
    """A greenlet that runs one search."""


class RowsRequest(NamedTuple):
    """A request for one row per text: logits of the model, or embeddings if there is an encoder."""

    texts: list[str]
    encoder: SentenceEmbedder | None = None

    def wait(self, direct: Callable[[list[str]], Any]) -> Any:
        """Park the current search until the rows are there; outside a search, return ``direct(texts)``."""
        current = getcurrent()
        return current.parent.switch(self) if isinstance(current, SearchGreenlet) else direct(self.texts)


class ParkingVictim:
    """The model as TextAttack sees it: a call parks the search until the logits are there."""

    def __init__(self, direct: DirectLogits) -> None:
        self.model = self  # TextAttack reads the class of a wrapper's model
        self._direct = direct

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the logits of N texts: (N, classes), float32, on the CPU."""
        return torch.from_numpy(RowsRequest(list(texts)).wait(self._direct))


class ParkingEncoder:
    """The sentence encoder as a constraint sees it: a call parks the search, so that many searches share one call."""

    def __init__(self, encoder: SentenceEmbedder) -> None:
        self._encoder = encoder

    def encode(self, texts: Sequence[str]) -> Any:
        """Embed N texts: (N, D), float32, rows of unit length."""
        return RowsRequest(list(texts), self._encoder).wait(self._encoder.encode)
