"""Base: plain fine-tuning on clean texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from robench.models import Batch, Classifier
from robench.training import Defense, Style, Terms, cross_entropy


@dataclass(frozen=True, kw_only=True)
class Base(Defense):
    """Plain fine-tuning on clean texts (Base_clean of the TaiChi paper); the victim that makes D_adv."""

    reference: ClassVar[bool] = True
    style: ClassVar[Style] = Style(title="Base", hue="grey")

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy."""
        (network,) = networks
        return {"ce": cross_entropy(network(batch.texts).logits, batch.labels)}
