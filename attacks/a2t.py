"""A2T: neighbours of word vectors, cheap enough to train against."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from robench.attacking import LanguageModelAttack, Victim, option
from robench.resources import language_models

from .models import COMMITS

_RANKED = {"delete": "by deletion", "unk": "by [UNK]", "random": "at random"}


@dataclass(frozen=True, kw_only=True)
class A2T(LanguageModelAttack):
    """Neighbours among counter-fitted word vectors, with few queries (Yoo and Qi 2021).

    "Towards Improving Adversarial Training of NLP Models". Ranks the words, then goes down the list: the nearest
    neighbours that are near enough, have the same part of speech and keep the sentence's meaning. At most 10 % of the
    words change, or four; stopwords stay, no word is changed twice. TextAttack's recipe ``A2TYoo2021`` but for the
    ranking: the authors rank by the gradient of the victim's loss, which a victim that only answers queries does not
    give.
    """

    uses = ("stopwords", "tagger", "word-vectors")
    commits = COMMITS
    model_field: ClassVar[str] = "sentence_model"

    ranking: Literal["delete", "unk", "random"] = option(
        "delete", "order of the words: by what deleting a word does, by what [UNK] in its place does, or at random"
    )
    max_candidates: int = option(20, "neighbours tried for a word", minimum=1)
    min_word_similarity: float = option(0.8, "least cosine of a word and its neighbour", minimum=-1, maximum=1)
    sentence_model: str = option(
        "sentence-transformers/stsb-distilbert-base",
        "model of sentence-transformers that averages its tokens: a folder, a Hub id, or minilm, robench's own encoder",
    )
    min_sentence_similarity: float = option(0.9, "least cosine of the two texts, by that model", minimum=-1, maximum=1)

    @property
    def variant(self) -> str:
        """Return the variant of every attack, and the ranking."""
        return ", ".join(filter(None, [super().variant, f"ranked {_RANKED[self.ranking]}"]))

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``, with this ranking."""
        from textattack import Attack
        from textattack.constraints.grammaticality import PartOfSpeech
        from textattack.constraints.pre_transformation import (
            MaxModificationRate,
            RepeatModification,
            StopwordModification,
        )
        from textattack.constraints.semantics import WordEmbeddingDistance
        from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import GreedyWordSwapWIR
        from textattack.transformations import WordSwapEmbedding

        from robench.attacking import with_encoder

        encoder = language_models.load_mean_pooling_encoder(self.sentence_model, self.commits, offline=True)
        like = UniversalSentenceEncoder(metric="cosine", compare_against_original=True)
        constraints = [
            RepeatModification(),
            StopwordModification(),
            PartOfSpeech(allow_verb_noun_swap=False),
            MaxModificationRate(max_rate=0.1, min_threshold=4),
            with_encoder(like, encoder, self.min_sentence_similarity),
            # TextAttack takes 0 for no limit at all, and wants one.
            WordEmbeddingDistance(min_cos_sim=self.min_word_similarity or -sys.float_info.min),
        ]
        transformation = WordSwapEmbedding(max_candidates=self.max_candidates)
        search = GreedyWordSwapWIR(wir_method=self.ranking)
        return Attack(UntargetedClassification(victim), constraints, transformation, search)
