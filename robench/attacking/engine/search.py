"""The search of one example, in a greenlet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from robench.attacking.engine.failures import ExampleError, TextFailure, describe_reason
from robench.attacking.engine.limits import explain_length
from robench.attacking.engine.parking import RowsRequest, SearchGreenlet
from robench.attacking.engine.spliced_text import make_text
from robench.attacking.engine.streams import RandomStream
from robench.attacking.goal import make_outputs
from robench.errors import ControlFlow, RobenchError
from robench.process import keep_settings
from robench.results.records import Record, Status

AttackInput = tuple[int, str, int]
"""Id, text and label of an example to attack."""


class Search:
    """The search of one example: its greenlet is either parked with a request, or dead with a result or a failure.

    Args:
        attack: a ``textattack.Attack`` that no other search uses meanwhile.
        example: the example to attack.
        stream: the example's random numbers.
        budget: returns the largest number of queries for a text of N words; None is no limit.
    """

    def __init__(
        self, attack: Any, example: AttackInput, stream: RandomStream, budget: Callable[[int], int | None]
    ) -> None:
        self.attack = attack
        self.id = int(example[0])
        self.request: RowsRequest
        self.failure: TextFailure | None = None
        self._text, self._label = example[1], int(example[2])
        self._stream, self._budget = stream, budget
        self._greenlet = SearchGreenlet(self._attack_text)
        self._original_logits: Any = None
        self._result: Any = None
        self._seconds = 0.0

    @property
    def dead(self) -> bool:
        """Return whether the search has ended."""
        return self.failure is not None or bool(self._greenlet.dead)

    def start(self) -> None:
        """Run the search up to its first request.

        Raises:
            RobenchError: something that has nothing to do with the example is missing.
        """
        with self._catch_failure():
            if reason := explain_length(self._text):
                raise ExampleError(reason)
            text = make_text(self._text)
            budget = self._budget(text.num_words)
            self.attack.goal_function.query_budget = float("inf") if budget is None else budget
            self.attack.clear_cache()
            self._run(text, self._label)

    def wake(self, rows: Any, seconds: float) -> None:
        """Give the search the rows that it requested, and run it up to its next request or its end.

        Args:
            rows: one row per text of the request.
            seconds: time that computing the rows took.

        Raises:
            RobenchError: something that has nothing to do with the example is missing.
        """
        self._seconds += seconds
        if self._original_logits is None and self.request.encoder is None and self.request.texts[0] == self._text:
            self._original_logits = rows[0]
        with self._catch_failure():
            self._run(rows)

    def stop(self) -> None:
        """Unwind the parked search."""
        if not self.dead:
            with self._stream.swap_in():
                self._greenlet.throw()

    def fail(self, failure: TextFailure) -> None:
        """Unwind the parked search, because code failed on a text that it requested."""
        self.stop()
        self.failure = failure

    @contextlib.contextmanager
    def _catch_failure(self) -> Iterator[None]:
        """Keep whatever the attack's code raises on this example."""
        try:
            yield
        except ExampleError as error:
            self.failure = TextFailure(self._text, describe_reason(error))
        except (RobenchError, KeyboardInterrupt, GeneratorExit, ControlFlow):
            raise
        except BaseException as error:  # an attack may raise anything, and may call sys.exit
            self.failure = TextFailure(self._text, describe_reason(error))

    def _attack_text(self, text: Any, label: int) -> Any:
        """Return TextAttack's result; if there is nothing to search, it is known from the original alone.

        A text may have no words to change, and a budget may end with the original. TextAttack's searches differ in what
        they do then; some fail.
        """
        from textattack.attack_results import FailedAttackResult, SkippedAttackResult
        from textattack.goal_function_results import GoalFunctionResultStatus

        goal = self.attack.goal_function
        if goal.query_budget > 1 and (text.num_words or self._can_change(text)):
            return self.attack.attack(text, label)
        original, _ = goal.init_attack_example(text, label)
        is_wrong = original.goal_status == GoalFunctionResultStatus.SKIPPED
        return SkippedAttackResult(original) if is_wrong else FailedAttackResult(original)

    def _can_change(self, text: Any) -> bool:
        """Return whether the attack can change a text without words, such as by adding some."""
        try:
            return bool(self.attack.get_transformations(text, text))
        except (RobenchError, ControlFlow):
            raise
        except Exception:  # many transformations expect a word
            return False

    def _run(self, *values: object) -> None:
        started = perf_counter()
        with self._stream.swap_in(), keep_settings():  # the other searches and the model run in this process, too
            outcome = self._greenlet.switch(*values)
        self._seconds += perf_counter() - started
        if self.dead:
            self._result = outcome
        else:
            self.request = outcome

    def record(self) -> Record:
        """Return the record of a search that has ended."""
        if self.failure is None:
            with self._catch_failure():
                return self._record_result()
        return self._record_failure(self.failure)

    def _record_result(self) -> Record:
        before, after = self._result.original_result, self._result.perturbed_result
        status, shown = _status(self._result), _compare_predictions(before, after, self._label)
        if status != shown:
            raise ExampleError(f"the attack's code gives it the status {status}, the model's predictions {shown}")
        return Record(
            id=self.id,
            label=self._label,
            original=self._text,
            final=after.attacked_text.text,
            status=status,
            probabilities_before=before.raw_output.tolist(),
            probabilities_after=after.raw_output.tolist(),
            queries=int(self._result.num_queries),
            words_changed=_count_changed_words(before.attacked_text, after.attacked_text),
            words=before.attacked_text.num_words,
            seconds=self._seconds,
        )

    def _record_failure(self, failure: TextFailure) -> Record:
        """Return a record of what is known: the probabilities of the original if the model scored it."""
        import torch
        from textattack.shared import AttackedText

        logits, words = self._original_logits, 0
        with contextlib.suppress(Exception):  # the text may be what TextAttack fails on
            words = AttackedText(self._text).num_words
        scored = [] if logits is None else make_outputs(torch.as_tensor(logits)[None])[0].probabilities.tolist()
        return Record(
            id=self.id,
            label=self._label,
            original=self._text,
            final=self._text,
            status="error",
            probabilities_before=scored,
            probabilities_after=scored,
            queries=0 if logits is None else int(self.attack.goal_function.num_queries),
            words_changed=0,
            words=words,
            seconds=self._seconds,
            reason=failure.reason,
            failed_text=failure.text,
        )


def _status(result: Any) -> Status:
    from textattack.attack_results import SkippedAttackResult, SuccessfulAttackResult

    if isinstance(result, SkippedAttackResult):
        return "skipped"
    return "succeeded" if isinstance(result, SuccessfulAttackResult) else "failed"


def _compare_predictions(before: Any, after: Any, label: int) -> Status:
    """Return the status that follows from the predictions for the original and the final text."""
    if int(before.raw_output.argmax()) != label:
        return "skipped"
    return "failed" if int(after.raw_output.argmax()) == label else "succeeded"


def _count_changed_words(before: Any, after: Any) -> int:
    """Count the original words that are not in ``after`` at their place.

    The index map of TextAttack gives each original word's place, so a word that was split in two counts once.
    """
    places = after.attack_attrs["original_index_map"]
    return sum(
        bool(at < 0 or at >= after.num_words or word != after.words[at])
        for word, at in zip(before.words, places, strict=True)
    )
