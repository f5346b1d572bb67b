"""Linear average: one network out of the parameters of two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from robench.training import FusedDefense, Style, option


@dataclass(frozen=True, kw_only=True)
class Average(FusedDefense):
    """Parameters of CLEAN and ADVERSARIAL averaged; trains nothing itself (section 4.3 and figure 5 of the paper)."""

    parts: ClassVar[tuple[str, ...]] = ("clean", "adversarial")
    style: ClassVar[Style] = Style(title="Average", hue="purple", pattern="dotted")

    weight: float = option(
        0.5,
        "lambda of f_avg = lambda * f_clean + (1 - lambda) * f_adv",
        minimum=0,
        maximum=1,
        source="ours; figure 5 of the TaiChi paper has 0 to 1 in steps of 0.1",
    )

    def fuse(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Average parameter by parameter; the result is CLEAN itself at weight 1, ADVERSARIAL at 0."""
        clean, adversarial = states
        return {name: torch.lerp(adversarial[name], clean[name], self.weight) for name in clean}
