"""The stage of a model that a user gives, beside that of one that robench trains."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from robench.study.stages.stage import FORMAT, ModelStage
from robench.victims import Given, VictimSource


@dataclass(frozen=True)
class VictimStage(ModelStage):
    """Try a model that the user gives and predict the test split with it; nothing is trained.

    Attributes:
        source: the model; ``defense`` holds a :class:`~robench.victims.source.Given` in its place.
    """

    source: VictimSource = field(kw_only=True)

    @property
    def given(self) -> Given:
        """What tells it from other models."""
        assert isinstance(self.defense.defense, Given), "whoever makes this stage sees to it"
        return self.defense.defense

    @property
    def label(self) -> str:
        """Task and name."""
        return f"{self.data.task}-{self.defense.name}"

    @property
    def title(self) -> str:
        """Look at this on that."""
        return f"check {self.defense.name} on the test texts of {self.data.task}"

    @property
    def identity(self) -> dict[str, Any]:
        """Data and model: whatever it was trained with is in its weights."""
        return {
            "format": FORMAT,
            "stage": "victim",
            "data": self.data.digest,
            "victim": asdict(self.given),
            "precision": self.setting.precision,
        }

    @property
    def steps(self) -> int:
        """None of an optimiser."""
        return 0
