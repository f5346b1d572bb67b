"""The stage that fuses the network of a defense from the networks of other defenses."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import run_foreign_code
from robench.results.info_origin import Timing
from robench.results.info_parts import RowCounts
from robench.study.stages.context import Context
from robench.study.stages.stage import Size, Stage
from robench.study.stages.train import ModelStage
from robench.training.defense import FusedDefense

if TYPE_CHECKING:
    from robench.models.predictor import Predictor
    from robench.training.checkpoints import Checkpoints


@dataclass(frozen=True)
class FusedModelStage(ModelStage):
    """Fuse the network of a defense from those of other defenses; nothing is trained.

    Attributes:
        parts: the stages of the models that the network is fused from, in the order of the defense's ``parts``.
    """

    parts: tuple[ModelStage, ...] = field(kw_only=True)

    work_kind = "fuse"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Return the parts."""
        return self.parts

    @property
    def identity(self) -> dict[str, Any]:
        """Add the keys of the parts, and with them all that determines their networks."""
        return super().identity | {"parts": [part.key for part in self.parts]}

    @property
    def size(self) -> Size:
        """Return no optimiser steps."""
        return Size(0, "steps", "steps")

    def count_threads(self, training: int) -> int | None:
        """Return 1."""
        return 1

    def compute_network(
        self, context: Context, folder: Path, checkpoints: Checkpoints
    ) -> tuple[Predictor, list[dict[str, Any]], RowCounts, Timing]:
        """Fuse the networks of the parts, which are finished."""
        from robench.models.predictor import Predictor
        from robench.training.reading import find_reader

        started = time.perf_counter()
        defense = self.defense.defense
        assert isinstance(defense, FusedDefense), "only these have parts"
        predictors = [context.model(part) for part in self.parts]
        states = [p.classifier.state_dict() for p in predictors if isinstance(p, Predictor)]
        predictor = self.parts[0].load(context)
        assert isinstance(predictor, Predictor), "a part is no user's model"
        predictor.reader = find_reader(defense, self.seed)
        with run_foreign_code(f"the defense {self.defense.name} failed to fuse its parts", type(defense)):
            predictor.classifier.load_state_dict(defense.fuse(states))
        seconds = round(time.perf_counter() - started, 1)
        timing = Timing(seconds=seconds, steps=0, best_step=0, forwards=0, backwards=0)
        return predictor, [], RowCounts(), timing
