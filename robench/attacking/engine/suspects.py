"""Texts on which a model failed: whether they are to blame, or the model.

How it works: a model that fails on a text may be unable to score this text, or it may be down, as a service can be. A
failure is therefore kept back until the model has scored another text: then the text is to blame. If nothing else can
be scored, or the model has failed :data:`PATIENCE` times in a row, it is asked for a text that it has scored before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from robench.attacking.engine.failures import TextFailure, describe_reason
from robench.errors import RobenchError

PATIENCE = 20
"""Failures in a row after which a model has to show that it still works."""


class Suspects:
    """The latest failures of a model, of which nobody knows yet whether the texts are to blame.

    Args:
        works: returns whether the model scores a text that it has scored before.
    """

    def __init__(self, works: Callable[[str], bool]) -> None:
        self._works = works
        self._scored: str | None = None
        self._failures: dict[str, TextFailure] = {}
        self._error = RobenchError()

    def remember(self, scored: str) -> None:
        """Remember a text that the model has scored at some time."""
        self._scored = scored if self._scored is None else self._scored

    def add(self, text: str, error: RobenchError) -> list[TextFailure]:
        """Add a text, and return the failures for which texts are to blame.

        Raises:
            RobenchError: the model is to blame.
        """
        self._failures[text], self._error = TextFailure(text, describe_reason(error)), error
        return self.judge() if len(self._failures) >= PATIENCE else []

    def clear(self, scored: str) -> list[TextFailure]:
        """Return all failures, because the model has scored this text."""
        self._scored = scored
        return self._acquit_model()

    def judge(self) -> list[TextFailure]:
        """Ask the model for a text that it has scored before, and return all failures if it scores it again.

        Raises:
            RobenchError: it fails.
        """
        if not self._failures:
            return []
        works = len(self._failures) < PATIENCE if self._scored is None else self._works(self._scored)
        return self._acquit_model() if works else self._blame_model()

    def _acquit_model(self) -> list[TextFailure]:
        failures, self._failures = list(self._failures.values()), {}
        return failures

    def _blame_model(self) -> NoReturn:
        count = len(self._failures)
        times = f" It failed on {count} texts in a row" if count > 1 else " It failed"
        once = "" if self._scored is None else ", and on one that it had scored before"
        raise RobenchError(
            f"{str(self._error).rstrip('.')}.{times}{once}. What is attacked is kept, and the same command goes on from"
            " there."
        ) from self._error
