"""The parts of an entry; :mod:`robench.results.entry_form` puts them together."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec

from robench.results.info_origin import Environment, Timing
from robench.results.info_parts import Count, Outcome, PluginInfo, RowCounts, Share
from robench.results.records import Status

Key: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
"""The key of a stage: the beginning of the sha256 of its identity."""
Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""The sha256 of a text in UTF-8."""
Divergence: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e-6, le=1e15)] | None
"""A mean KL divergence; null stands for an infinite one, which JSON cannot hold."""
Loss: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
"""A contrastive loss, which may be below 0."""
Probabilities: TypeAlias = tuple[Share, ...]
"""The probability of each class, with the nine digits that tell two numbers of 32 bits apart."""


class RecordRow(NamedTuple):
    """One row of :class:`Records`, which do not say how long each took."""

    id: int
    label: int
    status: Status
    probabilities_before: Probabilities
    probabilities_after: Probabilities
    queries: int
    words_changed: int
    words: int
    original: str
    final: str
    seconds: float = 0.0


class EntryPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of an entry."""


class Predictions(EntryPart, frozen=True, kw_only=True, omit_defaults=True):
    """What a model predicts for the test split, in columns.

    Attributes:
        id: row of the text in the test split, from 0.
        label: index of the gold label.
        probabilities: the model's probability of each class.
    """

    id: tuple[Count, ...]
    label: tuple[Count, ...]
    probabilities: tuple[Probabilities, ...]


class Records(EntryPart, frozen=True, kw_only=True, omit_defaults=True):
    """The attacked rows of a test split, in columns; see :class:`robench.results.records.Record`.

    Attributes:
        id: row of the example in the test split, from 0.
        label: index of the gold label.
        status: ``succeeded``, ``failed``, ``skipped`` or ``error``.
        before: the model's probability of each class for the text before the attack; may be empty after an error.
        after: the same for the text after the attack.
        queries: number of texts that the attack sent to the model.
        words_changed: number of words that were replaced or removed.
        words: number of words of the text before the attack.
        original: sha256 of the text before the attack.
        final: sha256 of the text after the attack, which after a skip or an error is the same text.
    """

    id: tuple[Count, ...]
    label: tuple[Count, ...]
    status: tuple[Status, ...]
    before: tuple[Probabilities, ...]
    after: tuple[Probabilities, ...]
    queries: tuple[Count, ...]
    words_changed: tuple[Count, ...]
    words: tuple[Count, ...]
    original: tuple[Digest, ...]
    final: tuple[Digest, ...]

    def rows(self) -> list[RecordRow]:
        """Return the rows one by one; the columns have to be of one length."""
        columns = (getattr(self, name) for name in self.__struct_fields__)
        return [RecordRow(*row) for row in zip(*columns, strict=True)]


class TrainingSet(EntryPart, frozen=True, kw_only=True, omit_defaults=True):
    """The adversarial training set D_adv, and so the attack that a model was trained against.

    Attributes:
        key: its key, the hash of ``identity``.
        model: key of the reference model that the attack fooled.
        attack: the attack, with all its fields.
        identity: exactly what determines D_adv, with the pins of the attack's resources.
        attacked: counts and means of the attacked training rows.
        timing: how long the making took.
        environment: where and when it was made.
    """

    key: Key
    model: Key
    attack: PluginInfo
    identity: dict[str, Any]
    attacked: Outcome | None = None
    timing: Timing | None = None
    environment: Environment | None = None


class FusedPart(EntryPart, frozen=True, kw_only=True, omit_defaults=True):
    """A model that another one was fused from.

    Attributes:
        key: its key.
        label: its readable name.
        defense: how it was trained.
        rows: the rows that it was trained on.
        timing: how long its training took.
        environment: where and when it was trained.
    """

    key: Key
    label: str
    defense: PluginInfo
    rows: RowCounts | None = None
    timing: Timing | None = None
    environment: Environment | None = None
