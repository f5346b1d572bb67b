"""A2T: adversarial texts are made again before each epoch, against the network in training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from robench.models import Batch, Classifier
from robench.training import (
    AdversarialDefense,
    Reattack,
    Style,
    Terms,
    TrainsOn,
    Unsuccessful,
    cross_entropy,
    option,
)

_CODE = "the authors' code (TextAttack's Trainer)"


@dataclass(frozen=True, kw_only=True)
class A2T(AdversarialDefense):
    """Adversarial training with texts made anew before each epoch (Yoo and Qi 2021).

    "Towards Improving Adversarial Training of NLP Models". The clean rows are attacked in a random order, against the
    network as it is, until a share of them has fallen; the adversarial texts join the clean ones for one epoch with the
    gold label and the weight of any text (the authors' alpha is 1).

    The attack is that of D_adv. The authors' own is the attack ``a2t``: the defense under that attack is their method,
    and table ``matrix`` has such a model under others. D_adv itself, which Base gives, is made in any case, and trained
    on with ``clean_epochs=0`` alone.
    """

    trains_on: ClassVar[TrainsOn] = TrainsOn.UNION
    style: ClassVar[Style] = Style(title="A2T", hue="vermillion", pattern="striped")

    unsuccessful: Unsuccessful = option(
        "drop",
        "row of an epoch for a text that was attacked in vain: drop leaves it out, original is the clean text,"
        " perturbed the text at which the search ended",
        source=f"{_CODE}, in all presets",
    )
    share: float = option(
        0.2,
        "adversarial texts of an epoch as a share of the clean rows; of D_adv, the share that is taken",
        above=0,
        maximum=1,
        source=f"{_CODE}; gamma of the paper",
    )
    clean_epochs: int = option(
        1,
        "epochs on clean texts alone, before the first attack; with 0 the first epoch has its share of D_adv",
        minimum=0,
        source=_CODE,
    )
    queries: int = option(200, "most queries for a text while training", minimum=1, source=_CODE)

    @property
    def adversarial_share(self) -> float:
        """Return the share of D_adv that the first epoch takes without clean epochs."""
        return self.share

    def reattack(self, epoch: int, rows: int) -> Reattack | None:
        """Return the attack before an epoch: none of any text before clean ones, and none that replaces D_adv."""
        if epoch <= self.clean_epochs:
            return Reattack(rows=0)
        return None if epoch == 1 else Reattack(successes=math.ceil(self.share * rows), query_budget=self.queries)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy, on clean and adversarial texts alike."""
        (network,) = networks
        return {"ce": cross_entropy(network(batch.texts).logits, batch.labels)}
