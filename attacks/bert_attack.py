"""BERT-Attack: word pieces that a masked language model finds likely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import MaskedLanguageModelAttack, Victim, option

from .models import COMMITS


@dataclass(frozen=True, kw_only=True)
class BERTAttack(MaskedLanguageModelAttack):
    """Pieces that a masked language model finds likely, for the words that weigh most (Li et al. 2020).

    "BERT-ATTACK: Adversarial Attack Against BERT Using BERT". Ranks the words by what [UNK] in their place does, then
    goes down the list: the model reads the text as it is, and for a word of one piece its likeliest words are tried,
    for a word of several all combinations of each piece's likeliest. At most 40 % of the words change, the meaning of
    the whole text is kept loosely, stopwords stay, no word is changed twice, nothing is random. TextAttack's recipe
    ``BERTAttackLi2020``: it takes the first combinations, not the most fluent ones as the paper has it, and its
    vocabulary is not cleared of antonyms.
    """

    uses = ("stopwords", "sentence-encoder")
    commits = COMMITS

    language_model: str = "bert-base-uncased"
    max_candidates: int = option(
        8, "pieces, and combinations, tried for a word", minimum=1, source="TextAttack; the paper has 48"
    )
    max_pieces: int | None = option(
        5,
        "longest word that is attacked, in pieces; none for no limit, as in TextAttack: with 8 candidates, a word of 8"
        " pieces has 17 million combinations",
        minimum=1,
    )
    min_sentence_similarity: float = option(
        0.2, "least cosine of the two texts, by the Universal Sentence Encoder", minimum=-1, maximum=1
    )

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``, with this language model."""
        from textattack import Attack
        from textattack.constraints.overlap import MaxWordsPerturbed
        from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
        from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import GreedyWordSwapWIR
        from textattack.transformations import WordSwapMaskedLM

        constraints = [
            RepeatModification(),
            StopwordModification(),
            MaxWordsPerturbed(max_percent=0.4),
            UniversalSentenceEncoder(
                threshold=self.min_sentence_similarity, metric="cosine", compare_against_original=True
            ),
        ]
        transformation = WordSwapMaskedLM(
            method="bert-attack", max_candidates=self.max_candidates, **self.masked_model(self.max_pieces)
        )
        search = GreedyWordSwapWIR(wir_method="unk")
        return Attack(UntargetedClassification(victim), constraints, transformation, search)
