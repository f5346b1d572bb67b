"""Kuleshov et al.: neighbours of word vectors that a language model finds fluent."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

from robench.attacking import LanguageModelAttack, Victim, option, replace_surrogates
from robench.resources import explain_load_errors, language_models

from .models import COMMITS


@dataclass(frozen=True, kw_only=True)
class Kuleshov(LanguageModelAttack):
    """Neighbours among counter-fitted word vectors that read fluently (Kuleshov et al. 2018).

    "Adversarial Examples for Natural Language Classification Problems". At each step, every word is replaced by its
    neighbours; among the texts whose mean word vector stays near and whose new words a language model finds about as
    likely, the most damaging one is kept and extended. At most half of the words change, stopwords stay, no word is
    changed twice, nothing is random. TextAttack's recipe ``Kuleshov2017`` but for its goal: the recipe counts a text as
    a success as soon as its label's probability falls below 0.7, even if the answer is still right; here the answer has
    to be wrong. A text without any known word has the zero vector, and of the words before a new one the language model
    reads as many of the last as it can; on such texts the recipe fails.
    """

    uses = ("stopwords", "word-vectors")
    commits = COMMITS
    model_kind: ClassVar[str | None] = "gpt2"

    language_model: str = option("gpt2", "a GPT-2: a folder or a Hub id")
    max_candidates: int = option(15, "neighbours tried for a word", minimum=1)
    max_thought_distance: float = option(0.2, "largest squared distance of the two texts' mean word vectors", above=0)
    max_log_prob_drop: float = option(
        2.0,
        "most that a new word may be less likely than the old one, after the words before it, in nats",
        minimum=0,
    )

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``, with this language model."""
        from textattack import Attack
        from textattack.constraints.grammaticality.language_models import GPT2
        from textattack.constraints.overlap import MaxWordsPerturbed
        from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import GreedySearch
        from textattack.transformations import WordSwapEmbedding

        folder = language_models.prepare_language_model(
            self.language_model, self.commits, offline=True, kind=self.model_kind
        )
        with explain_load_errors(self.language_model, folder):
            fluency = GPT2(model_name=str(folder), max_log_prob_diff=self.max_log_prob_drop)
        fluency.model = _cached(fluency.model)
        fluency.tokenizer = _Pieces(fluency.tokenizer)
        constraints = [
            RepeatModification(),
            StopwordModification(),
            MaxWordsPerturbed(max_percent=0.5),
            _thought_vector()(threshold=self.max_thought_distance, metric="max_euclidean"),
            fluency,
        ]
        transformation = WordSwapEmbedding(max_candidates=self.max_candidates)
        return Attack(UntargetedClassification(victim), constraints, transformation, GreedySearch())


class _Pieces:
    """A tokenizer that takes lone surrogates, too, which UTF-8 does not have."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str) -> Any:
        """Return the ids of the pieces of a text."""
        return self._tokenizer.encode(replace_surrogates(text))


def _cached(model: Any) -> Any:
    """Cache the model's answers: it is asked again for each candidate, which share the words before them.

    It reads as many of the last pieces as it has positions.
    """
    import torch

    longest = model.config.n_positions

    @functools.lru_cache(maxsize=256)
    def last(pieces: tuple[int, ...]) -> Any:
        return model(torch.tensor([pieces], device=model.device))[0][:, -1:]

    return lambda pieces: (last(tuple(pieces[0, -longest:].tolist())),)


@functools.cache
def _thought_vector() -> type[Any]:
    """Define the class late, because importing TextAttack takes seconds."""
    import numpy as np
    import torch
    from textattack.constraints.semantics.sentence_encoders import ThoughtVector
    from textattack.shared.utils import words_from_text

    class MeanWordVector(ThoughtVector):  # type: ignore[misc]  # TextAttack is untyped
        """The mean of the vectors of the words that have one, or zero."""

        def encode(self, raw_text_list: Any) -> torch.Tensor:
            return torch.from_numpy(np.stack([self._mean(text) for text in raw_text_list]))

        def _mean(self, text: str) -> Any:
            found = [self.word_embedding[word] for word in words_from_text(text)]
            known = [vector for vector in found if vector is not None]
            return np.mean(known, axis=0) if known else np.zeros_like(self.word_embedding[0])

    return MeanWordVector
