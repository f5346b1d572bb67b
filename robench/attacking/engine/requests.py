"""Requests for the logits of texts, and the answers to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from robench.attacking.engine.failures import TextFailure

Row = npt.NDArray[np.float32]
"""The logits of one text, (classes,)."""


class Answer(NamedTuple):
    """The answer to a request.

    Attributes:
        requester: the object that was passed to :meth:`robench.attacking.engine.batcher.Batcher.request`.
        rows: logits (texts, classes); empty after a failure.
        seconds: the request's share of the model's time.
        failure: the first text of the request on which the model failed.
    """

    requester: Any
    rows: Row
    seconds: float
    failure: TextFailure | None = None


@dataclass(eq=False)
class OpenRequest:
    """A request whose rows are not complete."""

    requester: Any
    texts: list[str]
    missing_count: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    failures: dict[str, TextFailure] = field(default_factory=dict)
    seconds: float = 0.0

    def receive(self, text: str, row: Row, seconds: float) -> bool:
        """Store a row; return whether it was the last missing one."""
        self.rows[text] = row
        self.seconds += seconds
        self.missing_count -= 1
        return self.missing_count == 0

    def receive_failure(self, failure: TextFailure) -> bool:
        """Store a failure in place of a row; return whether it was the last missing one."""
        self.failures[failure.text] = failure
        self.missing_count -= 1
        return self.missing_count == 0

    def answer(self) -> Answer:
        """Return the answer, after the last row."""
        if self.failures:
            failure = next(self.failures[text] for text in self.texts if text in self.failures)
            return Answer(self.requester, np.empty((0, 0), np.float32), self.seconds, failure)
        return Answer(self.requester, np.stack([self.rows[text] for text in self.texts]), self.seconds)
