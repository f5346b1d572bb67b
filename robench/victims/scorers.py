"""Given models at work: from texts to raw scores, whatever the model is, and from these to logits by task label."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from robench.errors import RobenchError
from robench.models.batch_model import BatchModel, Logits
from robench.models.batches import Shape
from robench.victims.checks import find_networks_in_training, looks_like_probabilities

ROWS = 32
"""Most texts that a function is asked about at once."""

Progress = Callable[[int], None] | None


class Scorer(Protocol):
    """A loaded model: N texts to raw scores (N, C), float32 on the CPU, checked to be finite and of one width."""

    shown: str
    names: Mapping[int, str]
    """Names of its columns, where it has some."""
    max_length: int | None
    """Tokens of a text; None where robench does not know."""

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts.

        Raises:
            RobenchError: the model fails, or what it returns is unusable.
        """

    def count_truncated(self, texts: Sequence[str]) -> int:
        """How many of the texts it does not see whole, as far as robench knows."""

    def networks_in_training(self) -> list[str]:
        """Classes of networks that were left in training mode."""


@dataclass(frozen=True)
class VictimModel:
    """A given model as it is attacked.

    Attributes:
        scorer: the model.
        order: its column for each label of the task in turn.
        probabilities: whether its scores are probabilities.
    """

    scorer: Scorer
    order: tuple[int, ...]
    probabilities: bool

    def logits(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Logits (N, K) of N texts in the order of the task's labels; the logarithms of probabilities."""
        return self._ordered(self.scorer(texts, progress))

    @property
    def batch_model(self) -> BatchModel | Logits:
        """The model as an attack asks it: in batches of its own, where it has them."""
        return _Batched(self.scorer, self._ordered) if isinstance(self.scorer, BatchModel) else self.logits

    def _ordered(self, scores: Tensor) -> Tensor:
        if self.probabilities:
            if not looks_like_probabilities(scores):
                raise RobenchError(
                    f"{self.scorer.shown} gave probabilities at first, and now rows that do not sum to 1; return one of"
                    " both, preferably logits."
                )
            scores = scores.clamp(min=torch.finfo(torch.float32).tiny).log()
        return scores[:, list(self.order)]


@dataclass(frozen=True)
class _Batched:
    """A scorer that knows batches, with logits in the order of the task's labels."""

    scorer: BatchModel
    ordered: Callable[[Tensor], Tensor]

    @property
    def ahead(self) -> int:
        return self.scorer.ahead

    def frozen(self) -> contextlib.AbstractContextManager[None]:
        return self.scorer.frozen()

    def tokens(self, texts: Sequence[str]) -> list[Any]:
        return self.scorer.tokens(texts)

    def shape(self, tokens: Any) -> Shape:
        return self.scorer.shape(tokens)

    def batch_logits(self, tokens: Sequence[Any], shape: Shape) -> Tensor:
        return self.ordered(self.scorer.batch_logits(tokens, shape))


def check_scores(scores: Any, texts: Sequence[str], shown: str) -> Tensor:
    """What a model returned as float32 scores (N, C).

    Raises:
        RobenchError: it has another shape, or numbers that are not finite.
    """
    if isinstance(scores, Tensor):
        found = scores.detach().float().cpu()
    else:
        try:
            found = torch.tensor(_plain(scores), dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise RobenchError(
                f"{shown} returned a {type(scores).__name__} that is no table of numbers ({str(error)[:100]}); it"
                " should return a row of scores for each text, one score per class."
            ) from error
    if found.ndim != 2 or len(found) != len(texts):
        raise RobenchError(
            f"{shown} returned an array of shape {tuple(found.shape)} for {len(texts)} texts; it should return a row of"
            f" scores for each text, one score per class: ({len(texts)}, classes)."
        )
    broken = ~torch.isfinite(found).all(dim=1)
    if broken.any():
        text = texts[int(broken.nonzero()[0])]
        raise RobenchError(f"{shown} returned NaN or infinity for {text!r:.80}.")
    return found


def _plain(scores: Any) -> Any:
    """Rows of Tensors or arrays as lists; a NumPy array as it is."""
    if isinstance(scores, list | tuple):
        return [row.tolist() if hasattr(row, "tolist") else row for row in scores]
    return scores.tolist() if hasattr(scores, "tolist") else scores


class FunctionScorer:
    """A Python function; it is given lists of at most ``ROWS`` texts of about one length."""

    def __init__(self, shown: str, function: Callable[[list[str]], Any]) -> None:
        self.shown, self._function = shown, function
        self.names: Mapping[int, str] = {}
        self.max_length: int | None = None

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """See :class:`Scorer`."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        blocks = []
        for start in range(0, len(order), ROWS):
            asked = [texts[i] for i in order[start : start + ROWS]]
            blocks.append(self._scores(asked))
            if blocks[-1].shape[1] != blocks[0].shape[1]:
                widths = f"{blocks[0].shape[1]} and then {blocks[-1].shape[1]}"
                raise RobenchError(f"{self.shown} returned rows of {widths} scores; they should be one per class.")
            if progress is not None:
                progress(len(asked))
        found = torch.cat(blocks)
        return found[torch.tensor(order).argsort()]

    def _scores(self, texts: list[str]) -> Tensor:
        try:
            with torch.no_grad():
                returned = self._function(list(texts))
        except (Exception, SystemExit) as error:  # another's function may fail in any way
            message = " ".join(str(error).split()) or "no message"
            raise RobenchError(
                f"{self.shown} failed on {len(texts)} texts, the first {texts[0]!r:.60}:"
                f" {type(error).__name__}: {message[:300].rstrip('.')}."
            ) from error
        return check_scores(returned, texts, self.shown)

    def count_truncated(self, texts: Sequence[str]) -> int:
        """See :class:`Scorer`: not known."""
        return 0

    def networks_in_training(self) -> list[str]:
        """See :class:`Scorer`."""
        return find_networks_in_training(self._function)
