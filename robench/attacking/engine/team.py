"""The searches of one process."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter
from typing import Any, NamedTuple

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack, copy_attack, save_tags
from robench.attacking.engine.parking import DirectLogits, ParkingEncoder, ParkingVictim
from robench.attacking.engine.search import AttackInput, Search
from robench.attacking.engine.streams import RandomStream, preserve_random_state
from robench.attacking.sentence_constraint import SentenceEmbedder
from robench.results.records import Record


class LogitsRequest(NamedTuple):
    """The search of example ``id`` waits for the model's rows of these texts."""

    id: int
    texts: list[str]


class SearchResult(NamedTuple):
    """A search has ended."""

    record: Record


Event = LogitsRequest | SearchResult


@dataclass(frozen=True)
class SearchSettings:
    """What all searches of a team have in common.

    Attributes:
        attack: what to attack with.
        attack_name: for the random streams and for messages.
        seed: determines, with the name and an example's id, its random numbers.
        offline: forbid fetching the attack's data.
    """

    attack: Attack
    attack_name: str
    seed: int
    offline: bool


class Team:
    """Searches that take turns in this process.

    Args:
        task: what they have in common.
        direct: answers who asks the model while the attack is built.

    Raises:
        RobenchError: the attack cannot be built.
    """

    def __init__(self, task: SearchSettings, direct: DirectLogits) -> None:
        self._task = task
        self._template = _built(task, direct)
        self._idle: list[Any] = []
        self._searches: dict[int, Search] = {}
        self._encoding: list[Search] = []
        self._events: list[Event] = []
        self.encoder_seconds = 0.0

    @property
    def live(self) -> int:
        """Searches that have not ended."""
        return len(self._searches)

    @property
    def parked(self) -> bool:
        """Whether, after the next :meth:`events`, every search waits for the model: always so in one process."""
        return True

    def start(self, example: AttackInput) -> None:
        """Begin a search.

        Raises:
            RobenchError: the attack's own code fails.
        """
        attack = self._idle.pop() if self._idle else copy_attack(self._template)
        _limit_queries(attack, self._task.attack, example[1])
        search = Search(
            attack, example, RandomStream(self._task.seed, self._task.attack_name, example[0]), self._task.attack_name
        )
        self._searches[search.id] = search
        search.start()
        self._sort(search)

    def wake(self, id: int, rows: Any, seconds: float) -> None:
        """Hand the model's rows to the search that asked for them, and let it go on.

        Raises:
            RobenchError: the attack's own code fails.
        """
        search = self._searches[id]
        search.wake(rows, seconds)
        self._sort(search)

    def events(self, timeout: float | None = None) -> list[Event]:
        """What has happened since the last call; afterwards every search is parked with a question to the model.

        Args:
            timeout: as for a team elsewhere; here nothing is waited for.
        """
        while self._encoding:
            asking, self._encoding = self._encoding, []
            for encoder in {id(search.question.encoder): search.question.encoder for search in asking}.values():
                assert encoder is not None, "only these are among them"
                self._encode(encoder, [search for search in asking if search.question.encoder is encoder])
        events, self._events = self._events, []
        return events

    def stop(self) -> None:
        """Unwind all searches."""
        for search in self._searches.values():
            search.stop()
        self._searches.clear()
        save_tags(self._template)

    def _sort(self, search: Search) -> None:
        """Put a search that has just run where it is waited for."""
        if search.dead:
            del self._searches[search.id]
            self._idle.append(search.attack)
            self._events.append(SearchResult(search.record()))
        elif search.question.encoder is not None:
            self._encoding.append(search)
        else:
            self._events.append(LogitsRequest(search.id, search.question.texts))

    def _encode(self, encoder: SentenceEmbedder, asking: list[Search]) -> None:
        """Embed the sentences of several searches together."""
        started = perf_counter()
        rows = encoder.encode([text for search in asking for text in search.question.texts])
        seconds = perf_counter() - started
        self.encoder_seconds += seconds
        counts = [len(search.question.texts) for search in asking]
        for search, count, end in zip(asking, counts, accumulate(counts), strict=True):
            search.wake(rows[end - count : end], seconds * count / max(len(rows), 1))
            self._sort(search)


def _built(task: SearchSettings, direct: DirectLogits) -> Any:
    with preserve_random_state():
        built = build_attack(task.attack, ParkingVictim(direct), offline=task.offline)
    for constraint in built.constraints:
        if isinstance(encoder := getattr(constraint, "encoder", None), SentenceEmbedder):
            constraint.encoder = ParkingEncoder(encoder)
    return built


def _limit_queries(built: Any, attack: Attack, text: str) -> None:
    from textattack.shared import AttackedText

    budget = attack.budget(AttackedText(text).num_words)
    built.goal_function.query_budget = float("inf") if budget is None else budget
