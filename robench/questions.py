"""What searches ask while they are parked, and who answers them all at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter
from typing import Any, NamedTuple

import torch
from greenlet import getcurrent, greenlet

from robench.errors import RobenchError
from robench.similarity import Encoder

Logits = Callable[[Sequence[str]], torch.Tensor]
Answer = Callable[[list[list[str]]], list[tuple[Any, float]]]
"""Answers the questions of several searches at once: for each, rows for its texts, and its share of the seconds."""


@dataclass
class Statistics:
    """How well the pooling worked.

    Attributes:
        rounds: times that all live searches were answered together.
        asked: texts asked for, after TextAttack's own cache (a record's ``queries`` counts before it).
        forwards: texts that the model saw; the rest were doubles within a round or known from an earlier one.
        forward_seconds: time spent in the model.
        encoder_seconds: time spent in the sentence encoder.
    """

    rounds: int = 0
    asked: int = 0
    forwards: int = 0
    forward_seconds: float = 0.0
    encoder_seconds: float = 0.0


class Question(NamedTuple):
    """What a parked search waits for: rows for its texts, from whoever answers such questions of all searches."""

    texts: list[str]
    answer: Answer

    def ask(self) -> Any:
        """Park the search that runs until it is answered; outside of a search, the answer comes at once."""
        current = getcurrent()
        if isinstance(current, Worker):
            return current.parent.switch(self)
        return self.answer([self.texts])[0][0]


class ParkingVictim:
    """The model as TextAttack sees it: a call parks the search until the hub has the rows."""

    def __init__(self, hub: Hub) -> None:
        self.model = self  # TextAttack reads the class of a wrapper's model
        self._answer = hub.answer

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the logits of N texts: (N, classes), float32, on the CPU."""
        rows: torch.Tensor = Question(list(texts), self._answer).ask()
        return rows


class ParkingEncoder:
    """The sentence encoder as an attack's constraint sees it: many searches' sentences are embedded together."""

    def __init__(self, encoder: Encoder, statistics: Statistics) -> None:
        self._encoder, self._statistics = encoder, statistics
        self._answer = self._embed

    def encode(self, texts: Sequence[str]) -> Any:
        """Embed N texts: (N, D), float32, rows of unit length."""
        return Question(list(texts), self._answer).ask()

    def _embed(self, requests: list[list[str]]) -> list[tuple[Any, float]]:
        started = perf_counter()
        rows = self._encoder.encode([text for request in requests for text in request])
        seconds = perf_counter() - started
        self._statistics.encoder_seconds += seconds
        ends = list(accumulate(map(len, requests)))
        per_text = seconds / max(ends[-1], 1)
        return [(rows[end - len(one) : end], per_text * len(one)) for one, end in zip(requests, ends, strict=True)]


class Worker(greenlet):  # type: ignore[misc]  # greenlet is untyped here
    """A greenlet that runs one search."""


class Hub:
    """Answers many requests with one call of the model."""

    def __init__(self, logits: Logits, cache_rows: int, statistics: Statistics) -> None:
        self._logits = logits
        self._cache_rows = cache_rows
        self.statistics = statistics
        self._cache: OrderedDict[str, torch.Tensor] = OrderedDict()  # the least recently used text comes first

    def answer(self, requests: list[list[str]]) -> list[tuple[torch.Tensor, float]]:
        """Return for each request its rows (texts, classes) and its share of the time, by number of texts."""
        started = perf_counter()
        texts = dict.fromkeys(text for request in requests for text in request)
        missing = [text for text in texts if text not in self._cache]
        if missing:
            self._cache.update(zip(missing, self._forward(missing), strict=True))
        for text in texts:
            self._cache.move_to_end(text)
        blocks = [torch.stack([self._cache[text] for text in request]) for request in requests]
        while len(self._cache) > self._cache_rows:
            self._cache.popitem(last=False)
        asked = sum(map(len, requests))
        self.statistics.rounds += 1
        self.statistics.asked += asked
        per_text = (perf_counter() - started) / max(asked, 1)
        return [(block, per_text * len(block)) for block in blocks]

    def _forward(self, texts: list[str]) -> list[torch.Tensor]:
        started = perf_counter()
        logits = self._logits(texts).detach()
        self.statistics.forward_seconds += perf_counter() - started
        self.statistics.forwards += len(texts)
        if logits.ndim != 2 or len(logits) != len(texts):
            raise RobenchError(f"the victim returned logits of shape {tuple(logits.shape)} for {len(texts)} texts.")
        broken = ~torch.isfinite(logits).all(dim=1)
        if broken.any():
            text = texts[int(broken.nonzero()[0])]
            raise RobenchError(f"the victim returned NaN or infinity for {text!r:.80}: its training diverged.")
        # TextAttack takes a block whose rows sum to 1 for probabilities. With the largest at 0 no row does, and
        # softmax, which subtracts the largest first, gives the same bits.
        shifted = logits - logits.max(dim=1, keepdim=True).values
        return [row.clone() for row in shifted]  # a view would keep the whole block alive in the cache
