"""An attack of your own: slips of the fingers in the words that weigh most.

Try it: ``robench run --plugin my_attack.py --defense base --task trec --attack slips --preset quick``.
"""

from dataclasses import dataclass
from typing import Any

import robench
from robench.attacking import Victim, option
from robench.resources import load_textattack


@robench.register("slips")
@dataclass(frozen=True, kw_only=True)
class Slips(robench.Attack):
    """A nearby key for a letter, in the words that weigh most."""

    uses = ("stopwords",)  # what robench fetches before it starts
    words: int = option(2, "words that may have a slip", minimum=1)

    def build(self, victim: Victim) -> Any:
        """Build the search on ``victim``: its goal, what may not change, what a word becomes, and in which order."""
        ta = load_textattack()
        rules = ta.constraints.pre_transformation
        return ta.Attack(
            ta.goal_functions.UntargetedClassification(victim),
            [rules.RepeatModification(), rules.StopwordModification(), rules.MaxNumWordsModified(self.words)],
            ta.transformations.WordSwapQWERTY(random_one=False),
            ta.search_methods.GreedyWordSwapWIR(),
        )
