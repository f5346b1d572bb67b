"""FGSM and FGM: one step up the loss in the space of word embeddings."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from torch import Tensor

from robench.training import Style, VirtualDefense, option, to_unit_norm


@dataclass(frozen=True, kw_only=True)
class FGSM(VirtualDefense):
    """One ascent by the sign of the gradient, on word embeddings (Goodfellow et al. 2015).

    The loss is CE(clean) + CE(perturbed), or CE(perturbed) alone; there is no gradient through the perturbation.
    """

    style: ClassVar[Style] = Style(title="FGSM", hue="yellow")

    steps: int = option(1, "ascents, K", minimum=1, source="one step is the method (Goodfellow et al. 2015)")
    step_size: float = option(
        0.01,
        "length of the ascent, eps; with linf per dimension, with l2 of the whole example",
        minimum=0,
        source="ours: Goodfellow et al. have none for word embeddings; fgm: the popular PyTorch snippet of FGM for"
        " text, which applies it to a whole batch",
    )
    norm: Literal["linf", "l2"] = option(
        "linf",
        "norm of the ascent: linf steps by the sign of the gradient, l2 by its direction (FGM, Miyato et al. 2017)",
        source="Goodfellow et al. 2015; fgm: Miyato et al. 2017",
    )
    clean_loss: bool = option(
        True,
        "whether the clean loss is minimised beside the perturbed one",
        source="the popular PyTorch snippet of FGM for text; TextDefender minimises the perturbed loss alone",
    )

    @property
    def minimises_clean_loss(self) -> bool:
        """Return the option."""
        return self.clean_loss

    def normalise(self, gradient: Tensor) -> Tensor:
        """Take the sign of the gradient, or scale it to unit length."""
        return gradient.sign() if self.norm == "linf" else to_unit_norm(gradient)


fgm: Annotated[FGSM, Style(title="FGM", hue="yellow", pattern="striped")] = FGSM(norm="l2", step_size=1.0)
"""FGM: one ascent of length 1 on word embeddings (Miyato et al. 2017)."""
