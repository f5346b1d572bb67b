"""Flooding-X: the training loss is kept at a level above zero, without any adversarial sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from robench.models import Batch, Classifier
from robench.training import Defense, Style, Terms, cross_entropy, option


@dataclass(frozen=True, kw_only=True)
class FloodingX(Defense):
    """The loss of a batch is |CE - b| + b: below the level b, gradient descent turns into ascent (Liu et al. 2022).

    The level is fixed, as in the authors' code. The paper narrows the search for it with a criterion, the gradient
    accordance: whether the steps of an epoch lower the loss of the other batches. That is a search over several
    trainings, and no part of this defense; ``--set flooding-x.level=B`` tries another level. A training in which no
    batch comes below the level, such as a short one with the preset quick, is that of Base.
    """

    style: ClassVar[Style] = Style(title="Flooding-X", hue="sky", pattern="crossed")

    level: float = option(
        0.025,
        "flood level b, at which the mean cross-entropy of a batch is kept; 0 is Base",
        minimum=0,
        source="the authors' program; its scripts have 0.02 for IMDB, and try 0.1 and 0.2 for SST-2",
    )

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the flooded loss of the whole batch, not of each text (Ishida et al. 2020, equation 3)."""
        (network,) = networks
        loss = cross_entropy(network(batch.texts).logits, batch.labels)
        return {"flooded_ce": (loss - self.level).abs() + self.level}
