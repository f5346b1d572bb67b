"""TaiChi: two networks, one for clean and one for adversarial texts, that learn to agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from torch import Tensor

from robench.models import Batch, Classifier
from robench.training import (
    AdversarialDefense,
    Similarity,
    Style,
    Terms,
    TrainsOn,
    contrastive,
    cross_entropy,
    kl_divergence,
    option,
)

Negatives = Literal["cross", "same"]

_PAPER = "the TaiChi paper, section 3.4"
_CODE = "the TaiChi authors' code"


@dataclass(frozen=True, kw_only=True)
class TaiChi(AdversarialDefense):
    """Siamese clean and adversarial networks joined by a contrastive and a KL loss (Chen et al. 2024, section 3.4)."""

    trains_on: ClassVar[TrainsOn] = TrainsOn.PAIRS
    style: ClassVar[Style] = Style(title="TaiChi", hue="vermillion")

    networks: Literal["both", "clean", "adversarial"] = option(
        "both",
        "networks that are trained: both, or one alone, which leaves the other's terms out; alone, the CLEAN network"
        " agrees with itself about x and x' (the paper's w/o ADV)",
        source=_PAPER,
    )
    temperature: float = option(1.0, "tau of the contrastive loss", above=0, source=_CODE)
    similarity: Similarity = option(
        "cosine", "similarity s of the contrastive loss", source=f"{_CODE}; the paper has neg_l2"
    )
    negatives: Negatives = option(
        "cross",
        "negatives of the adversarial network's contrastive loss: the other rows' clean (cross) or adversarial (same)"
        " texts",
        source=f"{_CODE}; the paper has same",
    )
    reduction: Literal["mean", "sum"] = option(
        "mean", "mean or sum of the contrastive loss over the batch", source=f"{_CODE}; the paper has sum"
    )
    ce_weight: float = option(1.0, "weight of the classification terms", minimum=0, source=_PAPER)
    ctr_weight: float = option(1.0, "weight of the contrastive terms; 0 leaves them out", minimum=0, source=_PAPER)
    kl_weight: float = option(1.0, "weight of the fusion terms; 0 leaves them out", minimum=0, source=_PAPER)

    def __post_init__(self) -> None:
        """Reject a fusion of one network with nothing."""
        super().__post_init__()
        if self.networks == "adversarial" and self.kl_weight:
            raise ValueError("the adversarial network alone has nothing to be fused with: set kl_weight=0")

    @property
    def network_count(self) -> int:
        """Return 2 for CLEAN, which is deployed, and ADVERSARIAL; 1 if one of them is trained alone."""
        return 2 if self.networks == "both" else 1

    @property
    def classifies(self) -> str:
        """Return clean, or adv for the ADVERSARIAL network alone."""
        return "adv" if self.networks == "adversarial" else "clean"

    @property
    def takes_unpaired_rows(self) -> bool:
        """Return whether CLEAN is trained, whose classification needs no x'; ADVERSARIAL alone classifies x' only."""
        return self.networks != "adversarial"

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute classification, data augmentation and fusion terms; each network gives z, p of x and z', p' of x'.

        An x without an x' is left out of the terms that need both.
        """
        terms: Terms = {}
        paired = batch.paired
        if self.networks != "adversarial":
            clean, clean_prime = networks[0].pair(batch)
            terms["ce_clean"] = self.ce_weight * cross_entropy(clean.logits, batch.labels)
            if self.ctr_weight:
                z = clean.representations[paired]
                terms["ctr_clean"] = self._contrastive(z, clean_prime.representations, "cross")
        if self.networks != "clean":
            adv, adv_prime = networks[-1].pair(batch)
            terms["ce_adv"] = self.ce_weight * cross_entropy(adv_prime.logits, batch.labels[paired])
            if self.ctr_weight:
                z = adv.representations[paired]
                terms["ctr_adv"] = self._contrastive(adv_prime.representations, z, self.negatives)
        if self.kl_weight and self.networks == "both":
            terms["kl_clean"] = self.kl_weight * kl_divergence(clean.logits, adv.logits)
            terms["kl_adv"] = self.kl_weight * kl_divergence(adv_prime.logits, clean_prime.logits)
        elif self.kl_weight:
            terms["kl"] = self.kl_weight * kl_divergence(clean.logits[paired], clean_prime.logits)
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


clean: Annotated[TaiChi, Style(title="w/o KL", hue="purple")] = TaiChi(networks="clean", kl_weight=0)
"""TaiChi w/o KL: the CLEAN network alone, classification and contrastive loss (section 4.1)."""

adversarial: Annotated[TaiChi, Style(title="Adversarial", hue="purple", pattern="striped")] = TaiChi(
    networks="adversarial", kl_weight=0
)
"""The ADVERSARIAL network alone, classification of adversarial texts and contrastive loss (section 4.1)."""

without_ctr: Annotated[TaiChi, Style(title="w/o CTR", hue="sky")] = TaiChi(ctr_weight=0)
"""TaiChi w/o CTR: both networks, classification and KL loss (section 4.1, Base_KL)."""

without_adv: Annotated[TaiChi, Style(title="w/o ADV", hue="green")] = TaiChi(networks="clean")
"""TaiChi w/o ADV: one network that agrees with itself about clean and adversarial text (section 4.1)."""
