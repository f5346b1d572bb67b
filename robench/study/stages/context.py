"""The context that stages are made in: the store, the reporter, the device, and the models in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union

from robench.progress import Reporter
from robench.results.store import Store

if TYPE_CHECKING:
    import torch

    from robench.attacking.engine.logits_cache import LogitsCache
    from robench.attacking.engine.workers import Workers
    from robench.models.predictor import Predictor
    from robench.victims.answers import StoredAnswers
    from robench.victims.scorers import VictimModel

HELD_MODELS = 2
"""Number of models kept in memory: the reference defense, which several stages attack, and the current model."""

Model: TypeAlias = Union["Predictor", "VictimModel"]
"""A trained defense or a user's model, loaded."""


class LoadableStage(Protocol):
    """A stage whose result is a model."""

    @property
    def key(self) -> str:
        """Return the hash of its identity."""

    def load(self, context: Context) -> Model:
        """Load the finished model."""


@dataclass
class Context:
    """The context that stages are made in.

    Attributes:
        store: the runs folder, which receives the results.
        reporter: receives the progress.
        device: the device that models run on.
        offline: whether to forbid all downloads.
        workers: extra processes for the searches of attacks; None searches in this process only.
        retry_errors: whether to attack the rows again that ended in an error.
        again: whether results are made again, so that kept answers of functions do not count.
    """

    store: Store
    reporter: Reporter
    device: torch.device
    offline: bool = False
    workers: Workers | None = None
    retry_errors: bool = False
    again: bool = False
    _answers: dict[str, StoredAnswers] = field(default_factory=dict)
    _held: OrderedDict[str, tuple[Model, LogitsCache]] = field(default_factory=OrderedDict)

    def model(self, stage: LoadableStage) -> Model:
        """Return the model of a stage; load it if it is not in memory.

        Raises:
            RobenchError: it is not stored, or its files are broken.
        """
        if stage.key not in self._held:
            self.hold(stage, stage.load(self))
        self._held.move_to_end(stage.key)
        return self._held[stage.key][0]

    def logits_cache(self, stage: LoadableStage) -> LogitsCache:
        """Return the cache of a model's logits, which saves the queries that several attacks have in common."""
        self.model(stage)
        return self._held[stage.key][1]

    def answers(self, digest: str) -> StoredAnswers:
        """Return the kept answers of a function or an endpoint, by the digest of the model."""
        from robench.victims.answers import StoredAnswers

        if digest not in self._answers:
            self._answers[digest] = StoredAnswers(self.store.root, digest, again=self.again)
        return self._answers[digest]

    def close(self) -> None:
        """Close the files of kept answers."""
        for answers in self._answers.values():
            answers.close()

    def hold(self, stage: LoadableStage, model: Model) -> None:
        """Keep a model in memory until newer ones replace it."""
        from robench.attacking.engine.logits_cache import LogitsCache

        self._held[stage.key] = model, LogitsCache()
        while len(self._held) > HELD_MODELS:
            self._held.popitem(last=False)
