"""The stage that makes the adversarial training set D_adv (paper, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

from robench.data.load import Example
from robench.results.info import AdversarialInfo
from robench.study.stages.attack import AttackingStage


@dataclass(frozen=True)
class AdversarialStage(AttackingStage):
    """Attack the training rows with the reference defense as the victim, which makes D_adv."""

    info_type = AdversarialInfo

    @property
    def label(self) -> str:
        """Name task, attack and seed."""
        return f"{self.data.task}-{self.attack.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Name training set, attack and victim in words."""
        return f"attack the training set of {self.data.task} with {self.attack.title}, victim {self.model.defense.name}"

    def examples(self) -> list[tuple[int, Example]]:
        """Return the training rows."""
        return self.training_rows()
