"""PWWS: synonyms from WordNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attack import Attack, Victim


@dataclass(frozen=True, kw_only=True)
class PWWS(Attack):
    """Synonyms from WordNet for the words that weigh most (Ren et al. 2019).

    "Generating Natural Language Adversarial Examples through Probability Weighted Word Saliency". Ranks the words by
    saliency (what [UNK] in their place does) times the most that a one-word WordNet synonym does, then goes down the
    list and keeps the best synonym of each. Stopwords stay, no word is changed twice, nothing is random. TextAttack's
    recipe ``PWWSRen2019``: the paper's swap of named entities is not in it.
    """

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import PWWSRen2019

        return PWWSRen2019.build(victim)
