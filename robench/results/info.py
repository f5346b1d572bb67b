"""The form of ``stage.json``: one typed structure for each kind of stage, documented field by field.

:mod:`robench.results.stage_file` reads and writes it; no other code knows the keys. How the form may grow: a new
field has a default, and is not written while it has that value, so that old files stay readable. Fields that this
version does not know are ignored, so that an older robench reads newer files. A field never changes its meaning, its
unit or its type: such a change needs a new field. ``docs/schemas/stage.schema.json`` is the same form as JSON Schema.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, TypeVar

import msgspec

from robench.results.info_origin import Environment, FileInfo, Timing
from robench.results.info_parts import (
    Clean,
    Count,
    DataInfo,
    Development,
    Draws,
    EncoderInfo,
    Outcome,
    PluginInfo,
    RowCounts,
    Similarity,
    Statistics,
    VictimInfo,
)

StageKind = Literal["models", "adversarial", "cells", "statistics", "transfer", "certificates"]
"""A kind of stages, which is also the name of their folder in the runs folder."""

BEFORE = "before"
"""What statistics call the encoder before fine-tuning, in place of a defense's name."""

REMEDY = "`robench run` sets it aside and makes it again"
"""What to do with a stage that does not fit, as the end of a sentence."""

ELSEWHERE = {"trained": "elsewhere"}
"""The training settings of a model that the user brought: they are not known."""


class StageInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """The fields that all kinds of stages share.

    Attributes:
        key: hash of ``identity``; the folder's name ends with it.
        label: readable beginning of the folder's name, before the key.
        robench: version of robench that made the stage.
        task: registered name of the task.
        labels: names of the task's labels.
        data: the task's rows.
        data_options: the options of a command that name rows of the user's own; empty for those of a task.
        encoder: the pre-trained encoder.
        preset: name of the preset, which decided the options that the user did not give.
        precision: ``fp32``, matrix products in ``bf16``, or ``native``: a user's model in the type of its weights.
        training: the training settings, or :data:`ELSEWHERE`.
        train_rows: number of clean training rows.
        seed: seed of training and attack.
        identity: exactly what determines the result.
        foreign_code: whose code the user allowed to run in the stage, in a few words each.
        timing: how long the stage took.
        files: the files beside ``stage.json``, by name.
        parents: the stages that it was made from: by key, the sha256 of what it used of them, see
            :func:`robench.results.integrity.digest_content`.
        environment: where and when the stage was made.
        checksum: sha256 of everything else in the file, see :func:`make_checksum`; empty in files of early versions.
    """

    key: str
    label: str = ""
    robench: str = ""
    task: str
    labels: tuple[str, ...] = ()
    data: DataInfo
    data_options: tuple[str, ...] = ()
    encoder: EncoderInfo
    preset: str = ""
    precision: str = ""
    training: dict[str, Any] = {}
    train_rows: Count = 0
    seed: Count
    identity: dict[str, Any] = {}
    foreign_code: tuple[str, ...] = ()
    timing: Timing | None = None
    files: dict[str, FileInfo] = {}
    parents: dict[str, str] = {}
    environment: Environment | None = None
    checksum: str = ""

    @property
    def kind(self) -> StageKind:
        """Return the kind of the stage, which is also the name of its folder's parent."""
        return kind_of(type(self))

    @property
    def format(self) -> int | None:
        """Return the format of results in its identity; None if it has none."""
        value = self.identity.get("format")
        return value if isinstance(value, int) else None


class ModelInfo(StageInfo, frozen=True, kw_only=True, omit_defaults=True, tag="models"):
    """A trained defense, or a model that the user brought.

    Attributes:
        defense: how it was trained; for a user's model, its name and what distinguishes it from other models.
        adversarial: key of the adversarial training set that it was trained on; None if it needed none.
        victim: the user's model; None for a trained defense.
        rows: the rows that it was trained on.
        dev: accuracy on the development split.
        clean: accuracy on the test split; of a user's model, on the split that is attacked.
        clean_limit: number of rows that ``clean`` was limited to; None if it counts all of them.
        parameters: number of weights of the deployed network; None for a user's model.
        warnings: findings about the model that would make its numbers misleading.
    """

    defense: PluginInfo
    adversarial: str | None = None
    victim: VictimInfo | None = None
    rows: RowCounts | None = None
    dev: Development | None = None
    clean: Clean
    clean_limit: Count | None = None
    parameters: Count | None = None
    warnings: tuple[str, ...] = ()


class AttackInfo(StageInfo, frozen=True, kw_only=True, omit_defaults=True):
    """Records of an attack on one model: a cell, an adversarial training set, or a transfer.

    Attributes:
        attack: the attack.
        defense: how the model under attack was trained.
        model: key of the model under attack.
        adversarial: key of the adversarial training set that the model was trained on; None if it needed none.
        attacked: counts and means of the records.
    """

    attack: PluginInfo
    defense: PluginInfo = PluginInfo()
    model: str = ""
    adversarial: str | None = None
    attacked: Outcome | None = None


class AdversarialInfo(AttackInfo, frozen=True, kw_only=True, omit_defaults=True, tag="adversarial"):
    """An adversarial training set D_adv: the training rows, attacked with the reference defense as the victim."""


