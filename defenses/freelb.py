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
    draw_uniform_start,
    option,
    project_onto_ball,
    read_gradient,
    replay_dropout,
    to_unit_norm,
)

_SOURCE = "the authors' code for SST-2"
_PLUS_PLUS = f"{_SOURCE}; freelb++: Li et al. 2021 (TextDefender)"


@dataclass(frozen=True, kw_only=True)
class FreeLB(VirtualDefense):
    """Gradients of all K steps are summed into one update, under one dropout mask (Zhu et al. 2020)."""

    style: ClassVar[Style] = Style(title="FreeLB", hue="blue", pattern="striped")

    steps: int = option(2, "passes for one update, K", minimum=1, source=_PLUS_PLUS)
    step_size: float = option(0.1, "L2 length of one ascent of an example", minimum=0, source=_PLUS_PLUS)
    magnitude: float = option(0.6, "largest L2 norm of the random start of an example", minimum=0, source=_PLUS_PLUS)
    max_norm: float = option(0.0, "largest L2 norm of a perturbation; 0 for no bound", minimum=0, source=_SOURCE)

    def start(self, shape: torch.Size, mask: Tensor) -> Tensor:
        """Draw uniform noise."""
        return draw_uniform_start(shape, mask, self.magnitude)

    def normalise(self, gradient: Tensor) -> Tensor:
        """Scale the gradient to unit length."""
        return to_unit_norm(gradient)

    def project(self, delta: Tensor) -> Tensor:
        """Project onto the ball, if there is one."""
        return project_onto_ball(delta, self.max_norm) if self.max_norm > 0 else delta

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """Yield K losses, each divided by K and computed at the point that the previous gradient led to."""
        (network,) = networks
        delta, masks = self.initial_perturbation(network, batch.texts), None
        for step in range(self.steps):
            masks = replay_dropout(masks, delta.device)
            loss = cross_entropy(network(batch.texts, delta).logits, batch.labels)
            yield {f"ce_step{step + 1}": loss / self.steps}
            if step + 1 < self.steps:
                delta = self.ascend(delta, read_gradient(delta), batch.texts["attention_mask"])


freelb_plus_plus: Annotated[FreeLB, Style(title="FreeLB++", hue="blue", pattern="dotted")] = FreeLB(
    steps=10, step_size=0.03, magnitude=0.05
)
"""FreeLB++: more and smaller steps, no bound (Li et al. 2021)."""
