"""CLARE: words replaced, inserted and merged by a masked language model."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from robench.attacking import MaskedLanguageModelAttack, Victim


@dataclass(frozen=True, kw_only=True)
class CLARE(MaskedLanguageModelAttack):
    """Words replaced, inserted and merged by a masked language model (Li et al. 2021).

    "Contextualized Perturbation for Textual Adversarial Attack". At each step, at every place, a word is replaced, a
    word is put before it, or two neighbours that are tagged as a phrase become one; of all texts that keep the meaning
    the one that hurts most is gone on with. Stopwords and words that were changed stay, except in a merger; nothing is
    random. TextAttack's recipe ``CLARE2020``, and two things of the authors' code: words are tagged by NLTK, and the
    search ends; in the recipe a short text can be inserted into for ever.

    Attributes:
        language_model: what fills in: a folder or a Hub id.
        max_candidates: words tried at one place by each of the three.
        max_actions: steps of a search; none for as many as the text has words.
        min_sentence_similarity: least cosine of 15 words around the change, by the Universal Sentence Encoder; texts
            with fewer words are not asked.
    """

    uses = ("stopwords", "tagger", "sentence-encoder")

    language_model: str = "distilroberta-base"
    max_actions: int | None = None
    min_sentence_similarity: float = 0.7

    def __post_init__(self) -> None:
        """Refuse a search without steps."""
        super().__post_init__()
        if self.max_actions is not None and self.max_actions < 1:
            raise ValueError(f"max_actions must be 1 or more, or none, not {self.max_actions}")

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``, with this language model."""
        from textattack import Attack
        from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
        from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder
        from textattack.goal_functions import UntargetedClassification
        from textattack.transformations import CompositeTransformation, WordInsertionMaskedLM, WordSwapMaskedLM

        merging, search = _parts()
        model: dict[str, Any] = {**self.masked_model(), "max_candidates": self.max_candidates}
        transformations = [
            WordSwapMaskedLM(method="bae", min_confidence=5e-4, **model),
            WordInsertionMaskedLM(min_confidence=0.0, **model),
            merging(min_confidence=5e-3, **model),
        ]
        constraints = [
            RepeatModification(),
            StopwordModification(),
            UniversalSentenceEncoder(
                threshold=self.min_sentence_similarity,
                metric="cosine",
                compare_against_original=True,
                window_size=15,
                skip_text_shorter_than_window=True,
            ),
        ]
        goal = UntargetedClassification(victim)
        return Attack(goal, constraints, CompositeTransformation(transformations), search(self.max_actions))


class _Tagged:
    """A text whose words NLTK tagged; in all else it is the text."""

    def __init__(self, text: Any) -> None:
        from nltk.tag import map_tag

        self._text = text
        self._tags = [map_tag("en-ptb", "universal", tag) for _, tag in _tagger().tag(text.words)]

    def pos_of_word_index(self, index: int) -> str:
        """The universal tag of a word."""
        return str(self._tags[index])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text, name)


@functools.cache
def _tagger() -> Any:
    """NLTK's tagger, read once; ``nltk.pos_tag`` of older versions reads it at each call."""
    from nltk.tag import PerceptronTagger

    return PerceptronTagger()


@functools.cache
def _parts() -> tuple[type[Any], type[Any]]:
    """Define the parts of its own when TextAttack is there: its import takes seconds."""
    from textattack.goal_function_results import GoalFunctionResultStatus
    from textattack.search_methods import GreedySearch
    from textattack.transformations import WordMergeMaskedLM

    class Merging(WordMergeMaskedLM):  # type: ignore[misc]  # TextAttack is untyped
        """Merges by NLTK's tags; TextAttack's own asks Flair, which downloads a tagger."""

        def _get_transformations(self, current_text: Any, indices_to_modify: Any) -> Any:
            return super()._get_transformations(_Tagged(current_text), indices_to_modify)

    class BoundedGreedySearch(GreedySearch):  # type: ignore[misc]
        """Greedy search of so many steps."""

        def __init__(self, max_steps: int | None) -> None:
            super().__init__()
            self.max_steps = max_steps

        def perform_search(self, initial_result: Any) -> Any:
            first = initial_result.attacked_text
            current = best = initial_result
            for _ in range(self.max_steps or max(first.num_words, 1)):
                texts = self.get_transformations(current.attacked_text, original_text=first)
                if not texts:
                    break
                results, is_over = self.get_goal_results(texts)
                current = max(results, key=lambda result: result.score, default=current)
                best = max(best, current, key=lambda result: result.score)
                if is_over or current.goal_status == GoalFunctionResultStatus.SUCCEEDED:
                    break
            return current if current.goal_status == GoalFunctionResultStatus.SUCCEEDED else best

        def extra_repr_keys(self) -> list[str]:
            return [*super().extra_repr_keys(), "max_steps"]

    return Merging, BoundedGreedySearch
