"""How long stages will take, going by those that are done."""

from __future__ import annotations

from statistics import median

from robench.results.store import Store, StoredStage
from robench.study.stages.stage import AttackingStage, ModelStage, Stage
from robench.study.stages.victim import VictimStage

SECONDS_PER_STEP = 0.2
"""Of training the bundled encoder with one network, batch 16, on two cores; used until a run has been timed."""
SECONDS_PER_EXAMPLE = 0.15
"""Of one PWWS or DeepWordBug search on the bundled encoder, on two cores; used until a run has been timed."""


class Estimator:
    """Seconds of a stage by the median pace of comparable stages in a runs folder."""

    def __init__(self, store: Store) -> None:
        self._models = store.stages("models")
        self._attacks = [*store.stages("adversarial"), *store.stages("cells")]

    def seconds(self, stage: Stage) -> float | None:
        """Seconds that a stage will take; None where there is nothing to go by."""
        bundled = stage.setting.encoder.name == "minilm"
        if isinstance(stage, VictimStage):
            pace = self._pace(self._models, stage, "defense", stage.defense.name, "texts")
            return pace * len(stage.data.test) if pace else None
        if isinstance(stage, ModelStage):
            networks = stage.defense.defense.network_count
            pace = self._pace(self._models, stage, "defense", stage.defense.name, "steps")
            pace = pace or (SECONDS_PER_STEP * networks**2 if bundled else None)
            return pace * stage.steps if pace else None
        assert isinstance(stage, AttackingStage)
        pace = self._pace(self._attacks, stage, "attack", stage.attack.name, "examples")
        pace = pace or (SECONDS_PER_EXAMPLE if bundled else None)
        return pace * len(stage.examples()) if pace else None

    def _pace(self, done: list[StoredStage], stage: Stage, kind: str, name: str, unit: str) -> float | None:
        """Median seconds per unit over stages of the same encoder and the same defense or attack; same task first."""
        alike = [
            s.info
            for s in done
            if s.info["encoder"]["digest"] == stage.setting.encoder.digest and s.info[kind]["name"] == name
        ]
        same_task = [info for info in alike if info["task"] == stage.data.task]
        paces = [
            info["timing"]["seconds"] / info["timing"][unit] for info in same_task or alike if info["timing"].get(unit)
        ]
        return median(paces) if paces else None
