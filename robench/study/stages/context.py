"""What surrounds a stage while it is made: where results go, who is told, and the models held in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union

from robench.progress import Reporter
from robench.results.store import Store

if TYPE_CHECKING:
    import torch

    from robench.attacking.engine.batcher import LogitsCache
    from robench.attacking.engine.workers import Workers
    from robench.models.predictor import Predictor
    from robench.victims.scorers import VictimModel

HELD_MODELS = 2
"""Models held in memory: the reference defense, which several stages attack, and the model at hand."""

Model: TypeAlias = Union["Predictor", "VictimModel"]
"""A trained defense, or a model that the user brought, ready to be asked."""


class LoadableStage(Protocol):
    """A stage whose result is a model."""

    @property
    def key(self) -> str:
        """Return the hash of its identity."""

    def load(self, context: Context) -> Model:
        """Load the finished model."""


@dataclass
class Context:
    """What a stage is handed when it is made.

    Attributes:
        store: where results go.
        reporter: is told what happens.
        device: where the arithmetic is done.
        offline: forbid fetching.
        workers: processes that attacks search in; None for none but this one.
    """

    store: Store
    reporter: Reporter
    device: torch.device
    offline: bool = False
    workers: Workers | None = None
    _held: OrderedDict[str, tuple[Model, LogitsCache]] = field(default_factory=OrderedDict)

    def model(self, stage: LoadableStage) -> Model:
        """Return a stage's model: the one in memory, else the stored one.

        Raises:
            RobenchError: it is not stored, or its files are broken.
        """
        if stage.key not in self._held:
            self.hold(stage, stage.load(self))
        self._held.move_to_end(stage.key)
        return self._held[stage.key][0]

    def logits_cache(self, stage: LoadableStage) -> LogitsCache:
        """Return the logits that a model has given so far: attacks ask for some texts that others have asked for."""
        self.model(stage)
        return self._held[stage.key][1]

    def hold(self, stage: LoadableStage, model: Model) -> None:
        """Keep a model in memory until others take its place."""
        from robench.attacking.engine.batcher import LogitsCache

        self._held[stage.key] = model, LogitsCache()
        while len(self._held) > HELD_MODELS:
            self._held.popitem(last=False)
