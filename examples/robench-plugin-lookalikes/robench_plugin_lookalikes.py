"""A plug-in of robench: an attack, a defense and a task. Entry points in pyproject.toml give them their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from robench import Attack, Defense, Task
from robench.attacking import Victim
from robench.models import Batch, Classifier
from robench.resources import load_textattack
from robench.training import Terms, cross_entropy, option


@dataclass(frozen=True, kw_only=True)
class LookAlikes(Attack):
    """Letters that look alike, from other alphabets."""

    uses = ("stopwords",)

    def build(self, victim: Victim) -> Any:
        """Build the search on ``victim``."""
        ta = load_textattack()
        rules = ta.constraints.pre_transformation
        return ta.Attack(
            ta.goal_functions.UntargetedClassification(victim),
            [rules.RepeatModification(), rules.StopwordModification()],
            ta.transformations.WordSwapHomoglyphSwap(),
            ta.search_methods.GreedyWordSwapWIR(),
        )


@dataclass(frozen=True, kw_only=True)
class Smoothed(Defense):
    """A part of the label's probability is shared among all labels."""

    share: float = option(0.1, "probability that is shared", minimum=0, maximum=1)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute cross entropy with the label, and with all labels alike."""
        (network,) = networks
        logits = network(batch.texts).logits
        return {
            "ce": (1 - self.share) * cross_entropy(logits, batch.labels),
            "all": self.share * -logits.log_softmax(dim=-1).mean(),
        }


very_smoothed = Smoothed(share=0.3)
"""The same with more of it: a defense is a class, or an instance of one with other fields."""

MAIL = Task(labels=("ham", "spam"), summary="mail that is wanted or not; rows from --data DIR/mail")
