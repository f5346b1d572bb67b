"""Questions of many searches become full batches of the model.

A text is seen in the batch shape that goes with it, whoever asks (:func:`robench.models.predictor.batch_shape`). A
batch is run when a shape has texts enough to fill it, and otherwise only when nobody can go on without: the batches
are nearly full although each search asks for a few texts at a time. What has been asked for once is remembered.
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
from robench.models.batch_model import BatchModel, Logits
from robench.models.batches import Shape

Row = npt.NDArray[np.float32]


@dataclass
class BatchStatistics:
    """How well the batching worked.

    Attributes:
        requested_texts: texts asked for, after TextAttack's own cache (a record's ``queries`` counts before it).
        computed_texts: texts that the model saw; the rest were asked for by two at once, or known.
        batches: batches of the model.
        batch_rows: rows of these batches; those without a text of their own were filled up.
        forward_seconds: time spent in the model, or waiting for it.
        encoder_seconds: time spent in the sentence encoder by searches of this process.
    """

    requested_texts: int = 0
    computed_texts: int = 0
    batches: int = 0
    batch_rows: int = 0
    forward_seconds: float = 0.0
    encoder_seconds: float = 0.0


class LogitsCache:
    """The logits of one model's texts, those least recently used forgotten first.

    Args:
        rows: texts that are remembered at most.
    """

    def __init__(self, rows: int = 100_000) -> None:
        self._limit = rows
        self._rows: OrderedDict[str, Row] = OrderedDict()

    def get(self, text: str) -> Row | None:
        """The text's logits (classes,), if they are known."""
        row = self._rows.get(text)
        if row is not None:
            self._rows.move_to_end(text)
        return row

    def put(self, text: str, row: Row) -> None:
        """Remember a text's logits."""
        self._rows[text] = row
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)


class Answer(NamedTuple):
    """Rows (texts, classes) for who asked, and how many seconds of the model's time they took."""

    requester: Any
    rows: Row
    seconds: float


@dataclass(eq=False)
class _OpenRequest:
    requester: Any
    texts: list[str]
    missing: int = 0
    found: dict[str, Row] = field(default_factory=dict)
    seconds: float = 0.0

    def receive(self, text: str, row: Row, seconds: float) -> bool:
        """Take a row; say whether it was the last."""
        self.found[text] = row
        self.seconds += seconds
        self.missing -= 1
        return self.missing == 0


@dataclass
class _RunningBatch:
    texts: list[str]
    logits: torch.Tensor
    seconds: float


