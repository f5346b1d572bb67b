"""MixADA: adversarial data augmentation, with mixtures of texts in the hidden states."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.distributions import Beta
from torch.nn.functional import one_hot

from robench.models import Batch, Classifier
from robench.training import AdversarialDefense, Reattack, Style, Terms, TrainsOn, cross_entropy, option

_CODE = "the authors' code"
_DEPTH = 12
"""Layers of the encoder that ``layers`` counts: BERT-base's."""


@dataclass(frozen=True, kw_only=True)
class MixADA(AdversarialDefense):
    """Data augmentation with adversarial texts and with mixtures of hidden states (Si et al. 2021).

    "Better Robustness by More Coverage", with TMix. Adversarial texts join the clean ones. Besides its own loss, each
    batch is mixed with itself in another order: at a layer drawn anew, the hidden states become ``s h_i + (1 - s) h_j``
    with one s from Beta(alpha, alpha) for the batch, and the label the same mixture of two gold labels. Each text is
    read with its own padding mask up to that layer; behind it, that of text i holds, as in the released code. SMix,
    which mixes the first token alone, is left out: the classifier here reads the mean of all tokens.
    """

    trains_on: ClassVar[TrainsOn] = TrainsOn.UNION
    style: ClassVar[Style] = Style(title="MixADA", hue="orange", pattern="crossed")

    ratio: float = option(
        1.0,
        "share of D_adv that is added, drawn with the seed",
        above=0,
        maximum=1,
        source=f"{_CODE}; its scripts add half with PWWS and three quarters with TextFooler",
    )
    alpha: float = option(
        0.2,
        "parameter of the Beta distribution of a mixture's shares",
        above=0,
        source=f"{_CODE}; its scripts have 8 with PWWS and 0.2 with TextFooler for BERT on IMDB",
    )
    layers: str = option(
        "7,9,12",
        "layers to mix at, counted from 1 to 12; in an encoder of another depth, the layers as deep in proportion",
        source=f"{_CODE}, for BERT-base",
    )
    mix_weight: float = option(1.0, "weight of the loss of mixtures", minimum=0, source=_CODE)
    renewed: int = option(
        0,
        "clean rows that are attacked anew before each epoch but the first, against the network in training; their"
        " texts are added (iterative ADA)",
        minimum=0,
        source=f"{_CODE}; its iterative scripts have 300 with PWWS and 1500 with TextFooler on SST-2",
    )

    def __post_init__(self) -> None:
        """Reject layers that are none."""
        super().__post_init__()
        parts = self.layers.split(",")
        if not all(part.strip().isdecimal() and 1 <= int(part) <= _DEPTH for part in parts):
            raise ValueError(f"layers are numbers from 1 to {_DEPTH} with commas between them, not {self.layers!r}")

    @property
    def adversarial_share(self) -> float:
        """Return the share of D_adv that joins the clean rows."""
        return self.ratio

    def reattack(self, epoch: int, rows: int) -> Reattack | None:
        """Return the attack before each epoch but the first, if there is one."""
        return Reattack(rows=self.renewed, keeps_rows=True) if self.renewed and epoch > 1 else None

    def choose_layers(self, count: int) -> list[int]:
        """Return the layers to mix at in an encoder of that many layers, counted from 1."""
        return [-(-int(layer) * count // _DEPTH) for layer in self.layers.split(",")]

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy of the batch, and that of its mixtures.

        The authors' divergence from the mixed labels is the latter but for a constant.
        """
        (network,) = networks
        logits = network(batch.texts).logits
        layers, labels = self.choose_layers(network.layer_count), one_hot(batch.labels, logits.shape[1]).float()
        layer = layers[int(torch.randint(len(layers), ()))]
        share = float(Beta(torch.tensor(self.alpha), torch.tensor(self.alpha)).sample())
        order = torch.randperm(len(labels)).to(labels.device)
        with network.at_layer(layer, lambda states: share * states + (1 - share) * states[order]):
            mixed = network(batch.texts).logits
        mixture = cross_entropy(mixed, share * labels + (1 - share) * labels[order])
        return {"ce": cross_entropy(logits, batch.labels), "mix": self.mix_weight * mixture}
