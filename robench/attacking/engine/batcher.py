"""Batches of the model, filled with the texts that many searches request.

How it works: a search requests the logits of a few texts at a time, far fewer than a batch holds. The batcher therefore
queues the texts of all searches by batch shape, which depends on the text alone
(:func:`robench.models.predictor.choose_batch_shape`), so that a text's logits do not depend on who requested it. It
runs a batch when a shape has enough texts to fill it, and a batch with free rows only when no search can continue
without it. The rows go to every request that waits for the text, and into a cache, so that a text is computed once.
"""

from __future__ import annotations

import contextlib
import sys
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from robench.errors import RobenchError
from robench.models.batch_model import BatchModel, LogitsFunction
from robench.models.batches import Shape

Row = npt.NDArray[np.float32]


@dataclass
class BatchStatistics:
    """Counts that show how well the batches were filled.

    Attributes:
        requested_texts: texts requested, after TextAttack's own cache (a record's ``queries`` counts before it).
        computed_texts: texts that the model saw; the others were cached, or requested twice at the same time.
        batches: batches of the model.
        batch_rows: rows of these batches, including those that were only padded.
        forward_seconds: time spent in the model, or waiting for it.
        encoder_seconds: time that searches of this process spent in the sentence encoder.
    """

    requested_texts: int = 0
    computed_texts: int = 0
    batches: int = 0
    batch_rows: int = 0
    forward_seconds: float = 0.0
    encoder_seconds: float = 0.0


class LogitsCache:
    """The logits of one model by text; the least recently used are dropped first.

    Args:
        rows: most texts to keep.
    """

    def __init__(self, rows: int = 100_000) -> None:
        self._limit = rows
        self._rows: OrderedDict[str, Row] = OrderedDict()

    def get(self, text: str) -> Row | None:
        """Return the text's logits (classes,), or None if they are not cached."""
        row = self._rows.get(text)
        if row is not None:
            self._rows.move_to_end(text)
        return row

    def put(self, text: str, row: Row) -> None:
        """Store a text's logits (classes,)."""
        self._rows[text] = row
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)


class Answer(NamedTuple):
    """The answer to a request.

    Attributes:
        requester: the object that was passed to :meth:`Batcher.request`.
        rows: logits (texts, classes).
        seconds: the request's share of the model's time.
    """

    requester: Any
    rows: Row
    seconds: float


@dataclass(eq=False)
class _OpenRequest:
    """A request whose rows are not complete."""

    requester: Any
    texts: list[str]
    missing_count: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    seconds: float = 0.0

    def receive(self, text: str, row: Row, seconds: float) -> bool:
        """Store a row; return whether it was the last missing one."""
        self.rows[text] = row
        self.seconds += seconds
        self.missing_count -= 1
        return self.missing_count == 0


@dataclass
class _RunningBatch:
    """A batch that the device may still be computing, and the seconds that launching it took."""

    texts: list[str]
    logits: torch.Tensor
    seconds: float


