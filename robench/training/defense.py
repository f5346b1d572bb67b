"""The contract of a defense: the rows it trains on, the number of networks it needs, and its loss as named terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from robench.plugins.contract import check_type
from robench.plugins.option import check_values, option
from robench.plugins.style import Style

if TYPE_CHECKING:
    import random

    from torch import Tensor

    from robench.models.batches import Batch
    from robench.models.classifier import Classifier
    from robench.training.reattack import Reattack

Terms: TypeAlias = "dict[str, Tensor]"
"""Named terms of a loss, each a scalar tensor; training minimises their sum."""


MOST_NETWORKS = 100
"""Most networks that are trained together."""

Unsuccessful = Literal["original", "perturbed", "drop"]
"""The row of D_adv for a text whose attack did not succeed; see :class:`AdversarialDefense`."""


class TrainsOn(StrEnum):
    """The rows on which a defense trains."""

    CLEAN = "clean"
    """The task's training set."""
    ADVERSARIAL = "adversarial"
    """D_adv alone, with the labels of the texts it was made from."""
    UNION = "union"
    """Training set and D_adv, joined and shuffled."""
    PAIRS = "pairs"
    """Pairs of row i of the training set and row i of D_adv, shuffled together.

    Where D_adv has no row i, see :attr:`AdversarialDefense.takes_unpaired_rows`.
    """


