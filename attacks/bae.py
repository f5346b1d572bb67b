"""BAE: words that a masked language model puts in another's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import MaskedLanguageModelAttack, Victim, compare_windows, option

from .models import COMMITS


@dataclass(frozen=True, kw_only=True)
class BAE(MaskedLanguageModelAttack):
    """Words that a masked language model fills in, for the words that weigh most (Garg and Ramakrishnan 2020).

    "BAE: BERT-based Adversarial Examples for Text Classification". Ranks the words by what deleting each does, then
    goes down the list: the word is masked, and the model's likeliest words that have the same part of speech (nouns and
    verbs may swap) and keep the sentence's meaning are tried. Stopwords stay, no word is changed twice, nothing is
    random. TextAttack's recipe ``BAEGarg2019``: replacement alone, BAE-R; the paper's insertions are not in it.
    """

    uses = ("stopwords", "tagger", "sentence-encoder")
    commits = COMMITS

    language_model: str = "bert-base-uncased"
    min_sentence_similarity: float = option(
        0.936338023,
        "least cosine of 15 words around the change, by the Universal Sentence Encoder; a text with fewer words is not"
        " checked",
        minimum=-1,
        maximum=1,
        source="the authors' code; the paper's 0.8 is on another scale",
    )

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``, with this language model."""
        from textattack import Attack
        from textattack.constraints.grammaticality import PartOfSpeech
        from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import GreedyWordSwapWIR
        from textattack.transformations import WordSwapMaskedLM

        constraints = [
            RepeatModification(),
            StopwordModification(),
            PartOfSpeech(allow_verb_noun_swap=True),
            compare_windows(self.min_sentence_similarity),
        ]
        transformation = WordSwapMaskedLM(
            method="bae", max_candidates=self.max_candidates, min_confidence=0.0, **self.masked_model()
        )
        search = GreedyWordSwapWIR(wir_method="delete")
        return Attack(UntargetedClassification(victim), constraints, transformation, search)
