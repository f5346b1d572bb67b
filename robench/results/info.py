"""What ``stage.json`` says: one typed structure per kind of stage, documented field by field.

A file is read by :func:`decode` and written by :func:`encode`; nobody else knows its keys. How it may grow: a new field
has a default and is left out of the file while it has it, so that old files stay readable; fields that this version
does not know are ignored, so that an older robench reads newer files. A field never changes its meaning, its unit or
its type: such a change is a new field. ``docs/schemas/stage.schema.json`` is the same as JSON Schema.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from robench.errors import RobenchError
from robench.results.info_parts import (
    Clean,
    DataInfo,
    Development,
    EncoderInfo,
    Environment,
    FileInfo,
    Outcome,
    PluginInfo,
    Rows,
    Similarity,
    Statistics,
    Timing,
    VictimInfo,
)

StageKind = Literal["models", "adversarial", "cells", "statistics"]
"""A folder of the runs folder, and the kind of the stages in it."""

BEFORE = "before"
"""The name that statistics have for the encoder before fine-tuning, in the place of a defense's."""

ELSEWHERE = {"trained": "elsewhere"}
"""Stands for the training settings of a model that the user brought."""


class StageInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What every stage says of itself.

    Attributes:
        key: hash of ``identity``; the folder's name ends with it.
        label: name of the folder before the key, for people.
        robench: the version that made it.
        task: the registered name.
        labels: names of the task's labels.
        data: the task's rows.
        encoder: the pre-trained encoder.
        preset: the preset that filled what was not named.
        precision: of matrix products: ``fp32`` or ``bf16``.
        training: the training settings, or :data:`ELSEWHERE`.
        train_rows: clean training rows.
        seed: of training and attack.
        identity: exactly what determines the result.
        timing: how long it took.
        files: files beside ``stage.json``, by name.
        parents: keys of the stages that it was made from, and the sha256 of their ``stage.json``.
        environment: where and when it was made.
    """

    key: str
    label: str = ""
    robench: str = ""
    task: str
    labels: tuple[str, ...] = ()
    data: DataInfo
    encoder: EncoderInfo
    preset: str = ""
    precision: str = ""
    training: dict[str, Any] = {}
    train_rows: int = 0
    seed: int
    identity: dict[str, Any] = {}
    timing: Timing | None = None
    files: dict[str, FileInfo] = {}
    parents: dict[str, str] = {}
    environment: Environment | None = None

    @property
    def kind(self) -> StageKind:
        """Return the kind of the stage, which is the folder that it is in."""
        return kind_of(type(self))

    @property
    def format(self) -> int | None:
        """Return the format of results that is part of its identity; None if it says none."""
        found = self.identity.get("format")
        return found if isinstance(found, int) else None


class ModelInfo(StageInfo, frozen=True, kw_only=True, omit_defaults=True, tag="models"):
    """A trained defense, or a model that the user brought.

    Attributes:
        defense: how it was trained; for a model of the user's, its name and what tells it from others.
        adversarial: key of the adversarial training set that it was trained on.
        victim: the user's model, if it is one.
        rows: what it was trained on.
        dev: accuracy on the development split.
        clean: accuracy on the test split.
        warnings: what would make the numbers of a user's model mislead.
    """

    defense: PluginInfo
    adversarial: str | None = None
    victim: VictimInfo | None = None
    rows: Rows | None = None
    dev: Development | None = None
    clean: Clean
    warnings: tuple[str, ...] = ()


class AttackInfo(StageInfo, frozen=True, kw_only=True, omit_defaults=True):
    """Records of an attack on one model: a cell or an adversarial training set.

    Attributes:
        attack: the attack.
        defense: how the model under attack was trained.
        model: key of the model under attack.
        attacked: what the records come to.
        records_bytes: size of ``records.jsonl`` that ``attacked`` was made from.
    """

    attack: PluginInfo
    defense: PluginInfo = PluginInfo()
    model: str = ""
    adversarial: str | None = None
    attacked: Outcome | None = None
    records_bytes: int | None = None


class AdversarialInfo(AttackInfo, frozen=True, kw_only=True, omit_defaults=True, tag="adversarial"):
    """An adversarial training set D_adv: the training rows, attacked with the reference defense as the victim."""


class CellInfo(AttackInfo, frozen=True, kw_only=True, omit_defaults=True, tag="cells"):
    """One attack on one trained defense, or on a model that the user brought.

    ``clean``, ``dev``, ``rows``, ``victim``, ``warnings`` are those of the model's own :class:`ModelInfo`.

    Attributes:
        adversarial: key of the adversarial training set that the model was trained on.
        similarity: how alike originals and adversarial texts are; None if it was not measured.
    """

    clean: Clean
    dev: Development | None = None
    rows: Rows | None = None
    victim: VictimInfo | None = None
    warnings: tuple[str, ...] = ()
    similarity: Similarity | None = None


class StatisticsInfo(StageInfo, frozen=True, kw_only=True, omit_defaults=True, tag="statistics"):
    """High-order statistics of one model over the pairs of a cell of the reference defense (paper, section 4.3).

    Attributes:
        attack: the attack that made the pairs.
        defense: how the model was trained; its name is ``before`` for the encoder before fine-tuning.
        model: key of the model.
        adversarial: key of the adversarial training set that the model was trained on.
        pairs: key of the cell whose texts the pairs are.
        statistics: the numbers.
        clean: accuracy on the test split; for ``before``, on the clean texts of the pairs.
        attacked: what the same attack does to the model; None if it was not attacked.
    """

    attack: PluginInfo
    defense: PluginInfo
    model: str = ""
    adversarial: str | None = None
    pairs: str = ""
    statistics: Statistics
    clean: Clean | None = None
    attacked: Outcome | None = None


AnyInfo = ModelInfo | AdversarialInfo | CellInfo | StatisticsInfo
Info = TypeVar("Info", bound=StageInfo)


def kind_of(info: type[StageInfo]) -> StageKind:
    """Return the kind of the stages that a structure describes."""
    tag: StageKind = info.__struct_config__.tag  # type: ignore[assignment]  # msgspec types it as str | int | None
    return tag


def decode(content: bytes, path: Path) -> StageInfo:
    """Read the content of a ``stage.json``.

    Args:
        content: of the file.
        path: of the file, for errors.

    Raises:
        RobenchError: it is not JSON, lacks a field, or has a value of another type; the message names the field.
    """
    try:
        # Not msgspec's own reader: a divergence can be Infinity, which is no standard JSON.
        found: StageInfo = msgspec.convert(json.loads(content), AnyInfo)
    except msgspec.ValidationError as error:
        raise RobenchError(f"{path} {_describe_fault(str(error))}; delete its folder and run again.") from error
    except ValueError as error:
        raise RobenchError(f"{path} cannot be read ({error}); delete its folder and run again.") from error
    return found


def encode(info: StageInfo) -> str:
    """Write a structure as the text of a ``stage.json``: JSON with an indent of 1, and a newline at the end."""
    return json.dumps(to_builtins(info), indent=1, ensure_ascii=False) + "\n"


def to_builtins(info: StageInfo) -> dict[str, Any]:
    """Return a structure as plain JSON values."""
    values: dict[str, Any] = msgspec.to_builtins(info)
    return values


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``stage.json``."""
    return msgspec.json.schema(AnyInfo)


def _describe_fault(message: str) -> str:
    """Say what msgspec found wrong as the end of a sentence that begins with the path."""
    message, _, place = message.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    if place == "kind" or (not place and ("`kind`" in message or "Expected `object`" in message)):
        return "does not describe a stage of a run"
    if lacking := re.search(r"missing required field `(\w+)`", message):
        return f"has no {'.'.join(part for part in (place, lacking[1]) if part)}"
    return f"has a wrong value at {place or 'its top'}: {message[:1].lower()}{message[1:]}"
