"""A user's model at work: the logits by task label of any scorer.

How it works: a scorer returns raw scores in the model's own order of columns. :class:`VictimModel` turns them into
logits in the order of the task's labels, and takes logarithms if the model returns probabilities. It passes on the
scorer's own batches if it has some, so that attacks run a network in the same batch shapes as robench's own models.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from robench.models.batch_model import BatchModel, FunctionModel
from robench.models.batches import Shape
from robench.progress import Reporter
from robench.victims.function_scorer import FunctionScorer
from robench.victims.scorer import Progress, Scorer, check_probabilities, take_logarithms


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

    def logits_again(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Compute logits as :meth:`logits` does; a function is asked even for texts whose answers are kept.

        Raises:
            RobenchError: the model fails, or its scores are unusable.
        """
        return self._to_logits(self.scorer.score_again(texts, progress))

    @property
    def batch_model(self) -> BatchModel:
        """Return the model as an attack runs it: with its own batches, if it has some, else as a function."""
        if isinstance(self.scorer, BatchModel):
            return _OrderedBatchModel(self.scorer, self._to_logits)
        # An attack finds out by itself on which text a function fails, and goes on with the others.
        score = self.scorer.score if isinstance(self.scorer, FunctionScorer) else self.scorer
        return FunctionModel(lambda texts: self._to_logits(score(texts)), self.logits_again)

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


def track_texts(scorer: Scorer, reporter: Reporter) -> contextlib.AbstractContextManager[None]:
    """Show how many texts are sent to a function while the block runs; show nothing of a network."""
    return scorer.meter.track(reporter) if isinstance(scorer, FunctionScorer) else contextlib.nullcontext()
