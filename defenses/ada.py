"""ADA: adversarial data augmentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from robench.models import Batch, Classifier
from robench.training import AdversarialDefense, Style, Terms, TrainsOn, cross_entropy


@dataclass(frozen=True, kw_only=True)
class ADA(AdversarialDefense):
    """Adversarial data augmentation: adversarial texts join the training set with the gold label (Si et al. 2021).

    The static form: D_adv is made once, against Base.

    Attributes:
        ratio: share of D_adv that is added, drawn with the seed. The TaiChi paper's table 2 says clean + adv, so all
            of it by default; Si et al. added half with PWWS and three quarters with TextFooler.
    """

    trains_on: ClassVar[TrainsOn] = TrainsOn.UNION
    style: ClassVar[Style] = Style(hue="orange")

    ratio: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        super().__post_init__()
        if not 0 < self.ratio <= 1:
            raise ValueError(f"ratio must be above 0 and at most 1, not {self.ratio}")

    @property
    def adversarial_share(self) -> float:
        """Share of D_adv that joins the clean rows."""
        return self.ratio

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Cross-entropy, clean and adversarial texts alike."""
        (network,) = networks
        return {"ce": cross_entropy(network(batch.texts).logits, batch.labels)}
