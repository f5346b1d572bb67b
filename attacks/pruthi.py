"""Pruthi et al.: typos in a word or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import Attack, Victim, option


@dataclass(frozen=True, kw_only=True)
class Pruthi(Attack):
    """Typos in one word, or in few (Pruthi et al. 2019).

    "Combating Adversarial Misspellings with Robust Word Recognition". At each step, in every word of four or more
    characters, every inner character is swapped with the next, deleted, given a random one before it, or replaced by
    each of its neighbours on the keyboard; the most damaging candidate is kept and extended. Stopwords stay, no word is
    changed twice. TextAttack's recipe ``Pruthi2019``.
    """

    uses = ("stopwords",)

    max_words: int = option(1, "words that get a typo", minimum=1, source="the paper has 1 and 2")

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import Pruthi2019

        return Pruthi2019.build(victim, max_num_word_swaps=self.max_words)
