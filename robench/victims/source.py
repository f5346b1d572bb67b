"""Models that a user gives: what they are called, what stands for them in keys, how they are loaded."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from robench.training.defense import Defense, Terms

if TYPE_CHECKING:
    import torch

    from robench.models.batches import Batch
    from robench.models.classifier import Classifier
    from robench.models.devices import Precision
    from robench.victims.scorers import Scorer

OWN_ENCODER = "its own"
"""Stands for the encoder of a given model, of which nothing has to be known."""


@dataclass(frozen=True, kw_only=True)
class Given(Defense):
    """A model that the user gives, in the place of a trained defense; its fields tell it from other models.

    Attributes:
        digest: sha256 of what is known of it.
        max_length: tokens of a text, special ones included; None is the model's own limit.
        label_order: for each label of the task in turn, the model's column; None goes by the labels' names.
    """

    digest: str
    max_length: int | None = None
    label_order: tuple[int, ...] | None = None

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """There is none.

        Raises:
            TypeError: always.
        """
        raise TypeError("a given model is not trained")


@dataclass(frozen=True, eq=False)
class VictimSource(ABC):
    """A model that the user gives.

    Attributes:
        name: of its row in tables.
        shown: where it is, for people: a path, a Hub id and its commit, ``module:function``.
        digest: sha256 of what is known of it.
        command: options of ``robench attack`` that name it; none of an object that a program gave.
    """

    name: str
    shown: str
    digest: str
    command: tuple[str, ...] = field(default=(), kw_only=True)

    kind: ClassVar[str] = ""
    """What it is, for people."""
    has_network: ClassVar[bool] = True
    """Whether robench runs its network, so that length and precision are robench's to say."""

    @abstractmethod
    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """Make it ready to score texts.

        Raises:
            RobenchError: its files are missing or broken.
        """


@dataclass(frozen=True, eq=False)
class PretrainedSource(VictimSource):
    """A sequence classifier that Transformers loads: a folder, or a Hub id at a commit."""

    location: str
    revision: str | None = None
    trust_remote_code: bool = False

    kind = "Transformers model"

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """See :meth:`VictimSource.load`."""
        from robench.victims.networks import NetworkScorer, load_pretrained

        model, tokenizer = load_pretrained(self)
        return NetworkScorer(self.shown, model, tokenizer, max_length=max_length, precision=precision, device=device)


@dataclass(frozen=True, eq=False)
class PairSource(VictimSource):
    """A Transformers sequence classifier and its tokenizer, in memory."""

    model: Any
    tokenizer: Any

    kind = "Transformers model in memory"

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """See :meth:`VictimSource.load`."""
        from robench.victims.networks import NetworkScorer

        return NetworkScorer(
            self.shown, self.model, self.tokenizer, max_length=max_length, precision=precision, device=device
        )


@dataclass(frozen=True, eq=False)
class FunctionSource(VictimSource):
    """A Python function from N texts to N rows of scores."""

    function: Callable[[list[str]], Any]

    kind = "Python function"
    has_network = False

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """See :meth:`VictimSource.load`."""
        from robench.victims.scorers import FunctionScorer

        return FunctionScorer(self.shown, self.function)


def hash_texts(*parts: str) -> str:
    """sha256 of texts, each apart from the next."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
