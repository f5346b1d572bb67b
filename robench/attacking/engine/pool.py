"""Attacking many examples at the same time, with full batches of the model.

How it works: each live example runs TextAttack's own search in a greenlet. When the search calls the model, the
greenlet is parked with its texts, and it is woken when all of them have been in a batch. A search cannot notice this:
it draws from a random stream of its own, and requests the same texts whatever the other searches request. So the
records depend neither on the number of live examples nor on their order, as long as a text's logits do not depend on
the other texts of its batch, which :class:`robench.models.predictor.Predictor` guarantees.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from robench.attacking.attack import Attack
from robench.attacking.engine.batcher import Batcher, BatchStatistics
from robench.attacking.engine.limits import WORDS_AT_ONCE, weigh
from robench.attacking.engine.logits_cache import LogitsCache
from robench.attacking.engine.search import AttackInput
from robench.attacking.engine.team import SearchResult, SearchSettings, Team
from robench.attacking.engine.workers import RemoteTeam, Workers
from robench.errors import RobenchError
from robench.models.batch_model import BatchModel, LogitsFunction
from robench.results.records import Record

LINGER = 0.005
"""Seconds that a batch with free rows waits for searches that still run in other processes."""


def attack_examples(
    attack: Attack,
    model: BatchModel | LogitsFunction,
    examples: Iterable[AttackInput | None],
    *,
    seed: int,
    attack_name: str,
    live: int = 64,
    offline: bool = False,
    cache: LogitsCache | None = None,
    workers: Workers | None = None,
    statistics: BatchStatistics | None = None,
) -> Generator[Record, None, None]:
    """Attack ``examples`` and yield each record as soon as its search ends, so in no particular order.

    An example on which the code of the attack or of the victim fails has a record of status ``error``.

    Closing the generator, an interrupt or an error unwinds all searches. The caller's random state does not change.

    Args:
        attack: the attack and its options.
        model: the victim: a predictor, or a function that takes N texts and returns (N, classes) finite float32 logits
            on the CPU.
        examples: id, text and label of each example; ids are unique. None says that the next one comes after another
            record, and is not given when no example is searched.
        seed: determines, with ``attack_name`` and the id, the random numbers of an example.
        attack_name: the attack's name, for the random stream and for messages.
        live: most examples that are searched at the same time; fewer if their texts are long.
        offline: forbid fetching the attack's data.
        cache: known logits of this model, to which new ones are added; None begins with an empty cache.
        workers: processes in which the searches run; None runs them in this process.
        statistics: updated as the work goes on.

    Raises:
        RobenchError: the attack cannot be built, or the victim is down: it fails on every text.
    """
    if live < 1:
        raise RobenchError(f"the number of live examples is {live}; it must be at least 1.")
    statistics = BatchStatistics() if statistics is None else statistics
    batcher = Batcher(model, LogitsCache() if cache is None else cache, statistics)
    with batcher.freeze_weights():
        settings, direct = SearchSettings(attack, attack_name, seed, offline), batcher.answer_now
        team = workers.team(settings, direct) if workers and workers.count else Team(settings, direct)
        try:
            yield from _run_searches(team, batcher, iter(examples), live)
        finally:
            team.stop()


def _run_searches(
    team: Team | RemoteTeam, batcher: Batcher, examples: Iterator[AttackInput | None], live: int
) -> Generator[Record, None, None]:
    weights: dict[int, int] = {}  # of the texts that are searched
    example, is_over = _next(examples)

    def may_start(example: AttackInput) -> bool:
        fits = not weights or sum(weights.values()) + weigh(example[1]) <= WORDS_AT_ONCE
        return team.live < live and fits

    while True:
        while example is not None and may_start(example):
            weights[example[0]] = weigh(example[1])
            team.start(example)
            example, is_over = _next(examples)
        events = team.events(0 if batcher.has_work() or team.all_parked else None if batcher.idle else LINGER)
        for event in events:
            if isinstance(event, SearchResult):
                del weights[event.record.id]
                yield event.record
                if example is None and not is_over:
                    example, is_over = _next(examples)
            else:
                batcher.request(event.id, event.texts)
        if example is not None and may_start(example):
            continue  # more examples can start, and their requests may fill a batch
        if not team.live:
            return
        if team.all_parked or batcher.has_work() or not events:
            for answer in batcher.answers():
                if answer.failure is None:
                    team.wake(answer.requester, answer.rows, answer.seconds)
                else:
                    team.fail(answer.requester, answer.failure)


def _next(examples: Iterator[AttackInput | None]) -> tuple[AttackInput | None, bool]:
    """Return the next example, if there is one now, and whether there will be no more."""
    try:
        return next(examples), False
    except StopIteration:
        return None, True
