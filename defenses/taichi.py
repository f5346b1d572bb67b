"""TaiChi: two networks, one for clean and one for adversarial texts, that learn to agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from robench.batches import Batch
from robench.classifier import Classifier
from robench.defense import AdversarialDefense, Terms, TrainsOn
from robench.objectives import Similarity, contrastive, cross_entropy, kl_divergence

Negatives = Literal["cross", "same"]


@dataclass(frozen=True, kw_only=True)
class TaiChi(AdversarialDefense):
    """Siamese clean and adversarial networks joined by a contrastive and a KL loss (Chen et al. 2024, section 3.4).

    Attributes:
        temperature: tau of the contrastive loss.
        similarity: s(u, v) of the contrastive loss.
        negatives: of the adversarial network's contrastive loss: the other rows' clean texts (``cross``, the authors'
            code) or adversarial texts (``same``, the paper).
        reduction: of the contrastive loss over the batch; the paper prints a sum, its code takes the mean.
        ce_weight: of both classification terms.
        ctr_weight: of both contrastive terms; 0 leaves them out.
        kl_weight: of both fusion terms; 0 leaves them out.
    """

    trains_on: ClassVar[TrainsOn] = TrainsOn.PAIRS

    temperature: float = 1.0
    similarity: Similarity = "cosine"
    negatives: Negatives = "cross"
    reduction: Literal["mean", "sum"] = "mean"
    ce_weight: float = 1.0
    ctr_weight: float = 1.0
    kl_weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a temperature that divides by nothing."""
        super().__post_init__()
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")

    @property
    def network_count(self) -> int:
        """CLEAN, which is deployed, and ADVERSARIAL."""
        return 2

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Classification, data augmentation and model-level fusion; z, p of x and z', p' of x' in both networks."""
        clean_network, adversarial_network = networks
        clean, clean_prime = clean_network.pair(batch)
        adv, adv_prime = adversarial_network.pair(batch)
        terms = {
            "ce_clean": self.ce_weight * cross_entropy(clean.logits, batch.labels),
            "ce_adv": self.ce_weight * cross_entropy(adv_prime.logits, batch.labels),
        }
        if self.ctr_weight:
            terms["ctr_clean"] = self._contrastive(clean.representations, clean_prime.representations, "cross")
            terms["ctr_adv"] = self._contrastive(adv_prime.representations, adv.representations, self.negatives)
        if self.kl_weight:
            terms["kl_clean"] = self.kl_weight * kl_divergence(clean.logits, adv.logits)
            terms["kl_adv"] = self.kl_weight * kl_divergence(adv_prime.logits, clean_prime.logits)
        return terms

    def _contrastive(self, anchors: Tensor, positives: Tensor, negatives: Negatives) -> Tensor:
        return self.ctr_weight * contrastive(
            anchors,
            positives,
            positives if negatives == "cross" else anchors,
            temperature=self.temperature,
            similarity=self.similarity,
            reduction=self.reduction,
        )
