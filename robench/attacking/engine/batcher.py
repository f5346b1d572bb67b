"""Batches of the model, filled with the texts that many searches request.

How it works: a search requests the logits of a few texts at a time, far fewer than a batch holds. The batcher therefore
queues the texts of all searches by batch shape, which depends on the text alone
(:func:`robench.models.predictor.choose_batch_shape`), so that a text's logits do not depend on who requested it. It
runs a batch when a shape has enough texts to fill it, and a batch with free rows only when no search can continue
without it. The rows go to every request that waits for the text, and into a cache, so that a text is computed once.
Texts that are the same input, because they differ only in what the model cuts off, are computed once, too.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import torch

from robench.attacking.engine.failures import TextFailure
from robench.attacking.engine.logits_cache import LogitsCache
from robench.attacking.engine.requests import Answer, OpenRequest, Row
from robench.attacking.engine.suspects import Suspects
from robench.errors import RobenchError, RunEndError, translate_failures
from robench.escaping import show_value
from robench.models.batch_model import BatchModel, FunctionModel, LogitsFunction
from robench.models.batches import Shape
from robench.resources.text_keys import make_text_key

_NOT_FINITE = "the model returned NaN or infinity for {}: its training diverged, or it cannot score this text."


@dataclass
class BatchStatistics:
    """Counts that show how well the batches were filled.

    Attributes:
        requested_texts: texts requested, after TextAttack's own cache (a record's ``queries`` counts before it).
        computed_texts: inputs that the model saw; the others were cached, requested twice at the same time, or the same
            as another one after the model's cut.
        batches: batches of the model.
        batch_rows: rows of these batches, including those that were only padded.
        forward_seconds: time spent in the model, or waiting for it.
    """

    requested_texts: int = 0
    computed_texts: int = 0
    batches: int = 0
    batch_rows: int = 0
    forward_seconds: float = 0.0


class _Item(NamedTuple):
    """A text, and once they are known, its tokens and the key of this input."""

    text: str
    tokens: Any = None
    key: Hashable = None


@dataclass
class _RunningBatch:
    """A batch that the device may still be computing, and the seconds that launching it took."""

    items: list[_Item]
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
        self._model: BatchModel = model if isinstance(model, BatchModel) else FunctionModel(model)
        self._cache, self.statistics = cache, statistics
        self._new_texts: list[str] = []  # texts without a shape: they are tokenised in one call
        self._queues: dict[Shape, deque[_Item]] = {}
        self._texts_by_input: dict[Hashable, list[str]] = {}  # of the inputs that are queued or running
        self._requests_by_text: dict[str, list[OpenRequest]] = {}
        self._running: deque[_RunningBatch] = deque()
        self._complete: list[OpenRequest] = []
        self._suspects = Suspects(self._works)

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the model does not change; see :class:`BatchModel`."""
        return self._model.freeze_weights()

    @property
    def idle(self) -> bool:
        """Return whether there is nothing to run and nothing to return."""
        return not (self._requests_by_text or self._complete)

    def has_work(self) -> bool:
        """Tokenize new texts, and return whether there is work that more requests would not make cheaper."""
        self._queue_new_texts()
        return bool(self._complete or self._running) or any(self._fullness(shape) >= 1 for shape in self._queues)

    def request(self, requester: Any, texts: list[str]) -> None:
        """Request the logits of texts; they will be among the :meth:`answers`.

        Args:
            requester: any object; it is returned with the answer.
            texts: the texts, at least one.
        """
        self.statistics.requested_texts += len(texts)
        request = OpenRequest(requester, texts)
        for text in dict.fromkeys(texts):
            row = self._cache.get(make_text_key(text))
            if row is not None:
                request.rows[text] = row
                self._suspects.remember(text)
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
            RobenchError: the model fails on every text.
        """
        self._queue_new_texts()
        while not self._complete and self._requests_by_text:
            if self._queues or self._running:
                self._launch()
                self._collect()
            else:
                self._end(self._suspects.judge())
        complete, self._complete = self._complete, []
        return [request.answer() for request in complete]

    def answer_now(self, texts: list[str]) -> Row:
        """Return the logits (texts, classes) at once; for callers outside a search, before any search has begun.

        Raises:
            RobenchError: the model fails on a text.
        """
        self.request(None, texts)
        answer = self.answers()[0]
        if answer.failure is not None:
            raise RobenchError(f"the model failed on {show_value(answer.failure.text, 80)}: {answer.failure.reason}.")
        return answer.rows

    def _queue_new_texts(self) -> None:
        texts, self._new_texts = self._new_texts, []
        if texts:
            self._tokenise([_Item(text) for text in texts])

    def _tokenise(self, items: list[_Item]) -> None:
        """Queue texts by their shape; those that cannot be tokenised fail."""
        try:
            with translate_failures(f"the model's tokenizer failed on {show_value(items[0].text, 80)}"):
                rows = self._model.tokens([item.text for item in items])
                shapes = [self._model.shape(tokens) for tokens in rows]
        except RunEndError:
            raise
        except RobenchError as error:
            self._halve(items, self._tokenise, error)
            return
        for item, tokens, shape in zip(items, rows, shapes, strict=True):
            self._queue(_Item(item.text, tokens, self._model.identify(tokens)), shape)

    def _queue(self, item: _Item, shape: Shape) -> None:
        """Queue a text, unless its input is known, queued or running."""
        row = self._cache.get(item.key)
        if row is not None:
            self._answer([item.text], row, 0.0)
            return
        if item.key not in self._texts_by_input:
            self._queues.setdefault(shape, deque()).append(item)
        self._texts_by_input.setdefault(item.key, []).append(item.text)

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
            self._start(batch, shape)

    def _start(self, batch: list[_Item], shape: Shape) -> None:
        """Start a batch; if the model fails on it, start its halves, down to the texts that fail."""
        started = perf_counter()
        try:
            with translate_failures(f"the model failed on {show_value(batch[0].text, 80)}"):
                logits = self._model.batch_logits([item.tokens for item in batch], shape)
        except RunEndError:
            raise
        except RobenchError as error:
            self._collect()  # what the model scored has to be known before its failures are counted
            self._halve(batch, lambda half: self._start(half, shape), error)
            return
        self._running.append(_RunningBatch(batch, logits, perf_counter() - started))
        self.statistics.batches += 1
        self.statistics.computed_texts += len(batch)
        self.statistics.batch_rows += shape.rows if shape.length else len(batch)

    def _halve(self, items: list[_Item], compute: Callable[[list[_Item]], None], error: RobenchError) -> None:
        """Compute each half of what failed as a whole; a single text that fails is a suspect."""
        if len(items) > 1:
            compute(items[: len(items) // 2])
            compute(items[len(items) // 2 :])
        else:
            self._suspect(items[0], error)

    def _suspect(self, item: _Item, error: RobenchError) -> None:
        """Note that the model failed on a text, and so on all texts that are the same input."""
        for text in self._texts_by_input.pop(item.key, [item.text]):
            self._end(self._suspects.add(text, error))

    def _collect(self) -> None:
        """Wait for the oldest running batch, if there is one, and give its rows to the requests."""
        if not self._running:
            return
        batch = self._running.popleft()
        started = perf_counter()
        rows = _check_and_shift(batch.logits.detach().float().cpu(), len(batch.items))
        seconds = batch.seconds + perf_counter() - started
        self.statistics.forward_seconds += seconds
        for item, row in zip(batch.items, rows, strict=True):
            if row is None:
                self._suspect(item, RobenchError(_NOT_FINITE.format(show_value(item.text, 80))))
                continue
            self._cache.put(item.key, row)
            self._answer(self._texts_by_input.pop(item.key), row, seconds / len(rows))
            self._end(self._suspects.clear(item.text))

    def _answer(self, texts: list[str], row: Row, seconds: float) -> None:
        """Give a row to all requests that wait for one of the texts, which share the seconds that it took."""
        requests = [(text, request) for text in texts for request in self._requests_by_text.pop(text)]
        for text in texts:
            self._cache.put(make_text_key(text), row)
        self._complete += [request for text, request in requests if request.receive(text, row, seconds / len(requests))]

    def _end(self, failures: Iterable[TextFailure]) -> None:
        """Give failures to the requests that wait for these texts."""
        for failure in failures:
            requests = self._requests_by_text.pop(failure.text)
            self._complete += [request for request in requests if request.receive_failure(failure)]

    def _works(self, text: str) -> bool:
        """Return whether the model scores a text."""
        try:
            with translate_failures("the model failed"):
                tokens = self._model.tokens([text])
                if isinstance(self._model, FunctionModel):
                    logits = self._model.logits_again(tokens)
                else:
                    logits = self._model.batch_logits(tokens, self._model.shape(tokens[0]))
        except RunEndError:
            raise
        except RobenchError:
            return False
        return bool(torch.isfinite(logits).all())


def _check_and_shift(logits: torch.Tensor, count: int) -> list[Row | None]:
    """Return the rows of a batch, each shifted so that its largest logit is 0; None for one that is not finite.

    TextAttack takes an array whose rows sum to 1 for probabilities. If the largest logit is 0, no row sums to 1, and
    softmax gives the same bits, because it subtracts the largest logit first.

    Raises:
        RobenchError: the logits have another shape.
    """
    if logits.ndim != 2 or len(logits) != count:
        raise RobenchError(f"the victim returned logits of shape {tuple(logits.shape)} for {count} texts.")
    shifted = (logits - logits.max(dim=1, keepdim=True).values).numpy()
    finite = torch.isfinite(logits).all(dim=1).tolist()
    # A view would keep the whole batch alive in the cache.
    return [row.copy() if is_finite else None for row, is_finite in zip(shifted, finite, strict=True)]
