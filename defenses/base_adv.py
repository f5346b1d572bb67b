"""Base(adv): plain fine-tuning on adversarial texts alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from robench.models import Batch, Classifier
from robench.training import AdversarialDefense, Style, Terms, TrainsOn, cross_entropy, option


@dataclass(frozen=True, kw_only=True)
class BaseAdv(AdversarialDefense):
    """Plain fine-tuning on adversarial texts alone, with the gold labels (Base_adv of the TaiChi paper)."""

    trains_on: ClassVar[TrainsOn] = TrainsOn.ADVERSARIAL
    style: ClassVar[Style] = Style(title="Base-adv", hue="grey", pattern="striped")

    labels: Literal["gold", "soft"] = option(
        "gold",
        "labels of the adversarial texts: gold, or soft, which are what Base(clean) predicts for them (table 4)",
        source="the TaiChi paper, table 4",
    )

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy with the gold or the soft labels."""
        (network,) = networks
        targets = batch.labels if self.labels == "gold" else batch.soft
        if targets is None:
            raise ValueError("this batch has no soft labels; does the defense train on D_adv alone?")
        return {"ce": cross_entropy(network(batch.texts).logits, targets)}


soft: Annotated[BaseAdv, Style(title="Base-adv-soft", hue="grey", pattern="dotted")] = BaseAdv(labels="soft")
"""Plain fine-tuning on adversarial texts alone, with the probabilities that Base predicts for them (table 4)."""
