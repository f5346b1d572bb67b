"""The form of an entry: everything that tables and figures need of one trained model, without a single text.

``docs/entries.md`` explains it, ``docs/schemas/entry.schema.json`` is the same form as JSON Schema. How it may grow: a
new key has a default, and is not written while it has that value, so that old entries stay readable; keys that this
version does not know are ignored. A key never changes its meaning, its unit or its type: such a change needs another
number of the form, which a reader refuses if it does not know it.

Many rows stand in columns, lists of one length with an item for each row, in the order of ``id``: short, and
``pandas.DataFrame(entry["predictions"])`` reads them.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec

from robench.results.entry_parts import Divergence, EntryPart, FusedPart, Key, Loss, Predictions, Records, TrainingSet
from robench.results.info_origin import Environment, Timing
from robench.results.info_parts import (
    Amount,
    Clean,
    Count,
    DataInfo,
    Development,
    EncoderInfo,
    Outcome,
    PluginInfo,
    RowCounts,
    Similarity,
    Statistics,
    VictimInfo,
)

FORM = 1
"""Number of the form that this version writes, and the only one that it reads."""

Mark = Literal["reported", "rerun"]
"""Who made an entry: the one who submitted it, or another one who ran the same again."""


class AttackMet(EntryPart, frozen=True, kw_only=True, omit_defaults=True):
    """One attack on the model.

    Attributes:
        key: key of the cell, the hash of ``identity``.
        label: readable name of the cell.
        robench: version of robench that made it.
        preset: name of the preset that decided the options which the user did not give.
        seed: seed of the attack.
        attack: the attack, with all its fields.
        identity: exactly what determines the records, with the pins of the attack's resources.
        notes: sentences about the attacked rows that readers of the results need to know.
        foreign_code: whose code the user allowed to run.
        attacked: counts and means of the records; seconds are those of all searches.
        similarity: how similar originals and adversarial texts are; null if it was not measured.
        timing: how long the attack took.
        environment: where and when it was made.
        records: the attacked rows; null if the entry has counts only.
    """

    key: Key
    label: str
    robench: str = ""
    preset: str = ""
    seed: Count
    attack: PluginInfo
    identity: dict[str, Any]
    notes: tuple[str, ...] = ()
    foreign_code: tuple[str, ...] = ()
    attacked: Outcome
    similarity: Similarity | None = None
    timing: Timing | None = None
    environment: Environment | None = None
    records: Records | None = None


class HighOrder(EntryPart, frozen=True, kw_only=True, omit_defaults=True):
    """High-order statistics over the pairs of a cell of the reference defense (table 7 of the TaiChi paper).

    Attributes:
        key: key of the statistics, the hash of ``identity``.
        label: their readable name.
        model: key of the measured model: the entry's own, or the encoder before fine-tuning.
        before: whether they are of the encoder before fine-tuning; it stands in the entry of the model whose cell made
            the pairs.
        pairs: key of the cell with the pairs.
        preset: name of the preset.
        attack: the attack that made the pairs.
        identity: exactly what determines the statistics.
        mse_pos: mean squared difference of representations over the positive pairs.
        mse_neg: the same over the negative pairs.
        kl_pos: mean of KL(p(x) // p(x')), in nats, over the positive pairs.
        kl_neg: the same over the negative pairs.
        ctr: mean contrastive loss.
        n: number of pairs.
        unchanged: number of positive pairs whose two texts are the same.
        errors: number of attacked samples that are no pair, because the attack ended in an error.
        clean: accuracy on the test split; of the encoder before fine-tuning, on the clean texts of the pairs.
        attacked: counts and means of the same attack on the measured model.
    """

    key: Key
    label: str
    model: Key
    before: bool = False
    pairs: Key
    preset: str = ""
    attack: PluginInfo
    identity: dict[str, Any]
    mse_pos: Amount
    mse_neg: Amount
    kl_pos: Divergence
    kl_neg: Divergence
    ctr: Loss
    n: Count
    unchanged: Count | None = None
    errors: Count = 0
    clean: Clean | None = None
    attacked: Outcome | None = None

    @property
    def statistics(self) -> Statistics:
        """Return the numbers as a stage has them."""
        numbers = {name: getattr(self, name) for name in Statistics.__struct_fields__}
        infinite = {name: math.inf for name in ("kl_pos", "kl_neg") if numbers[name] is None}
        return Statistics(**numbers | infinite)


class Entry(EntryPart, frozen=True, kw_only=True, omit_defaults=True):
    """One trained model, or a model that the user brought, and every attack on it.

    Attributes:
        form: number of the form, 1.
        mark: ``reported`` by the one who submitted it, or ``rerun`` by another one.
        rerun_by: who ran it again; empty if it is reported.
        counts_only: whether predictions and records were reduced to counts, as for private data.
        key: key of the model, the hash of ``identity``.
        label: readable name of the model.
        robench: version of robench that made the model.
        task: registered name of the task.
        labels: names of the task's labels.
        data: the task's rows: their sha256, source and notes.
        encoder: the pre-trained encoder and the sha256 of its files.
        preset: name of the preset that decided the options which the user did not give.
        precision: ``fp32``, matrix products in ``bf16``, or ``native``: a user's model in the type of its weights.
        hardware: what trained weights depend on besides: the kind of device, and the number of threads on a CPU; empty
            for a user's model and for results of formats that did not have it.
        training: the training settings.
        train_rows: number of clean training rows.
        seed: seed of training.
        defense: how the model was trained, with all fields; for a user's model, what distinguishes it from others.
        trained_against: the adversarial training set that it was trained on; null if it needed none.
        parts: the models that it was fused from; empty if it was trained.
        victim: the user's model; null for a trained defense.
        identity: exactly what determines the model.
        foreign_code: whose code the user allowed to run.
        parameters: number of weights of the deployed network; null if robench has no copy of it.
        rows: the rows that it was trained on, with the number of rows of D_adv that are the clean text itself.
        timing: how long training took, and its optimiser steps.
        environment: where and when it was trained.
        dev: accuracy on the development split.
        clean: accuracy on the test split, as counts.
        warnings: findings about the model that would make its numbers misleading.
        predictions: what it predicts for the test split; null if the entry has counts only.
        attacks: the attacks on it.
        statistics: its high-order statistics.
    """

    form: int
    mark: Mark
    rerun_by: str = ""
    counts_only: bool = False
    key: Key
    label: str
    robench: str = ""
    task: str
    labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=1000)]
    data: DataInfo
    encoder: EncoderInfo
    preset: str = ""
    precision: str = ""
    hardware: dict[str, Any] = msgspec.field(default_factory=dict)
    training: dict[str, Any] = msgspec.field(default_factory=dict)
    train_rows: Count = 0
    seed: Count
    defense: PluginInfo
    trained_against: TrainingSet | None = None
    parts: Annotated[tuple[FusedPart, ...], msgspec.Meta(max_length=100)] = ()
    victim: VictimInfo | None = None
    identity: dict[str, Any]
    foreign_code: tuple[str, ...] = ()
    parameters: Count | None = None
    rows: RowCounts | None = None
    timing: Timing | None = None
    environment: Environment | None = None
    dev: Development | None = None
    clean: Clean
    warnings: tuple[str, ...] = ()
    predictions: Predictions | None = None
    attacks: Annotated[tuple[AttackMet, ...], msgspec.Meta(max_length=1000)] = ()
    statistics: Annotated[tuple[HighOrder, ...], msgspec.Meta(max_length=1000)] = ()

    @property
    def file_name(self) -> str:
        """Return the name of its file, made of a readable label, the key, and who ran it again."""
        return f"{self.label}-{self.key}{f'.rerun-{self.rerun_by}' if self.rerun_by else ''}.json"
