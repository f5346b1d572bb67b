"""The attack engine: many examples are searched at once and their queries answered in one batch.

Each live example runs TextAttack's own search in a greenlet. When the search asks the model, the greenlet is parked
with its texts; when all are parked, the hub asks the real model once for every text not known yet and wakes them with
their rows. Sentence encoders are asked likewise. A search does not notice: it draws from its own random stream, and
asks the same whoever else asks. So records depend neither on how many examples are live nor on their order, as long as
a row's logits do not depend on its neighbours, which :class:`robench.prediction.Predictor` sees to.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from time import perf_counter
from typing import Any

from robench.attack import Attack
from robench.errors import RobenchError
from robench.questions import Answer, Hub, Logits, ParkingEncoder, ParkingVictim, Question, Statistics, Worker
from robench.records import Record, Status
from robench.similarity import Encoder
from robench.streams import Stream, untouched_random_state
from robench.textattack_env import build_attack, copied


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
    hub = Hub(logits, cache_rows, Statistics() if statistics is None else statistics)
    waiting = iter(examples)
    template = _build(attack, hub, offline)
    idle: list[Any] = []
    searches: list[_Search] = []
    try:
        while True:
            for search in [search for search in searches if search.dead]:
                searches.remove(search)
                idle.append(search.attack)
                yield search.record()
            while len(searches) < live and (example := next(waiting, None)) is not None:
                built = idle.pop() if idle else copied(template)
                _limit_queries(built, attack, example[1])
                searches.append(_Search(built, example, Stream(seed, attack_name, example[0]), attack_name))
                searches[-1].start()
            if not searches:
                return
            parked: dict[Answer, list[_Search]] = {}
            for search in searches:
                if not search.dead:
                    parked.setdefault(search.question.answer, []).append(search)
            for answer, asking in parked.items():
                answers = answer([search.question.texts for search in asking])
                for search, (rows, seconds) in zip(asking, answers, strict=True):
                    search.wake(rows, seconds)
    finally:
        for search in searches:
            search.stop()


def _build(attack: Attack, hub: Hub, offline: bool) -> Any:
    with untouched_random_state():
        built = build_attack(attack, ParkingVictim(hub), offline=offline)
    for constraint in built.constraints:
        if isinstance(encoder := getattr(constraint, "encoder", None), Encoder):
            constraint.encoder = ParkingEncoder(encoder, hub.statistics)
    return built


def _limit_queries(built: Any, attack: Attack, text: str) -> None:
    from textattack.shared import AttackedText

    budget = attack.budget(AttackedText(text).num_words)
    built.goal_function.query_budget = float("inf") if budget is None else budget


class _Search:
    """One example's search: a greenlet that is parked with a question, or dead with its result."""

    def __init__(self, attack: Any, example: tuple[int, str, int], stream: Stream, attack_name: str) -> None:
        self.attack = attack
        self.question: Question
        self._id, self._text, self._label = int(example[0]), example[1], int(example[2])
        self._attack_name = attack_name
        self._stream = stream
        self._worker = Worker(attack.attack)
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

    def wake(self, rows: Any, seconds: float) -> None:
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
            self.question = outcome

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
        bool(at < 0 or at >= after.num_words or word != after.words[at])
        for word, at in zip(before.words, where, strict=True)
    )
