"""DeepWordBug: misspellings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import Attack, Victim


@dataclass(frozen=True, kw_only=True)
class DeepWordBug(Attack):
    """Misspellings of the words that weigh most (Gao et al. 2018).

    "Black-box Generation of Adversarial Text Sequences to Evade Deep Learning Classifiers". Ranks the words by the
    damage that [UNK] in their place does, then goes down the list: one random swap, substitution, deletion and
    insertion of a character are tried and the best kept. Stopwords stay, no word is changed twice, and the text stays
    within 30 edits of the original. TextAttack's recipe ``DeepWordBugGao2018``.
    """

    uses = ("stopwords",)

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import DeepWordBugGao2018

        return DeepWordBugGao2018.build(victim)
