"""A defense of your own: R-Drop, two dropout passes over the same text should agree (Liang et al. 2021).

Try it: ``robench run --plugin my_defense.py --defense base,my-r-drop --task trec --attack pwws --preset quick``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import robench
from robench.models import Batch, Classifier
from robench.training import Terms, cross_entropy, kl_divergence, option


@robench.register("my-r-drop")
@dataclass(frozen=True, kw_only=True)
class MyRDrop(robench.Defense):
    """Two dropout passes over the same text should agree (Liang et al. 2021)."""

    alpha: float = option(1.0, "weight of the agreement", minimum=0)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute cross entropy of both passes, and their symmetric KL divergence."""
        (network,) = networks
        first, second = network(batch.texts).logits, network(batch.texts).logits
        return {
            "ce": cross_entropy(first, batch.labels) + cross_entropy(second, batch.labels),
            "kl": self.alpha / 2 * (kl_divergence(first, second) + kl_divergence(second, first)),
        }