class CellInfo(AttackInfo, frozen=True, kw_only=True, omit_defaults=True, tag="cells"):
    """One attack on one trained defense, or on a model that the user brought.

    ``clean``, ``clean_limit``, ``dev``, ``rows``, ``victim`` and ``warnings`` are copied from the :class:`ModelInfo` of
    the model. If development rows were attacked, ``clean`` counts these.

    Attributes:
        attacked: counts and means of the records.
        split: the split whose rows were attacked, ``test`` or ``dev``.
        trained_against: the attack whose texts the model was trained on, if that is another one than ``attack``.
        similarity: how similar originals and adversarial texts are; None if it was not measured.
        model_environment: where and when the model was trained or examined.
        draws: how often a random model is right about the final texts; None of any other, and of early versions.
    """

    attacked: Outcome
    split: str = "test"
    clean: Clean
    clean_limit: Count | None = None
    dev: Development | None = None
    rows: RowCounts | None = None
    victim: VictimInfo | None = None
    warnings: tuple[str, ...] = ()
    trained_against: PluginInfo | None = None
    similarity: Similarity | None = None
    model_environment: Environment | None = None
    draws: Draws | None = None

    @property
    def accuracy_under_attack(self) -> Fraction | None:
        """Return the accuracy under attack, 0 to 1, over all draws of a random model; None if all are errors."""
        outcome, draws = self.attacked, self.draws
        if draws is None or not draws.n:
            return outcome.accuracy
        measured = outcome.n - outcome.errors
        return Fraction(draws.right, draws.n * measured) if measured > 0 else None

    @property
    def is_crossed(self) -> bool:
        """Return whether the model was trained against another attack, not even against that which this one changes."""
        return self.trained_against is not None and self.trained_against.name != self.attack.base

    @property
    def training_attack(self) -> PluginInfo | None:
        """Return the attack whose texts the model was trained on; None if it needed none."""
        return (self.trained_against or self.attack) if self.adversarial else None


class StatisticsInfo(StageInfo, frozen=True, kw_only=True, omit_defaults=True, tag="statistics"):
    """High-order statistics of one model over the pairs of a cell of the reference defense (paper, section 4.3).

    Attributes:
        attack: the attack that made the pairs.
        defense: how the model was trained; its name is ``before`` for the encoder before fine-tuning.
        model: key of the model.
        adversarial: key of the adversarial training set that the model was trained on; None if it needed none.
        pairs: key of the cell whose records contain the pairs.
        statistics: the numbers.
        clean: accuracy on the test split; for ``before``, on the clean texts of the pairs.
        attacked: counts and means of the same attack's records on the model; None if it was not attacked.
    """

    attack: PluginInfo
    defense: PluginInfo
    model: str = ""
    adversarial: str | None = None
    pairs: str = ""
    statistics: Statistics
    clean: Clean | None = None
    attacked: Outcome | None = None


class TransferInfo(AttackInfo, frozen=True, kw_only=True, omit_defaults=True, tag="transfer"):
    """The adversarial texts that an attack made of test samples with another seed's reference defense, on one model.

    ``attacked`` counts as succeeded what fools the model, as failed what does not, and as skipped what one of the two
    models had wrong before. ``clean``, ``clean_limit``, ``rows``, ``victim`` and ``warnings`` are copied from the
    :class:`ModelInfo` of the model; transfers of early versions have no ``clean_limit``.

    Attributes:
        attacked: counts and means of the records.
        texts: key of the cell that has the texts.
        texts_seed: seed of the model that the texts were made against.
    """

    attacked: Outcome
    texts: str = ""
    texts_seed: Count = 0
    clean: Clean
    clean_limit: Count | None = None
    rows: RowCounts | None = None
    victim: VictimInfo | None = None
    warnings: tuple[str, ...] = ()
    model_environment: Environment | None = None


class CertificatesInfo(StageInfo, frozen=True, kw_only=True, omit_defaults=True, tag="certificates"):
    """For how many changed words the predictions of one model for test samples are certified.

    Attributes:
        defense: how the model was trained.
        model: key of the model.
        adversarial: key of the adversarial training set that the model was trained on; None if it needed none.
        draws: number of random copies of each text that count for its certificate.
        alpha: chance that the certificate of a text is wrong, at most.
        votes: number of copies that vote in the deployed model, whose vote is certified, too; 0 if it is not: the
            defense combines scores in a way of its own, or the stage is of an early version.
        queries: most queries of an attack on one text against which the deployed vote is certified.
        covers: the changes that the certificates cover, in words.
        n: number of texts.
        abstained: number of texts that have no certificate at all.
    """

    defense: PluginInfo
    model: str = ""
    adversarial: str | None = None
    draws: Count
    alpha: float
    votes: Count = 0
    queries: Count = 0
    covers: str
    n: Count
    abstained: Count


AnyInfo = ModelInfo | AdversarialInfo | CellInfo | StatisticsInfo | TransferInfo | CertificatesInfo
Info = TypeVar("Info", bound=StageInfo)


def kind_of(info: type[StageInfo]) -> StageKind:
    """Return the kind of the stages that a structure describes."""
    tag: StageKind = info.__struct_config__.tag  # type: ignore[assignment]  # msgspec types it as str | int | None
    return tag
