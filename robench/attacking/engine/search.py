"""The search of one example, in a greenlet."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from robench.attacking.engine.parking import RowsRequest, SearchGreenlet
from robench.attacking.engine.streams import RandomStream
from robench.errors import translate_failures
from robench.results.records import Record, Status

AttackInput = tuple[int, str, int]
"""Id, text and label of an example to attack."""


class Search:
    """The search of one example: its greenlet is either parked with a request, or dead with a result.

    Args:
        attack: a ``textattack.Attack`` that no other search uses meanwhile.
        example: the example to attack.
        stream: the example's random numbers.
        attack_name: the attack's name, for messages.
    """

    def __init__(self, attack: Any, example: AttackInput, stream: RandomStream, attack_name: str) -> None:
        self.attack = attack
        self.id = int(example[0])
        self.request: RowsRequest
        self._text, self._label = example[1], int(example[2])
        self._attack_name = attack_name
        self._stream = stream
        self._greenlet = SearchGreenlet(attack.attack)
        self._result: Any = None
        self._seconds = 0.0

    @property
    def dead(self) -> bool:
        """Return whether the search has ended."""
        return bool(self._greenlet.dead)

    def start(self) -> None:
        """Run the search up to its first request.

        Raises:
            RobenchError: the attack's code fails.
        """
        self.attack.clear_cache()
        self._run(self._text, self._label)

    def wake(self, rows: Any, seconds: float) -> None:
        """Give the search the rows that it requested, and run it up to its next request or its end.

        Args:
            rows: one row per text of the request.
            seconds: time that computing the rows took.

        Raises:
            RobenchError: the attack's code fails.
        """
        self._seconds += seconds
        self._run(rows)

    def stop(self) -> None:
        """Unwind the parked search."""
        if not self.dead:
            with self._stream.swap_in():
                self._greenlet.throw()

    def _run(self, *values: object) -> None:
        started = perf_counter()
        failure = f"{self._attack_name} failed on example {self.id}, {self._text!r:.80}"
        advice = " Leave that row out, or report it to the attack's authors."
        with translate_failures(failure, advice=advice), self._stream.swap_in():
            outcome = self._greenlet.switch(*values)
        self._seconds += perf_counter() - started
        if self.dead:
            self._result = outcome
        else:
            self.request = outcome

    def record(self) -> Record:
        """Return the record of a search that has ended."""
        before, after = self._result.original_result, self._result.perturbed_result
        return Record(
            id=self.id,
            label=self._label,
            original=self._text,
            final=after.attacked_text.text,
            status=_status(self._result),
            probabilities_before=before.raw_output.tolist(),
            probabilities_after=after.raw_output.tolist(),
            queries=int(self._result.num_queries),
            words_changed=_count_changed_words(before.attacked_text, after.attacked_text),
            words=before.attacked_text.num_words,
            seconds=self._seconds,
        )


def _status(result: Any) -> Status:
    from textattack.attack_results import SkippedAttackResult, SuccessfulAttackResult

    if isinstance(result, SkippedAttackResult):
        return "skipped"
    return "succeeded" if isinstance(result, SuccessfulAttackResult) else "failed"


def _count_changed_words(before: Any, after: Any) -> int:
    """Count the original words that are not in ``after`` at their place.

    The index map of TextAttack gives each original word's place, so a word that was split in two counts once.
    """
    places = after.attack_attrs["original_index_map"]
    return sum(
        bool(at < 0 or at >= after.num_words or word != after.words[at])
        for word, at in zip(before.words, places, strict=True)
    )
