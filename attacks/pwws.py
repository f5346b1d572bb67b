"""PWWS: synonyms from WordNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import Attack, Victim


@dataclass(frozen=True, kw_only=True)
class PWWS(Attack):
    """Synonyms from WordNet for the words that weigh most (Ren et al. 2019).

    "Generating Natural Language Adversarial Examples through Probability Weighted Word Saliency". Ranks the words by
    saliency (what [UNK] in their place does) times the most that a one-word WordNet synonym does, then goes down the
    list and keeps the best synonym of each. Stopwords stay, no word is changed twice, nothing is random. As
    TextAttack's recipe ``PWWSRen2019``, which leaves the paper's swap of named entities out.
    """

    uses = ("stopwords", "wordnet")

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack import Attack as TextAttack
        from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import GreedyWordSwapWIR

        from robench.resources import synonyms

        kept = [RepeatModification(), StopwordModification()]
        search = GreedyWordSwapWIR(wir_method="weighted-saliency")
        return TextAttack(UntargetedClassification(victim), kept, synonyms.make_synonym_swap(), search)
