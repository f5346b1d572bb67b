"""The attack engine: many examples are searched at once and their queries answered in one batch.

Each live example runs TextAttack's own search in a greenlet. When the search asks the model, the greenlet is parked
with its texts; when all are parked, the hub asks the real model once for every text not known yet and wakes them with
their rows. A search does not notice: it draws from its own random stream, and asks the same whoever else asks.
So records depend neither on how many examples are live nor on their order, as far as the model's answers do not: a
row's logits can move in their last digits with the shape of its batch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from greenlet import getcurrent, greenlet

from robench.attack import Attack
from robench.errors import RobenchError
from robench.records import Record, Status
from robench.streams import Stream, untouched_random_state
from robench.textattack_env import build_attack

Logits = Callable[[Sequence[str]], torch.Tensor]


@dataclass
class Statistics:
    """How well the pooling worked.

    Attributes:
        rounds: times that all live searches were answered together.
        asked: texts asked for, after TextAttack's own cache (a record's ``queries`` counts before it).
        forwards: texts that the model saw; the rest were doubles within a round or known from an earlier one.
        forward_seconds: time spent in the model.
    """

    rounds: int = 0
    asked: int = 0
    forwards: int = 0
    forward_seconds: float = 0.0


def attack_examples(
    attack: Attack,
    logits: Logits,
    examples: Iterable[tuple[int, str, int]],
    *,
    seed: int,
    attack_name: str,
    live: int = 64,
    offline: bool = False,
    cache_rows: int = 100_000,
    statistics: Statistics | None = None,
) -> Generator[Record, None, None]:
    """Attack ``examples`` and yield each one's record when its search ends, so not in their order.

    Closing the generator, an interrupt or an error unwinds all searches. The caller's random state stays as it is.

    Args:
        attack: what to attack with.
        logits: the victim; takes N texts and returns (N, classes) finite float32 logits on the CPU.
        examples: (id, text, label); ids are unique.
        seed: determines, with ``attack_name`` and the id, the random numbers of an example.
        attack_name: the attack's name, for the random stream and for messages.
        live: examples searched at the same time.
        offline: forbid fetching the attack's data.
        cache_rows: texts whose logits are remembered across examples.
        statistics: filled in as the work goes on.

    Raises:
        RobenchError: the attack cannot be built, its code fails on an example, or the victim's logits are unusable.
    """
    if live < 1:
        raise RobenchError(f"the number of live examples is {live}; it must be at least 1.")
    hub = _Hub(logits, cache_rows, Statistics() if statistics is None else statistics)
    waiting = iter(examples)
    idle: list[Any] = []
    searches: list[_Search] = []
    try:
        while True:
            for search in [search for search in searches if search.dead]:
                searches.remove(search)
                idle.append(search.attack)
                yield search.record()
            while len(searches) < live and (example := next(waiting, None)) is not None:
                built = idle.pop() if idle else _build(attack, hub, offline)
                searches.append(_Search(built, example, Stream(seed, attack_name, example[0]), attack_name))
                searches[-1].start()
            if not searches:
                return
            parked = [search for search in searches if not search.dead]
            for search, (rows, seconds) in zip(parked, hub.answer([search.asked for search in parked]), strict=True):
                search.wake(rows, seconds)
    finally:
        for search in searches:
            search.stop()


def _build(attack: Attack, hub: _Hub, offline: bool) -> Any:
    with untouched_random_state():
        return build_attack(attack, _ParkingVictim(hub), offline=offline)


class _ParkingVictim:
    """The model as TextAttack sees it: a call parks the search until the hub has the rows."""

    def __init__(self, hub: _Hub) -> None:
        self.model = self  # TextAttack reads the class of a wrapper's model
        self._hub = hub

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        current = getcurrent()
        if isinstance(current, _Worker):
            rows: torch.Tensor = current.parent.switch(list(texts))
            return rows
        return self._hub.answer([list(texts)])[0][0]


class _Worker(greenlet):  # type: ignore[misc]  # greenlet is untyped here
    """A greenlet that runs one search."""


class _Search:
    """One example's search: a greenlet that is parked with the texts it asks for, or dead with its result."""

    def __init__(self, attack: Any, example: tuple[int, str, int], stream: Stream, attack_name: str) -> None:
        self.attack = attack
        self.asked: list[str] = []
        self._id, self._text, self._label = int(example[0]), example[1], int(example[2])
        self._attack_name = attack_name
        self._stream = stream
        self._worker = _Worker(attack.attack)
        self._result: Any = None
        self._seconds = 0.0

    @property
    def dead(self) -> bool:
        """Whether the search has ended."""
        return bool(self._worker.dead)

    def start(self) -> None:
        """Run the search up to its first question."""
        self.attack.clear_cache()
        self._run(self._text, self._label)

    def wake(self, rows: torch.Tensor, seconds: float) -> None:
        """Hand over the rows asked for, which took ``seconds``, and run up to the next question or the end."""
        self._seconds += seconds
        self._run(rows)

    def stop(self) -> None:
        """Unwind the search where it is parked."""
        if not self.dead:
            with self._stream.active():
                self._worker.throw()

    def _run(self, *values: object) -> None:
        started = perf_counter()
        try:
            with self._stream.active():
                outcome = self._worker.switch(*values)
        except Exception as error:
            raise RobenchError(
                f"{self._attack_name} failed on example {self._id}, {self._text!r:.80}: "
                f"{type(error).__name__}: {error}. Leave that row out, or report it to the attack's authors."
            ) from error
        self._seconds += perf_counter() - started
        if self.dead:
            self._result = outcome
        else:
            self.asked = outcome

    def record(self) -> Record:
        """Return the record of an ended search."""
        before, after = self._result.original_result, self._result.perturbed_result
        return Record(
            id=self._id,
            label=self._label,
            original=self._text,
            final=after.attacked_text.text,
            status=_status(self._result),
            probabilities_before=before.raw_output.tolist(),
            probabilities_after=after.raw_output.tolist(),
            queries=int(self._result.num_queries),
            words_changed=_words_changed(before.attacked_text, after.attacked_text),
            words=before.attacked_text.num_words,
            seconds=self._seconds,
        )


def _status(result: Any) -> Status:
    from textattack.attack_results import SkippedAttackResult, SuccessfulAttackResult

    if isinstance(result, SkippedAttackResult):
        return "skipped"
    return "succeeded" if isinstance(result, SuccessfulAttackResult) else "failed"


def _words_changed(before: Any, after: Any) -> int:
    """Count the original words that do not stand in ``after``; by the index map, a word cut in two counts once."""
    where = after.attack_attrs["original_index_map"]
    return sum(
        at < 0 or at >= after.num_words or word != after.words[at] for word, at in zip(before.words, where, strict=True)
    )


class _Hub:
    """Answers many requests with one call of the model."""

    def __init__(self, logits: Logits, cache_rows: int, statistics: Statistics) -> None:
        self._logits = logits
        self._cache_rows = cache_rows
        self._statistics = statistics
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
        self._statistics.rounds += 1
        self._statistics.asked += asked
        per_text = (perf_counter() - started) / max(asked, 1)
        return [(block, per_text * len(block)) for block in blocks]

    def _forward(self, texts: list[str]) -> list[torch.Tensor]:
        started = perf_counter()
        logits = self._logits(texts).detach()
        self._statistics.forward_seconds += perf_counter() - started
        self._statistics.forwards += len(texts)
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
