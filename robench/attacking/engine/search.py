"""One example's search."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from robench.attacking.engine.parking import RowsRequest, SearchGreenlet
from robench.attacking.engine.streams import RandomStream
from robench.errors import RobenchError
from robench.results.records import Record, Status

AttackInput = tuple[int, str, int]
"""Id, text, label."""


class Search:
    """One example's search: a greenlet that is parked with a question, or dead with its result.

    Args:
        attack: a ``textattack.Attack`` that nobody else uses meanwhile.
        example: what to attack.
        stream: its random numbers.
        attack_name: for messages.
    """

    def __init__(self, attack: Any, example: AttackInput, stream: RandomStream, attack_name: str) -> None:
        self.attack = attack
        self.id = int(example[0])
        self.question: RowsRequest
        self._text, self._label = example[1], int(example[2])
        self._attack_name = attack_name
        self._stream = stream
        self._searcher = SearchGreenlet(attack.attack)
        self._result: Any = None
        self._seconds = 0.0

    @property
    def dead(self) -> bool:
        """Whether the search has ended."""
        return bool(self._searcher.dead)

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
            with self._stream.swap_in():
                self._searcher.throw()

    def _run(self, *values: object) -> None:
        started = perf_counter()
        try:
            with self._stream.swap_in():
                outcome = self._searcher.switch(*values)
        except Exception as error:
            raise RobenchError(
                f"{self._attack_name} failed on example {self.id}, {self._text!r:.80}: "
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
            id=self.id,
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
