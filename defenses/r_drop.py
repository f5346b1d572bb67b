"""R-Drop: two dropout passes over the same text should agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from robench.models import Batch, Classifier
from robench.training import Defense, Style, Terms, cross_entropy, kl_divergence, option


@dataclass(frozen=True, kw_only=True)
class RDrop(Defense):
    """Cross-entropy of two dropout passes, and their symmetric KL divergence (Liang et al. 2021, equations 2 to 4).

    Both passes are classified, so the cross-entropy is a sum of two. The divergence is the mean of both directions, and
    gradients flow into both passes, as in the authors' code.
    """

    style: ClassVar[Style] = Style(title="R-Drop", hue="green", pattern="crossed")

    alpha: float = option(
        1.0,
        "weight of the divergence",
        minimum=0,
        source="the authors' code for sentence classification (reg_alpha); their README says to choose it with care",
    )

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the classification of each pass, and alpha times the mean of KL(p // q) and KL(q // p)."""
        (network,) = networks
        first, second = network(batch.texts).logits, network(batch.texts).logits
        apart = kl_divergence(first, second) + kl_divergence(second, first)
        return {
            "ce_first": cross_entropy(first, batch.labels),
            "ce_second": cross_entropy(second, batch.labels),
            "kl": self.alpha / 2 * apart,
        }