class Batcher:
    """Collects requests, runs batches, and returns answers.

    Args:
        model: the model to run. A plain function receives all queued texts in one call.
        cache: known logits of this model.
        statistics: updated as the work goes on.
    """

    def __init__(self, model: BatchModel | LogitsFunction, cache: LogitsCache, statistics: BatchStatistics) -> None:
        self._model: BatchModel = model if isinstance(model, BatchModel) else _FunctionModel(model)
        self._cache, self.statistics = cache, statistics
        self._new_texts: list[str] = []  # texts without a shape: they are tokenised in one call
        self._queues: dict[Shape, deque[tuple[str, Any]]] = {}
        self._requests_by_text: dict[str, list[_OpenRequest]] = {}
        self._running: deque[_RunningBatch] = deque()
        self._complete: list[_OpenRequest] = []

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the model does not change; see :class:`BatchModel`."""
        return self._model.freeze_weights()

    @property
    def idle(self) -> bool:
        """Return whether there is nothing to run and nothing to return."""
        return not (self._requests_by_text or self._complete)

    @property
    def busy(self) -> bool:
        """Return whether there is work that more requests would not make cheaper."""
        self._queue_new_texts()
        return bool(self._complete or self._running) or any(self._fullness(shape) >= 1 for shape in self._queues)

    def request(self, requester: Any, texts: list[str]) -> None:
        """Request the logits of texts; they will be among the :meth:`answers`.

        Args:
            requester: any object; it is returned with the answer.
            texts: the texts, at least one.
        """
        self.statistics.requested_texts += len(texts)
        request = _OpenRequest(requester, texts)
        for text in dict.fromkeys(texts):
            row = self._cache.get(text)
            if row is not None:
                request.rows[text] = row
                continue
            request.missing_count += 1
            if text not in self._requests_by_text:
                self._new_texts.append(text)
            self._requests_by_text.setdefault(text, []).append(request)
        if not request.missing_count:
            self._complete.append(request)

    def answers(self) -> list[Answer]:
        """Return the answers to complete requests; if there are none, run batches until one request is complete.

        Returns:
            At least one answer, unless nothing is requested.

        Raises:
            RobenchError: the model returned unusable logits.
        """
        self._queue_new_texts()
        while not self._complete and self._requests_by_text:
            self._launch()
            self._collect()
        complete, self._complete = self._complete, []
        return [Answer(r.requester, np.stack([r.rows[text] for text in r.texts]), r.seconds) for r in complete]

    def answer_now(self, texts: list[str]) -> Row:
        """Return the logits (texts, classes) at once; for callers outside a search, before any search has begun."""
        self.request(None, texts)
        return self.answers()[0].rows

    def _queue_new_texts(self) -> None:
        if self._new_texts:
            for text, tokens in zip(self._new_texts, self._model.tokens(self._new_texts), strict=True):
                self._queues.setdefault(self._model.shape(tokens), deque()).append((text, tokens))
            self._new_texts = []

    def _fullness(self, shape: Shape) -> float:
        return len(self._queues[shape]) / shape.rows

    def _launch(self) -> None:
        """Start as many full batches as may run at once; start one with free rows only if none is running."""
        while self._queues and len(self._running) < self._model.max_in_flight:
            shape = max(self._queues, key=lambda shape: min(self._fullness(shape), 1))
            if self._running and self._fullness(shape) < 1:
                return
            queue = self._queues[shape]
            batch = [queue.popleft() for _ in range(min(shape.rows, len(queue)))]
            if not queue:
                del self._queues[shape]
            started = perf_counter()
            logits = self._model.batch_logits([tokens for _, tokens in batch], shape)
            self._running.append(_RunningBatch([text for text, _ in batch], logits, perf_counter() - started))
            self.statistics.batches += 1
            self.statistics.computed_texts += len(batch)
            self.statistics.batch_rows += shape.rows if shape.length else len(batch)

    def _collect(self) -> None:
        """Wait for the oldest running batch and give its rows to the requests."""
        batch = self._running.popleft()
        started = perf_counter()
        rows = _check_and_shift(batch.logits.detach().float().cpu(), batch.texts)
        seconds = batch.seconds + perf_counter() - started
        self.statistics.forward_seconds += seconds
        for text, row in zip(batch.texts, rows, strict=True):
            self._cache.put(text, row)
            requests = self._requests_by_text.pop(text)
            share = seconds / len(batch.texts) / len(requests)
            self._complete += [request for request in requests if request.receive(text, row, share)]


class _FunctionModel:
    """A function as a :class:`BatchModel` with one shape and no limit of rows: it receives all texts in one call."""

    max_in_flight = 1

    def __init__(self, logits: LogitsFunction) -> None:
        self._logits = logits

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def tokens(self, texts: Sequence[str]) -> list[str]:
        return list(texts)

    def shape(self, tokens: str) -> Shape:
        return Shape(rows=sys.maxsize, length=0)

    def batch_logits(self, tokens: Sequence[str], shape: Shape) -> torch.Tensor:
        return self._logits(tokens)


def _check_and_shift(logits: torch.Tensor, texts: list[str]) -> list[Row]:
    """Return the rows of a batch, each shifted so that its largest logit is 0.

    TextAttack takes an array whose rows sum to 1 for probabilities. If the largest logit is 0, no row sums to 1, and
    softmax gives the same bits, because it subtracts the largest logit first.

    Raises:
        RobenchError: the logits have another shape, or are not finite.
    """
    if logits.ndim != 2 or len(logits) != len(texts):
        raise RobenchError(f"the victim returned logits of shape {tuple(logits.shape)} for {len(texts)} texts.")
    broken = ~torch.isfinite(logits).all(dim=1)
    if broken.any():
        text = texts[int(broken.nonzero()[0])]
        raise RobenchError(f"the victim returned NaN or infinity for {text!r:.80}: its training diverged.")
    shifted = (logits - logits.max(dim=1, keepdim=True).values).numpy()
    return [row.copy() for row in shifted]  # a view would keep the whole batch alive in the cache
