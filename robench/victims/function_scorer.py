"""A Python function as a scorer: it is called with some texts at a time, and its answers are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robench.errors import RobenchError, RunEndError
from robench.escaping import show_value
from robench.frames import locate
from robench.process import keep_settings
from robench.victims.answers import ScoresByText, StoredAnswers
from robench.victims.call_settings import CallSettings
from robench.victims.calls import Caller
from robench.victims.checks import find_networks_in_training
from robench.victims.meter import Meter
from robench.victims.network_errors import is_network_error
from robench.victims.scorer import Progress, Scorer, check_scores


class FunctionScorer(Scorer):
    """A Python function as a scorer; each call gets texts of similar length.

    Args:
        shown: the function's location, as users see it.
        function: from a list of N texts to N rows of scores; it may be async.
        settings: how to call it.
        meter: counts the texts; by default it has one of its own.
        names: the names of its columns; empty if it has none.

    Attributes:
        meter: counts the texts that are sent.
        answers: keeps what the function returned; None keeps nothing.
    """

    def __init__(
        self,
        shown: str,
        function: Callable[[list[str]], Any],
        settings: CallSettings | None = None,
        meter: Meter | None = None,
        names: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self.shown, self._function = shown, function
        self._settings = settings or CallSettings()
        place = locate(function) or locate(type(function).__call__)
        self._place = f"{shown} ({place})" if place else shown
        self.names = names
        self.max_length: int | None = None
        self.meter = meter or Meter(shown, self._settings.max_queries)
        self.answers: StoredAnswers | None = None
        self._scored: str | None = None
        self._caller = Caller(function, self._settings, self.meter, self._describe_failure)

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts; see :class:`~robench.victims.scorer.Scorer`.

        If the function fails on some texts alone, the error names the first.
        """
        try:
            return self.score(texts, progress)
        except RunEndError:
            raise
        except RobenchError as error:
            raise self._find_text(texts, error) from error.__cause__

    def _find_text(self, texts: Sequence[str], failure: RobenchError) -> RobenchError:
        """Return the error of the first text that fails; that of all texts if none passes, or each half does."""
        error, has_passed = failure, False
        while len(texts) > 1:
            half = len(texts) // 2
            found = self._try(texts[:half])
            texts = texts[:half] if found else texts[half:]
            has_passed = has_passed or not found
            error = found or self._try(texts) or failure
            if error is failure:
                break
        return error if has_passed else failure

    def _try(self, texts: Sequence[str]) -> RobenchError | None:
        try:
            self.score(texts)
        except RunEndError:
            raise
        except RobenchError as error:
            return error
        return None

    def score(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts; if the function fails, the error names the texts of the call.

        Raises:
            RunEndError: the network fails, on a text that was scored before, too; so no text is to blame.
            RobenchError: the function fails, or its scores are unusable.
        """
        try:
            scores = self._score(texts, self.answers, progress)
        except RunEndError:
            raise
        except RobenchError as error:
            if error.__cause__ is not None and is_network_error(error.__cause__) and not self._works():
                raise RunEndError(str(error), error.frames) from error.__cause__
            raise
        self._scored = self._scored or texts[0]
        return scores

    def _works(self) -> bool:
        """Return whether the function scores a text again that it has scored before."""
        if self._scored is None:
            return False
        try:
            self._score([self._scored], None)
        except RunEndError:
            raise
        except RobenchError:
            return False
        return True

    def score_again(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts, even those whose answers are kept; see :class:`~robench.victims.scorer.Scorer`."""
        return self._score(texts, None, progress)

    def _score(self, texts: Sequence[str], answers: StoredAnswers | None, progress: Progress = None) -> Tensor:
        rows: ScoresByText = answers.find(texts) if answers is not None else {}
        missing = [text for text in dict.fromkeys(texts) if text not in rows]
        self.meter.add_kept(len(rows))
        if progress is not None:
            progress(len(texts) - len(missing))

        def keep(chunk: list[str], result: Any) -> None:
            table = check_scores(result, chunk, self._place)
            self._check_width(table, rows)
            new: ScoresByText = dict(zip(chunk, table.numpy(), strict=True))
            rows.update(new)
            if answers is not None:
                answers.add(new)
            if progress is not None:
                progress(len(chunk))

        with keep_settings():
            self._caller.run(self._split(missing), keep)
        return torch.from_numpy(np.stack([rows[text] for text in texts]))

    def _check_width(self, table: Tensor, rows: ScoresByText) -> None:
        width = next((len(row) for row in rows.values()), table.shape[1])
        if table.shape[1] != width:
            widths = f"{width} and then {table.shape[1]}"
            raise RobenchError(f"{self._place} returned rows of {widths} scores; they should be one per class.")

    def _split(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the texts of each call, those of similar length together, and no fewer calls than may run at once."""
        ordered = sorted(texts, key=len)
        size = max(1, min(self._settings.texts_per_call, -(-len(texts) // self._settings.concurrency)))
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def _describe_failure(self, texts: list[str]) -> str:
        which = f"{len(texts)} texts, the first " if len(texts) > 1 else ""
        return f"{self._place} failed on {which}{show_value(texts[0])}"

    def networks_in_training(self) -> list[str]:
        """Return the classes of its networks in training mode; see :class:`~robench.victims.scorer.Scorer`."""
        return find_networks_in_training(self._function)
