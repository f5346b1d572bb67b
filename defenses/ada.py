"""ADA: adversarial data augmentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from robench.models import Batch, Classifier
from robench.training import AdversarialDefense, Style, Terms, TrainsOn, cross_entropy, option


@dataclass(frozen=True, kw_only=True)
class ADA(AdversarialDefense):
    """Adversarial data augmentation: adversarial texts join the training set with the gold label (Si et al. 2021).

    The static form: D_adv is made once, against Base.
    """

    trains_on: ClassVar[TrainsOn] = TrainsOn.UNION
    style: ClassVar[Style] = Style(title="ADA", hue="orange")

    ratio: float = option(
        1.0,
        "share of D_adv that is added, drawn with the seed",
        above=0,
        maximum=1,
        source="the TaiChi paper, table 2; Si et al. added half with PWWS and three quarters with TextFooler",
    )

    @property
    def adversarial_share(self) -> float:
        """Return the share of D_adv that joins the clean rows."""
        return self.ratio

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy, on clean and adversarial texts alike."""
        (network,) = networks
        return {"ce": cross_entropy(network(batch.texts).logits, batch.labels)}
