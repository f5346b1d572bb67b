"""PGD: several projected steps up the loss in the space of word embeddings."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from robench.training import Style, VirtualDefense, option, project_onto_ball, to_unit_norm

_SOURCE = "the popular PyTorch snippet of PGD for text"


@dataclass(frozen=True, kw_only=True)
class PGD(VirtualDefense):
    """Projected ascents on word embeddings; clean loss and the last step's loss are minimised (Madry et al. 2018).

    With the defaults the projection changes nothing: three steps of 0.3 end within 0.9 of the clean embeddings, and the
    ball's radius is 1.
    """

    style: ClassVar[Style] = Style(title="PGD", hue="blue")

    steps: int = option(3, "ascents, K", minimum=1, source=_SOURCE)
    step_size: float = option(0.3, "alpha, the L2 length of one ascent of an example", minimum=0, source=_SOURCE)
    epsilon: float = option(
        1.0,
        "radius of the L2 ball around the clean embeddings; it only matters below steps times step_size",
        minimum=0,
        source=_SOURCE,
    )
    clean_loss: bool = option(
        True,
        "whether the clean loss is minimised beside that of the last step",
        source=f"{_SOURCE}; Madry et al. 2018, FreeLB's PGD and TextDefender minimise the last step's loss alone",
    )

    @property
    def minimises_clean_loss(self) -> bool:
        """Return the option."""
        return self.clean_loss

    def normalise(self, gradient: Tensor) -> Tensor:
        """Scale the gradient to unit length."""
        return to_unit_norm(gradient)

    def project(self, delta: Tensor) -> Tensor:
        """Project onto the ball."""
        return project_onto_ball(delta, self.epsilon)
