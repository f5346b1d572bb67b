"""Many examples are searched at once and their questions answered in full batches.

Each live example runs TextAttack's own search in a greenlet. When the search asks the model, the greenlet is parked
with its texts, and woken when all of them have been in a batch. A search does not notice: it draws from its own random
stream, and asks the same whoever else asks. So records depend neither on how many examples are live nor on their order,
as long as a row's logits do not depend on its neighbours, which :class:`robench.models.predictor.Predictor` sees to.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from robench.attacking.attack import Attack
from robench.attacking.engine.batcher import Batcher, BatchStatistics, LogitsCache
from robench.attacking.engine.search import AttackInput
from robench.attacking.engine.team import SearchResult, SearchSettings, Team
from robench.attacking.engine.workers import RemoteTeam, Workers
from robench.errors import RobenchError
from robench.models.batch_model import BatchModel, Logits
from robench.results.records import Record

LINGER = 0.005
"""Seconds that a batch which is not full waits for searches that are still thinking in other processes."""


def attack_examples(
    attack: Attack,
    model: BatchModel | Logits,
    examples: Iterable[AttackInput],
    *,
    seed: int,
    attack_name: str,
    live: int = 64,
    offline: bool = False,
    cache: LogitsCache | None = None,
    workers: Workers | None = None,
    statistics: BatchStatistics | None = None,
) -> Generator[Record, None, None]:
    """Attack ``examples`` and yield each one's record when its search ends, so not in their order.

    Closing the generator, an interrupt or an error unwinds all searches. The caller's random state stays as it is.

    Args:
        attack: what to attack with.
        model: the victim: a predictor, or a function that takes N texts and returns (N, classes) finite float32 logits
            on the CPU.
        examples: (id, text, label); ids are unique.
        seed: determines, with ``attack_name`` and the id, the random numbers of an example.
        attack_name: the attack's name, for the random stream and for messages.
        live: examples searched at the same time.
        offline: forbid fetching the attack's data.
        cache: logits of this model that are known, which it adds to; else it begins with none.
        workers: processes that the searches run in; else they run in this one.
        statistics: filled in as the work goes on.

    Raises:
        RobenchError: the attack cannot be built, its code fails on an example, or the victim's logits are unusable.
    """
    if live < 1:
        raise RobenchError(f"the number of live examples is {live}; it must be at least 1.")
    statistics = BatchStatistics() if statistics is None else statistics
    batcher = Batcher(model, LogitsCache() if cache is None else cache, statistics)
    with batcher.frozen():
        task = SearchSettings(attack, attack_name, seed, offline)
        team = workers.team(task, batcher.answer_now) if workers and workers.count else Team(task, batcher.answer_now)
        try:
            yield from _searched(team, batcher, iter(examples), live)
        finally:
            statistics.encoder_seconds += team.encoder_seconds
            team.stop()


def _searched(
    team: Team | RemoteTeam, batcher: Batcher, waiting: Iterator[AttackInput], live: int
) -> Generator[Record, None, None]:
    while True:
        while team.live < live and (example := next(waiting, None)) is not None:
            team.start(example)
        events = team.events(0 if batcher.busy or team.parked else None if batcher.idle else LINGER)
        for event in events:
            if isinstance(event, SearchResult):
                yield event.record
            else:
                batcher.request(event.id, event.texts)
        if team.live < live and example is not None:
            continue  # others can begin: their questions may fill a batch
        if not team.live:
            return
        if team.parked or batcher.busy or not events:
            for answer in batcher.answers():
                team.wake(answer.requester, answer.rows, answer.seconds)
