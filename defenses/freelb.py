"""FreeLB: every step of the ascent trains the network as well."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from robench.models import Batch, Classifier
from robench.training import (
    Style,
    Terms,
    VirtualDefense,
    cross_entropy,
    gradient_left,
    onto_ball,
    same_dropout,
    uniform_start,
    unit,
)


@dataclass(frozen=True, kw_only=True)
class FreeLB(VirtualDefense):
    """Gradients of all K steps are gathered into one update, under one dropout mask (Zhu et al. 2020).

    The defaults are those of the authors' code for SST-2.

    Attributes:
        steps: K passes per update.
        step_size: the L2 length of one ascent of an example.
        magnitude: of the random start, see :func:`robench.training.perturbation.uniform_start`.
        max_norm: largest L2 norm of a perturbation; 0 for no bound.
    """

    style: ClassVar[Style] = Style(hue="blue", pattern="striped")

    steps: int = 2
    step_size: float = 0.1
    magnitude: float = 0.6
    max_norm: float = 0.0

    def start(self, shape: torch.Size, mask: Tensor) -> Tensor:
        """Uniform noise."""
        return uniform_start(shape, mask, self.magnitude)

    def normalise(self, gradient: Tensor) -> Tensor:
        """Unit length."""
        return unit(gradient)

    def project(self, delta: Tensor) -> Tensor:
        """Onto the ball, where there is one."""
        return onto_ball(delta, self.max_norm) if self.max_norm > 0 else delta

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """K losses of one K-th each, every one at the point that the gradient of the one before led to."""
        (network,) = networks
        delta, masks = self.first(network, batch.texts), None
        for step in range(self.steps):
            masks = same_dropout(masks, delta.device)
            loss = cross_entropy(network(batch.texts, delta).logits, batch.labels)
            yield {f"ce_step{step + 1}": loss / self.steps}
            if step + 1 < self.steps:
                delta = self.ascend(delta, gradient_left(delta), batch.texts["attention_mask"])


freelb_plus_plus: Annotated[FreeLB, Style(hue="blue", pattern="dotted")] = FreeLB(
    steps=10, step_size=0.03, magnitude=0.05
)
"""FreeLB++: more and smaller steps, no bound (Li et al. 2021)."""
