"""A user's model at work: a Python function as a scorer, and the logits by task label of any scorer.

How it works: a scorer returns raw scores in the model's own order of columns. :class:`VictimModel` turns them into
logits in the order of the task's labels, and takes logarithms if the model returns probabilities. It passes on the
scorer's own batches if it has some, so that attacks run a network in the same batch shapes as robench's own models.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from robench.errors import RobenchError, run_foreign_code
from robench.escaping import show_value
from robench.frames import locate
from robench.models.batch_model import BatchModel, LogitsFunction
from robench.models.batches import Shape
from robench.victims.checks import find_networks_in_training
from robench.victims.scorer import Progress, Scorer, check_probabilities, check_scores, take_logarithms

ROWS = 32
"""Most texts in one call of a function."""


@dataclass(frozen=True)
class VictimModel:
    """A user's model, ready to be attacked.

    Attributes:
        scorer: the model.
        order: the model's column for each label of the task in turn.
        probabilities: whether the model's scores are probabilities, or percentages.
    """

    scorer: Scorer
    order: tuple[int, ...]
    probabilities: bool

    def logits(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Compute the logits (N, K) of N texts in the order of the task's labels.

        Raises:
            RobenchError: the model fails, or its scores are unusable.
        """
        return self._to_logits(self.scorer(texts, progress))

    @property
    def batch_model(self) -> BatchModel | LogitsFunction:
        """Return the model as an attack runs it: with its own batches, if it has some, else as a function."""
        if isinstance(self.scorer, BatchModel):
            return _OrderedBatchModel(self.scorer, self._to_logits)
        # An attack finds out by itself on which text a function fails, and goes on with the others.
        score = self.scorer.score if isinstance(self.scorer, FunctionScorer) else self.scorer
        return lambda texts: self._to_logits(score(texts))

    def _to_logits(self, scores: Tensor) -> Tensor:
        if self.probabilities:
            check_probabilities(scores, self.scorer.shown)
            scores = take_logarithms(scores)
        return scores[:, list(self.order)]


@dataclass(frozen=True)
class _OrderedBatchModel:
    """A scorer that has batches of its own, with logits in the order of the task's labels."""

    scorer: BatchModel
    to_logits: Callable[[Tensor], Tensor]

    @property
    def max_in_flight(self) -> int:
        return self.scorer.max_in_flight

    def freeze_weights(self) -> contextlib.AbstractContextManager[None]:
        return self.scorer.freeze_weights()

    def tokens(self, texts: Sequence[str]) -> list[Any]:
        return self.scorer.tokens(texts)

    def identify(self, tokens: Any) -> Hashable:
        return self.scorer.identify(tokens)

    def shape(self, tokens: Any) -> Shape:
        return self.scorer.shape(tokens)

    def batch_logits(self, tokens: Sequence[Any], shape: Shape) -> Tensor:
        return self.to_logits(self.scorer.batch_logits(tokens, shape))


class FunctionScorer:
    """A Python function as a scorer; each call gets at most ``ROWS`` texts of similar length.

    Args:
        shown: the function's location, as users see it.
        function: from a list of N texts to N rows of scores.
        names: the names of its columns; empty if it has none.
    """

    def __init__(
        self, shown: str, function: Callable[[list[str]], Any], names: Mapping[int, str] = MappingProxyType({})
    ) -> None:
        self.shown, self._function = shown, function
        place = locate(function) or locate(type(function).__call__)
        self._place = f"{shown} ({place})" if place else shown
        self.names = names
        self.max_length: int | None = None

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts; see :class:`Scorer`. If the function fails on some texts alone, the error names the first."""
        try:
            return self.score(texts, progress)
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
        except RobenchError as error:
            return error
        return None

    def score(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts; if the function fails, the error names the texts of the call.

        Raises:
            RobenchError: the function fails, or its scores are unusable.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        blocks = []
        for start in range(0, len(order), ROWS):
            chunk = [texts[i] for i in order[start : start + ROWS]]
            blocks.append(self._scores(chunk))
            if blocks[-1].shape[1] != blocks[0].shape[1]:
                widths = f"{blocks[0].shape[1]} and then {blocks[-1].shape[1]}"
                raise RobenchError(f"{self._place} returned rows of {widths} scores; they should be one per class.")
            if progress is not None:
                progress(len(chunk))
        scores = torch.cat(blocks)
        return scores[torch.tensor(order).argsort()]

    def _scores(self, texts: list[str]) -> Tensor:
        # What the function returns may run code of its own while it is read.
        which = f"{len(texts)} texts, the first " if len(texts) > 1 else ""
        failure = f"{self._place} failed on {which}{show_value(texts[0])}"
        with run_foreign_code(failure), torch.no_grad():
            return check_scores(self._function(list(texts)), texts, self._place)

    def count_truncated(self, texts: Sequence[str]) -> int:
        """Return 0: robench does not know what a function does with its texts."""
        return 0

    def warn_of_padding(self, texts: Sequence[str]) -> list[str]:
        """Return nothing: robench does not pad a function's texts; their company in a batch is checked."""
        return []

    def networks_in_training(self) -> list[str]:
        """Return the classes of the function's networks in training mode; see :class:`Scorer`."""
        return find_networks_in_training(self._function)
