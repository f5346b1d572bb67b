"""PGD: several projected steps up the loss in the space of word embeddings."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from robench.training import Style, VirtualDefense, option, project_onto_ball, to_unit_norm


@dataclass(frozen=True, kw_only=True)
class PGD(VirtualDefense):
    """Projected ascents on word embeddings; clean loss and the last step's loss are minimised (Madry et al. 2018)."""

    style: ClassVar[Style] = Style(hue="blue")

    steps: int = 3
    step_size: float = option(0.3, "alpha, the L2 length of one ascent of an example", minimum=0)
    epsilon: float = option(1.0, "radius of the L2 ball around the clean embeddings", minimum=0)

    def normalise(self, gradient: Tensor) -> Tensor:
        """Scale the gradient to unit length."""
        return to_unit_norm(gradient)

    def project(self, delta: Tensor) -> Tensor:
        """Project onto the ball."""
        return project_onto_ball(delta, self.epsilon)
