"""The contract of a defense: what it trains on, how many networks it needs, and its loss as named terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from robench.plugins.option import check_values, option
from robench.plugins.style import Style

if TYPE_CHECKING:
    from torch import Tensor

    from robench.models.batches import Batch
    from robench.models.classifier import Classifier

Terms: TypeAlias = "dict[str, Tensor]"
"""Named terms of a loss, each a scalar tensor; their sum is what is minimised."""


Unsuccessful = Literal["original", "perturbed", "drop"]
"""What stands in D_adv for a text that the attack did not turn."""


class TrainsOn(StrEnum):
    """Which rows a defense sees in training."""

    CLEAN = "clean"
    """The task's training set."""
    ADVERSARIAL = "adversarial"
    """D_adv alone, with the labels of the texts it was made from."""
    UNION = "union"
    """Both, as one set."""
    PAIRS = "pairs"
    """Row i of the training set beside row i of D_adv, shuffled together."""


@dataclass(frozen=True, kw_only=True)
class Defense(ABC):
    """A way to train a classifier; its fields are its hyper-parameters, declared by :func:`~robench.training.option`.

    A subclass says what it trains on and gives the loss of one batch. It holds no training loop, no device code and
    no input or output: those are robench's.
    """

    plugin_kind: ClassVar[str] = "defenses"
    trains_on: ClassVar[TrainsOn] = TrainsOn.CLEAN
    reference: ClassVar[bool] = False
    """Whether it is the reference: its model is attacked to make D_adv, and all others are compared with it.

    Exactly one registered class says True in its own body; subclasses do not inherit it.
    """
    style: ClassVar[Style | None] = None
    """How figures draw it; subclasses do not inherit it. None gives it a look that follows from its name."""

    def __post_init__(self) -> None:
        """Reject a value that is not one of its field's choices, or out of its range."""
        check_values(self)

    @property
    def network_count(self) -> int:
        """How many classifiers are trained together."""
        return 1

    @property
    def deployed(self) -> int:
        """Index of the network that is kept and attacked."""
        return 0

    @property
    def augmentation(self) -> str:
        """Adversarial samples beside the training set, for table 2: ``n/a``, ``virtual`` or ``real text``."""
        return "real text" if self.trains_on in (TrainsOn.UNION, TrainsOn.PAIRS) else "n/a"

    @property
    def classifies(self) -> str:
        """Texts that the deployed network learns to classify, for table 2: ``clean``, ``adv`` or ``clean+adv``."""
        return {TrainsOn.ADVERSARIAL: "adv", TrainsOn.UNION: "clean+adv"}.get(self.trains_on, "clean")

    @property
    def training_tasks(self) -> tuple[str, ...]:
        """Parts of the loss, for table 2: classification, and what a field ``<name>_weight`` above 0 adds."""
        weights = [field.name for field in fields(self) if field.name.endswith("_weight") and getattr(self, field.name)]
        return tuple(dict.fromkeys(["CE", *(name.removesuffix("_weight").upper() for name in weights)]))

    @abstractmethod
    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Loss of one batch as named terms, each averaged over the batch's B rows.

        Args:
            networks: ``network_count`` classifiers; calling one on ``batch.texts`` gives representations (B, H) and
                logits (B, K).
            batch: ``texts``, ``labels`` (B,) and, for pairs, ``adversarial``.
        """

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """The losses of one optimiser step, each run backward before the next is asked for.

        Most defenses have one pass. One that needs a gradient on the way yields several, and finds after each
        ``yield`` what the backward pass left in its leaves.
        """
        yield self.loss(networks, batch)

    def before_training(self, networks: Sequence[Classifier]) -> None:  # noqa: B027  most defenses have none
        """Called once with the untrained networks; does nothing, unless a defense prepares them."""

    def after_step(self, networks: Sequence[Classifier]) -> None:  # noqa: B027
        """Called after each optimiser step; does nothing, unless a defense keeps something up to date."""


@dataclass(frozen=True, kw_only=True)
class AdversarialDefense(Defense):
    """A defense that trains on D_adv, the texts an attack made of the training set against the Base model."""

    trains_on: ClassVar[TrainsOn] = TrainsOn.ADVERSARIAL

    unsuccessful: Unsuccessful = option(
        "original",
        "text of D_adv for a row that the attack did not turn, or that the model had wrong already: original is the"
        " unchanged text, perturbed the best text the attack found, drop leaves the row out",
    )

    @property
    def adversarial_share(self) -> float:
        """Share of D_adv that is used, drawn with the seed."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class FusedDefense(AdversarialDefense):
    """A defense that trains nothing: its network is made of those of other defenses."""

    parts: ClassVar[tuple[str, ...]] = ()
    """Registered names of the defenses whose deployed networks it takes."""

    @abstractmethod
    def fuse(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Parameters by name, made of those of the parts in their order; all have the same names and shapes."""

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """There is none.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{type(self).__name__} trains nothing; it is made of {' and '.join(self.parts)}")
