"""A team: the searches of one process.

How it works: a team builds the attack once and copies it for each search that runs at the same time. A search runs
until it is parked with a request. A request for the model's logits becomes an event, which the pool answers with
:meth:`Team.wake`. Requests for sentence embeddings stay inside the team: once every search is parked, those of all
searches that use the same encoder are embedded in one call. When a search ends, its record becomes an event and its
copy of the attack is used again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter
from typing import Any, NamedTuple

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack, copy_attack, save_tags
from robench.attacking.engine.failures import TextFailure, describe_reason
from robench.attacking.engine.long_texts import adapt_to_long_texts
from robench.attacking.engine.parking import DirectLogits, ParkingEncoder, ParkingVictim
from robench.attacking.engine.search import AttackInput, Search
from robench.attacking.engine.streams import RandomStream, preserve_random_state
from robench.attacking.sentence_constraint import SentenceEmbedder
from robench.errors import RobenchError
from robench.results.records import Record


class LogitsRequest(NamedTuple):
    """An event: the search of example ``id`` waits for the model's logits of these texts."""

    id: int
    texts: list[str]


class SearchResult(NamedTuple):
    """An event: a search has ended with this record."""

    record: Record


Event = LogitsRequest | SearchResult


@dataclass(frozen=True)
class SearchSettings:
    """Settings that all searches of a team share.

    Attributes:
        attack: the attack and its options.
        attack_name: the attack's name, for the random streams and for messages.
        seed: determines, with the name and an example's id, the random numbers of the example.
        offline: forbid fetching the attack's data.
    """

    attack: Attack
    attack_name: str
    seed: int
    offline: bool


class Team:
    """Searches that take turns in this process.

    Args:
        settings: what the searches share.
        direct: returns the model's logits while the attack is built.

    Raises:
        RobenchError: the attack cannot be built.
    """

    def __init__(self, settings: SearchSettings, direct: DirectLogits) -> None:
        self._settings = settings
        self._template = _build_template(settings, direct)
        self._spare_attacks: list[Any] = []
        self._searches: dict[int, Search] = {}
        self._waiting_for_encoder: list[Search] = []
        self._events: list[Event] = []

    @property
    def live(self) -> int:
        """Return the number of searches that have not ended."""
        return len(self._searches)

    @property
    def all_parked(self) -> bool:
        """Return whether every search waits for the model after the next :meth:`events`: always, in one process."""
        return True

    def start(self, example: AttackInput) -> None:
        """Begin the search of an example.

        Raises:
            RobenchError: something that has nothing to do with the example is missing.
        """
        settings = self._settings
        attack = self._spare_attacks.pop() if self._spare_attacks else copy_attack(self._template)
        stream = RandomStream(settings.seed, settings.attack_name, example[0])
        search = Search(attack, example, stream, settings.attack.budget)
        self._searches[search.id] = search
        search.start()
        self._handle(search)

    def wake(self, id: int, rows: Any, seconds: float) -> None:
        """Give a search the logits that it requested, and let it continue.

        Args:
            id: the id of the search's example.
            rows: logits (texts, classes).
            seconds: time that computing them took.

        Raises:
            RobenchError: something that has nothing to do with the example is missing.
        """
        search = self._searches[id]
        search.wake(rows, seconds)
        self._handle(search)

    def fail(self, id: int, failure: TextFailure) -> None:
        """End the search of an example, because the model failed on a text that it requested."""
        search = self._searches[id]
        search.fail(failure)
        self._handle(search)

    def events(self, timeout: float | None = None) -> list[Event]:
        """Return the events since the last call; afterwards every search is parked with a request for logits.

        Args:
            timeout: unused; a team in other processes waits at most this number of seconds for its first event.
        """
        while self._waiting_for_encoder:
            searches, self._waiting_for_encoder = self._waiting_for_encoder, []
            for encoder in {id(search.request.encoder): search.request.encoder for search in searches}.values():
                assert encoder is not None, "only searches with an encoder are in this list"
                self._encode(encoder, [search for search in searches if search.request.encoder is encoder])
        events, self._events = self._events, []
        return events

    def stop(self) -> None:
        """Unwind all searches."""
        for search in self._searches.values():
            search.stop()
        self._searches.clear()
        save_tags(self._template)

    def _handle(self, search: Search) -> None:
        """Record the outcome of a search that has just run: its end, or the request with which it is parked."""
        if search.dead:
            del self._searches[search.id]
            self._events.append(SearchResult(search.record()))
            if search.failure is None:  # else its attack may be left in any state
                self._spare_attacks.append(search.attack)
        elif search.request.encoder is not None:
            self._waiting_for_encoder.append(search)
        else:
            self._events.append(LogitsRequest(search.id, search.request.texts))

    def _encode(self, encoder: SentenceEmbedder, searches: list[Search]) -> None:
        """Embed the sentences of several searches in one call, and wake the searches.

        If that fails, each search gets a call of its own, and those whose call fails end.
        """
        started = perf_counter()
        try:
            rows = encoder.encode([text for search in searches for text in search.request.texts])
        except RobenchError:
            raise
        except Exception as error:  # the encoder may be code of others
            if len(searches) > 1:
                for search in searches:
                    self._encode(encoder, [search])
            else:
                searches[0].fail(TextFailure(searches[0].request.texts[0], describe_reason(error)))
                self._handle(searches[0])
            return
        seconds = perf_counter() - started
        counts = [len(search.request.texts) for search in searches]
        for search, count, end in zip(searches, counts, accumulate(counts), strict=True):
            search.wake(rows[end - count : end], seconds * count / max(len(rows), 1))
            self._handle(search)


def _build_template(settings: SearchSettings, direct: DirectLogits) -> Any:
    with preserve_random_state():
        template = build_attack(settings.attack, ParkingVictim(direct), offline=settings.offline)
    for constraint in template.constraints:
        if isinstance(encoder := getattr(constraint, "encoder", None), SentenceEmbedder):
            constraint.encoder = ParkingEncoder(encoder)
    adapt_to_long_texts(template)
    return template