@dataclass(frozen=True, kw_only=True)
class Defense(ABC):
    """A way to train a classifier; its fields are its hyper-parameters, declared by :func:`~robench.training.option`.

    A subclass names the rows it trains on and computes the loss of one batch. It contains no training loop, no device
    code, and no input or output: robench does that.
    """

    plugin_kind: ClassVar[str] = "defenses"
    trains_on: ClassVar[TrainsOn] = TrainsOn.CLEAN
    reference: ClassVar[bool] = False
    """Whether it is the reference: its model is attacked to make D_adv, and all others are compared with it.

    Exactly one registered class says True in its own body; subclasses do not inherit it.
    """
    style: ClassVar[Style | None] = None
    """How figures draw it; subclasses do not inherit it. None gives it a look that follows from its name."""
    adaptive_attack: ClassVar[str] = ""
    """Registered name of an attack that is made against this defense; empty if there is none.

    ``robench run --table 5`` attacks the defense with it as well, and table 5 shows that in a column of its own. It is
    no part of keys.
    """
    reads_in_training: ClassVar[bool] = False
    """Whether each training text is read as :meth:`read` says, too: its first text, drawn anew in each epoch."""
    certificate: ClassVar[str] = ""
    """The changes of a text that its certificates cover, such as ``any k words replaced``; empty if it has none."""

    def __post_init__(self) -> None:
        """Reject a value that is not one of its field's choices, or out of its range."""
        if not isinstance(self.trains_on, TrainsOn):  # any other value would train on clean texts
            choices = ", ".join(f"TrainsOn.{one.name}" for one in TrainsOn)
            raise ValueError(f"trains_on is one of {choices}, not {self.trains_on!r}")
        check_values(self)

    def check_declarations(self) -> None:
        """Reject properties whose values make no sense.

        Raises:
            TypeError, ValueError: one does not; the message says which, as a clause.
        """
        check_type("network_count", self.network_count, int)
        check_type("deployed", self.deployed, int)
        if not 1 <= self.network_count <= MOST_NETWORKS:
            raise ValueError(f"its network_count is {self.network_count}, not from 1 to {MOST_NETWORKS}")
        if not 0 <= self.deployed < self.network_count:
            last = self.network_count - 1
            raise ValueError(f"its deployed is {self.deployed}: its networks are counted from 0, so the last is {last}")

    @property
    def network_count(self) -> int:
        """Return the number of classifiers that are trained together."""
        return 1

    @property
    def deployed(self) -> int:
        """Return the index of the network that is kept and attacked."""
        return 0

    @property
    def augmentation(self) -> str:
        """Return the kind of added adversarial samples for table 2, which is ``n/a``, ``virtual`` or ``real text``."""
        return "real text" if self.trains_on in (TrainsOn.UNION, TrainsOn.PAIRS) else "n/a"

    @property
    def classifies(self) -> str:
        """Return what the deployed network learns from for table 2, which is ``clean``, ``adv`` or ``clean+adv``."""
        return {TrainsOn.ADVERSARIAL: "adv", TrainsOn.UNION: "clean+adv"}.get(self.trains_on, "clean")

    @property
    def loss_parts(self) -> tuple[str, ...]:
        """Return the parts of the loss for table 2, ``CE`` and ``NAME`` for each field ``<name>_weight`` above 0."""
        weights = [field.name for field in fields(self) if field.name.endswith("_weight") and getattr(self, field.name)]
        return tuple(dict.fromkeys(["CE", *(name.removesuffix("_weight").upper() for name in weights)]))

    @abstractmethod
    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the loss of one batch as named terms, each averaged over the batch's B rows.

        Args:
            networks: ``network_count`` classifiers; calling one on ``batch.texts`` gives representations (B, H) and
                logits (B, K).
            batch: ``texts``, ``labels`` (B,) and, if the defense trains on pairs, ``adversarial``, whose rows belong to
                the first rows of ``texts``: to all, unless the defense takes unpaired rows.
        """

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """Yield the losses of one optimiser step; the loop runs each backward before it requests the next.

        Most defenses have one pass. A defense that needs a gradient in between yields several losses; after each
        ``yield`` the gradients of the backward pass are in its leaf tensors.
        """
        yield self.loss(networks, batch)

    def before_training(self, networks: Sequence[Classifier]) -> None:  # noqa: B027  most defenses have none
        """Prepare the untrained networks, once; most defenses do nothing here."""

    def after_step(self, networks: Sequence[Classifier]) -> None:  # noqa: B027
        """Update what a defense maintains besides the weights, after each optimiser step; most maintain nothing."""

    def read(self, text: str, stream: random.Random) -> Iterable[str]:
        """Yield the texts that the trained network reads in place of a text; by default the text itself.

        Wherever the model scores a text, it reads the first :attr:`texts_read` of them, and :meth:`combine` makes one
        score of theirs. While it trains, its weights are chosen by the accuracy of the first text alone. A generator
        that draws texts may have no end. The encoder's mask token is written :data:`robench.models.MASK`.

        Args:
            text: any text, as a user or an attack wrote it.
            stream: random numbers that belong to this text and the model's seed. No others may be used: the same text
                has to be read in the same way each time.
        """
        return (text,)

    @property
    def texts_read(self) -> int:
        """Return the number of texts that are read in place of one; 0 if the text itself is read."""
        return int(type(self).read is not Defense.read)

    def combine(self, logits: Tensor) -> Tensor:
        """Return the logits (K,) of a text from those of the V texts that were read, (V, K); by default their vote."""
        from robench.models.reading import vote

        return logits[0] if len(logits) == 1 else vote(logits)

    def bound_shift(self, text: str, changes: int) -> float:
        """Bound how much the chance that a read text is given some label differs after a change of the text, 0 to 1.

        That is the largest total variation distance between the distributions of what is read before and after it. The
        certificates of a defense follow from it.

        Args:
            text: the text before the change.
            changes: the number of words that are changed in a way that :attr:`certificate` names.
        """
        return 1.0

    def identify_resources(self) -> Mapping[str, str]:
        """Return versions or digests of what it needs besides its fields and code; they are part of the model's key."""
        return {}

    def prepare(self, *, offline: bool) -> None:  # noqa: B027  most defenses need nothing
        """Fetch what it needs, so that it is missed before hours of training; nothing by default.

        Raises:
            RobenchError: something is not available.
        """

    def training_state(self) -> Mapping[str, Any] | None:
        """Return what the defense maintains besides its networks, for a checkpoint; most maintain nothing.

        A killed training continues from its last checkpoint, which has the networks, the optimiser and the states of
        the random generators of torch, NumPy and Python. What a defense changes elsewhere, such as in its attributes,
        belongs here, and :meth:`load_training_state` puts it back.

        Returns:
            Tensors and JSON values by name; None if they cannot be stored: then a killed training begins anew.
        """
        return {}

    def load_training_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Put back what :meth:`training_state` returned; called after :meth:`before_training`, before the next step.

        Args:
            state: the same names and values, with the tensors on the device of the networks.
        """


@dataclass(frozen=True, kw_only=True)
class AdversarialDefense(Defense):
    """A defense that trains on D_adv: the training set, attacked with the reference defense's model as the victim."""

    trains_on: ClassVar[TrainsOn] = TrainsOn.ADVERSARIAL

    unsuccessful: Unsuccessful = option(
        "original",
        "row of D_adv for a text that the attack did not turn: original: the clean text; perturbed: the text at which"
        " the search ended; drop: the row is left out, and its clean text trains only the terms that need no pair. A"
        " text that the model had wrong already is not attacked: its row is the clean text with perturbed, too",
        source="ours; the preset paper has perturbed, as the authors' code",
    )

    def check_declarations(self) -> None:
        """Reject a share of D_adv that is none, too."""
        super().check_declarations()
        if not 0 < self.adversarial_share <= 1:
            raise ValueError(f"its adversarial_share is {self.adversarial_share}, not above 0 and at most 1")

    @property
    def adversarial_share(self) -> float:
        """Return the share of D_adv that is used, above 0 to 1; the rows are drawn with the seed."""
        return 1.0

    @property
    def takes_unpaired_rows(self) -> bool:
        """Return whether a defense that trains on pairs also trains on clean rows that D_adv has no row for.

        There are such rows with ``unsuccessful="drop"``, and with a share of D_adv below 1. A batch then has fewer
        adversarial texts than clean ones, possibly none; ``batch.paired`` is the slice of the clean ones that have a
        counterpart.
        """
        return False

    def reattack(self, epoch: int, rows: int) -> Reattack | None:
        """Return how D_adv is made again before an epoch, with the network in training as the victim; None if not.

        The attack is that of D_adv, which every defense begins with. For defenses whose ``trains_on`` is ``UNION``; the
        texts that it gives join the clean rows by ``unsuccessful``, and stay until the next attack.

        Args:
            epoch: the epoch, counted from 1.
            rows: number of clean training rows.
        """
        return None


@dataclass(frozen=True, kw_only=True)
class FusedDefense(AdversarialDefense):
    """A defense that trains nothing: its network is computed from the networks of other defenses."""

    parts: ClassVar[tuple[str, ...]] = ()
    """Registered names of the defenses whose deployed networks it takes."""

    def check_declarations(self) -> None:
        """Reject a fused defense without parts, too."""
        super().check_declarations()
        if not self.parts:
            raise ValueError("its parts are empty: it needs the name of at least one defense")

    @abstractmethod
    def fuse(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Compute the parameters by name from those of the parts, in the order of ``parts``.

        Args:
            states: one state dictionary for each part, all with the same names and shapes.
        """

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Reject the call: a fused defense has no loss.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{type(self).__name__} trains nothing; it is made of {' and '.join(self.parts)}")
