"""CLARE: words replaced, inserted and merged by a masked language model."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from robench.attacking import MaskedLanguageModelAttack, Victim, compare_windows, option

from .models import COMMITS


@dataclass(frozen=True, kw_only=True)
class CLARE(MaskedLanguageModelAttack):
    """Words replaced, inserted and merged by a masked language model (Li et al. 2021).

    "Contextualized Perturbation for Textual Adversarial Attack". At each step, at every place, a word is replaced, a
    word is put before it, or two neighbours that are tagged as a phrase become one; among the texts that keep the
    meaning, the most damaging one is kept and extended. Stopwords and words that were changed stay, except in a merger;
    nothing is random. TextAttack's recipe ``CLARE2020``, and two things of the authors' code: words are tagged by NLTK,
    and the search ends; the recipe can insert into a short text without end.
    """

    uses = ("stopwords", "tagger", "sentence-encoder")
    commits = COMMITS

    language_model: str = "distilroberta-base"
    max_candidates: int = option(50, "words tried at one place by each of the three changes", minimum=1)
    max_actions: int | None = option(None, "steps of a search; none for as many as the text has words", minimum=1)
    min_sentence_similarity: float = option(
        0.7,
        "least cosine of 15 words around the change, by the Universal Sentence Encoder; a text with fewer words is not"
        " checked",
        minimum=-1,
        maximum=1,
    )

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``, with this language model."""
        from textattack import Attack
        from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
        from textattack.goal_functions import UntargetedClassification
        from textattack.transformations import CompositeTransformation, WordInsertionMaskedLM, WordSwapMaskedLM

        merge, search = _parts()
        model: dict[str, Any] = {**self.masked_model(), "max_candidates": self.max_candidates}
        transformations = [
            WordSwapMaskedLM(method="bae", min_confidence=5e-4, **model),
            WordInsertionMaskedLM(min_confidence=0.0, **model),
            merge(min_confidence=5e-3, **model),
        ]
        constraints = [
            RepeatModification(),
            StopwordModification(),
            compare_windows(self.min_sentence_similarity),
        ]
        goal = UntargetedClassification(victim)
        return Attack(goal, constraints, CompositeTransformation(transformations), search(self.max_actions))


class _Tagged:
    """A text whose words are tagged by NLTK; everything else is delegated to the text."""

    def __init__(self, text: Any) -> None:
        from nltk.tag import map_tag

        self._text = text
        self._tags = [map_tag("en-ptb", "universal", tag) for _, tag in _tagger().tag(text.words)]

    def pos_of_word_index(self, index: int) -> str:
        """Return the universal tag of a word."""
        return str(self._tags[index])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._text, name)


@functools.cache
def _tagger() -> Any:
    """Read NLTK's tagger once; ``nltk.pos_tag`` of older versions reads it at each call."""
    from nltk.tag import PerceptronTagger

    return PerceptronTagger()


@functools.cache
def _parts() -> tuple[type[Any], type[Any]]:
    """Define the attack's own parts late, because importing TextAttack takes seconds."""
    from textattack.goal_function_results import GoalFunctionResultStatus
    from textattack.search_methods import GreedySearch
    from textattack.transformations import WordMergeMaskedLM

    class WordMerge(WordMergeMaskedLM):  # type: ignore[misc]  # TextAttack is untyped
        """Merges by NLTK's tags; TextAttack's own class uses Flair, which downloads a tagger."""

        def _get_transformations(self, current_text: Any, indices_to_modify: Any) -> Any:
            return super()._get_transformations(_Tagged(current_text), indices_to_modify)

    class BoundedGreedySearch(GreedySearch):  # type: ignore[misc]
        """Greedy search that ends after ``max_steps`` steps."""

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

    return WordMerge, BoundedGreedySearch
