"""PGD: several projected steps up the loss in the space of word embeddings."""

from dataclasses import dataclass

from torch import Tensor

from robench.training import VirtualDefense, project_onto_ball, to_unit_norm


@dataclass(frozen=True, kw_only=True)
class PGD(VirtualDefense):
    """Projected ascents on word embeddings; clean loss and the last step's loss are minimised (Madry et al. 2018).

    Attributes:
        steps: K.
        step_size: alpha, the L2 length of one ascent of an example.
        epsilon: radius of the L2 ball around the clean embeddings.
    """

    steps: int = 3
    step_size: float = 0.3
    epsilon: float = 1.0

    def normalise(self, gradient: Tensor) -> Tensor:
        """Unit length."""
        return to_unit_norm(gradient)

    def project(self, delta: Tensor) -> Tensor:
        """Onto the ball."""
        return project_onto_ball(delta, self.epsilon)
