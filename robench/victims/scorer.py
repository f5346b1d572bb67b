"""The base class of scorers, each of which turns texts into a model's raw scores, and the checks of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from robench.errors import RobenchError
from robench.escaping import list_values, name_type, show_value

TOLERANCE = 1e-3
"""Largest difference that rounding may cause between two scores of a text."""
SUM_TOLERANCE = 5e-3
"""Largest relative error of a sum of probabilities; bfloat16 rounds each of them by up to 0.2 %."""
DRIFT = 0.1
"""Largest relative error of such a sum once a model is known to give probabilities: softmax in 8 bits, many classes."""

Progress = Callable[[int], None] | None
"""A function that is called with the number of texts scored since its last call, or None."""


class Scorer:
    """A loaded model: it scores N texts as (N, C) float32 on the CPU, checked to be finite and of one width.

    What only some kinds of models need is here as it is if there is nothing to do or to say.

    Attributes:
        shown: the model's location, as users see it.
        names: the names of its columns; empty if it has none.
        max_length: tokens of a text; None if robench does not know.
        has_label_words: whether its names are words that the user chose for the labels, in the order of the task's.
    """

    shown: str
    names: Mapping[int, str]
    max_length: int | None
    has_label_words = False

    def __call__(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts.

        Raises:
            RobenchError: the model fails, or its scores are unusable.
        """
        raise NotImplementedError

    def score_again(self, texts: Sequence[str], progress: Progress = None) -> Tensor:
        """Score texts, even those whose answers are kept.

        Raises:
            RobenchError: the model fails, or its scores are unusable.
        """
        return self(texts, progress)

    def probe(self, texts: Sequence[str]) -> list[str]:
        """Check on a few texts that have been scored what only this kind of model can have wrong; return warnings.

        Raises:
            RobenchError: its scores mean nothing.
        """
        return []

    def begin_summary(self) -> None:
        """Forget what was scored, and note of all texts from now on what :meth:`summarise` tells."""

    def summarise(self) -> list[str]:
        """Return warnings about all texts that were scored since :meth:`begin_summary`, and end the notes."""
        return []

    def count_truncated(self, texts: Sequence[str]) -> int:
        """Count the texts that the model does not see whole, as far as robench knows."""
        return 0

    def warn_of_padding(self, texts: Sequence[str]) -> list[str]:
        """Return a warning if a text's scores depend on its padding, as far as robench knows."""
        return []

    def networks_in_training(self) -> list[str]:
        """Return the classes of the networks that were left in training mode, which robench's own never are."""
        return []


def check_scores(scores: Any, texts: Sequence[str], shown: str) -> Tensor:
    """Convert the return value of a model to float32 scores (N, C) on the CPU.

    Args:
        scores: a tensor, an array, or a sequence of rows.
        texts: the N texts that were scored.
        shown: the model's location, for messages.

    Raises:
        RobenchError: the scores have another shape, or are not finite.
    """
    if isinstance(scores, Tensor):
        if scores.is_complex():
            raise RobenchError(
                f"{shown} returned complex numbers; it should return a row of real scores for each text."
            )
        table = scores.detach().float().cpu()
    else:
        try:
            table = torch.tensor(_to_lists(scores), dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise RobenchError(
                f"{shown} returned {name_type(scores)} that is no table of numbers ({str(error)[:100]}); it"
                " should return a row of scores for each text, one score per class."
            ) from error
    if table.ndim != 2 or len(table) != len(texts):
        raise RobenchError(
            f"{shown} returned an array of shape {tuple(table.shape)} for {len(texts)} texts; it should return a row of"
            f" scores for each text, one score per class: ({len(texts)}, classes)."
        )
    broken = ~torch.isfinite(table).all(dim=1)
    if broken.any():
        text = texts[int(broken.nonzero()[0])]
        raise RobenchError(f"{shown} returned NaN or infinity for {show_value(text)}.")
    return table


def _to_lists(scores: Any) -> Any:
    """Convert a sequence of tensors or arrays, or an array, to lists."""
    if isinstance(scores, list | tuple):
        return [row.tolist() if hasattr(row, "tolist") else row for row in scores]
    return scores.tolist() if hasattr(scores, "tolist") else scores


def looks_like_probabilities(scores: Tensor) -> bool:
    """Return whether every row of (N, C) is at least 0, and all sum to 1, or to 100 as percentages do.

    Their logarithms are logits in either case, because a common factor does not change what softmax computes.
    """
    sums = scores.sum(1)
    return bool((scores >= 0).all()) and any(
        bool(((sums - whole).abs() <= SUM_TOLERANCE * whole).all()) for whole in (1, 100)
    )


def check_probabilities(scores: Tensor, shown: str) -> None:
    """Check the scores (N, C) of a model that gives probabilities, or percentages.

    A sum that is somewhat off does no harm: softmax of the logarithms divides each row by its sum.

    Args:
        scores: the scores.
        shown: the model's location, for messages.

    Raises:
        RobenchError: a row can be no probabilities: it has a negative score, or its sum is far from both 1 and 100.
    """
    sums = scores.sum(1)
    is_near = ((sums - 1).abs() <= DRIFT) | ((sums / 100 - 1).abs() <= DRIFT)
    strange = ~is_near | (scores < -TOLERANCE * sums.unsqueeze(1)).any(1)
    if strange.any():
        row = [round(score, 4) for score in scores[int(strange.nonzero()[0])].tolist()]
        raise RobenchError(
            f"{shown} gave probabilities at first, and now a row that is not: {list_values(row)}. Return either"
            " probabilities or logits for every text, preferably logits."
        )


def take_logarithms(probabilities: Tensor) -> Tensor:
    """Return probabilities, or percentages, (N, C) as logits; 0 counts as the smallest number of float32."""
    return probabilities.clamp(min=torch.finfo(torch.float32).tiny).log()