class Batcher:
    """Collects questions, runs batches, hands answers back.

    Args:
        model: what is asked. A function gets all that is asked for at a time in one call.
        cache: known logits of this model.
        statistics: filled in as the work goes on.
    """

    def __init__(self, model: BatchModel | Logits, cache: LogitsCache, statistics: BatchStatistics) -> None:
        self._model: BatchModel = model if isinstance(model, BatchModel) else _FunctionModel(model)
        self._cache, self.statistics = cache, statistics
        self._new: list[str] = []  # not looked at yet: all are tokenised in one go
        self._pending: dict[Shape, deque[tuple[str, Any]]] = {}
        self._waiting: dict[str, list[_OpenRequest]] = {}
        self._running: deque[_RunningBatch] = deque()
        self._ready: list[_OpenRequest] = []

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        """A block in which the model does not change; see :class:`BatchModel`."""
        return self._model.frozen()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to run and nothing to hand back."""
        return not (self._waiting or self._ready)

    @property
    def busy(self) -> bool:
        """Whether there is something to do that more questions would not make cheaper."""
        self._sort()
        return bool(self._ready or self._running) or any(self._fullness(shape) >= 1 for shape in self._pending)

    def request(self, requester: Any, texts: list[str]) -> None:
        """Note a question; its answer will be among the :meth:`answers`."""
        self.statistics.requested_texts += len(texts)
        asked = _OpenRequest(requester, texts)
        for text in dict.fromkeys(texts):
            row = self._cache.get(text)
            if row is not None:
                asked.found[text] = row
                continue
            asked.missing += 1
            if text not in self._waiting:
                self._new.append(text)
            self._waiting.setdefault(text, []).append(asked)
        if not asked.missing:
            self._ready.append(asked)

    def answers(self) -> list[Answer]:
        """What can be answered; if that is nothing, batches are run until it is something, or nothing is asked for.

        Raises:
            RobenchError: the model returned something unusable.
        """
        self._sort()
        while not self._ready and self._waiting:
            self._launch()
            self._collect()
        ready, self._ready = self._ready, []
        return [Answer(a.requester, np.stack([a.found[text] for text in a.texts]), a.seconds) for a in ready]

    def answer_now(self, texts: list[str]) -> Row:
        """The rows of texts, at once; for who asks before there are searches."""
        self.request(None, texts)
        return self.answers()[0].rows

    def _sort(self) -> None:
        if self._new:
            for text, tokens in zip(self._new, self._model.tokens(self._new), strict=True):
                self._pending.setdefault(self._model.shape(tokens), deque()).append((text, tokens))
            self._new = []

    def _fullness(self, shape: Shape) -> float:
        return len(self._pending[shape]) / shape.rows

    def _launch(self) -> None:
        """Put batches under way: full ones as many as go, one that is not full only if there is nothing else."""
        while self._pending and len(self._running) < self._model.ahead:
            shape = max(self._pending, key=lambda shape: min(self._fullness(shape), 1))
            if self._running and self._fullness(shape) < 1:
                return
            queue = self._pending[shape]
            chosen = [queue.popleft() for _ in range(min(shape.rows, len(queue)))]
            if not queue:
                del self._pending[shape]
            started = perf_counter()
            logits = self._model.batch_logits([tokens for _, tokens in chosen], shape)
            self._running.append(_RunningBatch([text for text, _ in chosen], logits, perf_counter() - started))
            self.statistics.batches += 1
            self.statistics.computed_texts += len(chosen)
            self.statistics.batch_rows += shape.rows if shape.length else len(chosen)

    def _collect(self) -> None:
        """Wait for the oldest batch under way and hand out its rows."""
        done = self._running.popleft()
        started = perf_counter()
        rows = _checked(done.logits.detach().float().cpu(), done.texts)
        seconds = done.seconds + perf_counter() - started
        self.statistics.forward_seconds += seconds
        for text, row in zip(done.texts, rows, strict=True):
            self._cache.put(text, row)
            waiting = self._waiting.pop(text)
            share = seconds / len(done.texts) / len(waiting)
            self._ready += [asked for asked in waiting if asked.receive(text, row, share)]


class _FunctionModel:
    """A function in the place of a model that knows batches: it gets everything at once."""

    ahead = 1

    def __init__(self, logits: Logits) -> None:
        self._logits = logits

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def tokens(self, texts: Sequence[str]) -> list[str]:
        return list(texts)

    def shape(self, tokens: str) -> Shape:
        return Shape(rows=sys.maxsize, length=0)

    def batch_logits(self, tokens: Sequence[str], shape: Shape) -> torch.Tensor:
        return self._logits(tokens)


def _checked(logits: torch.Tensor, texts: list[str]) -> list[Row]:
    """The rows of a batch, each with its largest logit at 0.

    TextAttack takes a block whose rows sum to 1 for probabilities. With the largest at 0 no row does, and softmax,
    which subtracts the largest first, gives the same bits.
    """
    if logits.ndim != 2 or len(logits) != len(texts):
        raise RobenchError(f"the victim returned logits of shape {tuple(logits.shape)} for {len(texts)} texts.")
    broken = ~torch.isfinite(logits).all(dim=1)
    if broken.any():
        text = texts[int(broken.nonzero()[0])]
        raise RobenchError(f"the victim returned NaN or infinity for {text!r:.80}: its training diverged.")
    shifted = (logits - logits.max(dim=1, keepdim=True).values).numpy()
    return [row.copy() for row in shifted]  # a view would keep the whole block alive in the cache
