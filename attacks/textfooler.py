"""TextFooler: neighbours in the space of counter-fitted word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import Attack, Victim, option


@dataclass(frozen=True, kw_only=True)
class TextFooler(Attack):
    """Neighbours among counter-fitted word vectors, for the words that weigh most (Jin et al. 2020).

    "Is BERT Really Robust? A Strong Baseline for Natural Language Attack on Text Classification and Entailment". Ranks
    the words by what deleting each does, then goes down the list: the nearest neighbours that are near enough, have
    the same part of speech (nouns and verbs may swap) and keep the sentence's meaning; among those that fool the model,
    the one that keeps it best. Its own stopwords stay, no word is changed twice, nothing is random. TextAttack's recipe
    ``TextFoolerJin2019``.
    """

    uses = ("stopwords", "tagger", "word-vectors", "sentence-encoder")

    max_candidates: int = option(50, "neighbours tried for a word", minimum=1)
    min_word_similarity: float = option(
        0.5,
        "least cosine of a word and its neighbour",
        minimum=-1,
        maximum=1,
        source="the authors' code; the paper says 0.7",
    )
    min_sentence_similarity: float = option(
        0.840845057,
        "least angular similarity of 15 words around the change, by the Universal Sentence Encoder; a text with fewer"
        " words is not checked. With resources=bundled it is translated to the stand-in's scale",
        minimum=0,
        maximum=1,
    )

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import TextFoolerJin2019
        from textattack.constraints.semantics import WordEmbeddingDistance
        from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

        built = TextFoolerJin2019.build(victim)
        built.transformation.max_candidates = self.max_candidates
        for constraint in built.constraints:
            if isinstance(constraint, WordEmbeddingDistance):
                constraint.min_cos_sim = self.min_word_similarity
            elif isinstance(constraint, UniversalSentenceEncoder):
                constraint.threshold = self.min_sentence_similarity
        return built
