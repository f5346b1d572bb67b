"""Pruthi et al.: typos in a word or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import Attack, Victim


@dataclass(frozen=True, kw_only=True)
class Pruthi(Attack):
    """Typos in one word, or in few (Pruthi et al. 2019).

    "Combating Adversarial Misspellings with Robust Word Recognition". At each step, in every word of four or more
    characters, every inner character is swapped with the next, deleted, given a random one before it, or replaced by
    each of its neighbours on the keyboard; of all texts the one that hurts most is gone on with. Stopwords stay, no
    word is changed twice. TextAttack's recipe ``Pruthi2019``.

    Attributes:
        max_words: words that get a typo. The paper has 1 and 2.
    """

    uses = ("stopwords",)

    max_words: int = 1

    def __post_init__(self) -> None:
        """Refuse an attack that changes nothing."""
        super().__post_init__()
        if self.max_words < 1:
            raise ValueError(f"max_words must be 1 or more, not {self.max_words}")

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import Pruthi2019

        return Pruthi2019.build(victim, max_num_word_swaps=self.max_words)
