"""TextBugger: misspellings, look-alike characters and neighbours of word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import Attack, Victim, option


@dataclass(frozen=True, kw_only=True)
class TextBugger(Attack):
    """Bugs (misspellings, look-alikes, near words) in the words that weigh most (Li et al. 2019).

    "TextBugger: Generating Adversarial Text Against Real-world Applications", the black-box form. Ranks the words by
    what deleting each does, then goes down the list: a space within the word, a character deleted, two swapped, one
    replaced by a look-alike, or a neighbour among word vectors, as long as the sentence's meaning is kept; among those
    that fool the model, the one that keeps it best. Stopwords stay, no word is changed twice. TextAttack's recipe
    ``TextBuggerLi2018``.
    """

    uses = ("stopwords", "word-vectors", "sentence-encoder")

    max_candidates: int = option(5, "neighbours tried for a word, beside the four misspellings", minimum=1)
    min_sentence_similarity: float = option(
        0.8,
        "least angular similarity of the two texts, by the Universal Sentence Encoder; with resources=bundled it is"
        " translated to the stand-in's scale",
        minimum=0,
        maximum=1,
    )

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import TextBuggerLi2018
        from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder
        from textattack.transformations import WordSwapEmbedding

        built = TextBuggerLi2018.build(victim)
        for transformation in built.transformation.transformations:
            if isinstance(transformation, WordSwapEmbedding):
                transformation.max_candidates = self.max_candidates
        for constraint in built.constraints:
            if isinstance(constraint, UniversalSentenceEncoder):
                constraint.threshold = self.min_sentence_similarity
        return built
