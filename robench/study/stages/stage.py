"""Stages: the units of work whose results are stored.

Each stage has an identity, which holds exactly what determines its result, and a key, its hash; a stage that needs
another holds the other's key in its identity.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from robench.attacking.attack import Attack
from robench.data.load import Example, TaskData
from robench.models.encoders import EncoderSource
from robench.results.store import StageKind, key_of
from robench.training.defense import Defense, TrainsOn
from robench.training.settings import TrainingSettings

if TYPE_CHECKING:
    from robench.models.devices import Precision

FORMAT = 4
"""Counts changes of robench that change results; part of every key."""


@dataclass(frozen=True)
class Named:
    """A defense or attack with the name it was asked for by.

    Attributes:
        code: what stands for a plug-in's code; empty for a built-in.
        changed: the fields that the user set, as pairs.
    """

    name: str
    code: str = ""
    changed: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class NamedDefense(Named):
    """A defense by its registered name."""

    defense: Defense = field(kw_only=True)

    @property
    def identity(self) -> dict[str, Any]:
        """Its class and hyper-parameters; two names for the same thing are one."""
        kind = type(self.defense)
        return {
            "class": f"{kind.__module__}:{kind.__qualname__}",
            "fields": asdict(self.defense),
            "code": self.code,
        }


@dataclass(frozen=True)
class NamedAttack(Named):
    """An attack by its registered name."""

    attack: Attack = field(kw_only=True)

    @property
    def title(self) -> str:
        """Its name in tables, with the variant that its resources make of it."""
        return f"{self.name} ({self.attack.variant})" if self.attack.variant else self.name

    @property
    def identity(self) -> dict[str, Any]:
        """What it does, resources included."""
        return {**self.attack.identity(), "name": self.name, "code": self.code}


@dataclass(frozen=True)
class Setting:
    """What all cells of one run share.

    Attributes:
        attack_limit: most test samples to attack; None takes all.
        train_limit: most training rows; None takes all.
    """

    preset: str
    encoder: EncoderSource
    training: TrainingSettings
    precision: Precision
    train_limit: int | None
    attack_limit: int | None


def sample(rows: Sequence[Example], limit: int | None, name: str) -> list[tuple[int, Example]]:
    """At most ``limit`` rows with their positions, drawn by a stream of that name alone, in order of position.

    A smaller limit draws a part of what a larger one draws, and the run's seed plays no part: every seed and every
    defense meets the same rows.
    """
    order = list(range(len(rows)))
    random.Random(f"sample/{name}").shuffle(order)
    return [(i, rows[i]) for i in sorted(order[:limit])]


@dataclass(frozen=True)
class Stage:
    """One unit of work whose result is stored in a folder of its own."""

    setting: Setting
    data: TaskData
    seed: int

    @property
    def kind(self) -> StageKind:
        """Which folder of the store it goes to."""
        raise AssertionError("each kind of stage says so")

    @property
    def label(self) -> str:
        """For people: what it is about."""
        raise AssertionError("each kind of stage says so")

    @property
    def title(self) -> str:
        """For people: what is done."""
        raise AssertionError("each kind of stage says so")

    @property
    def identity(self) -> dict[str, Any]:
        """What determines its result."""
        raise AssertionError("each kind of stage says so")

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The stages whose results it uses."""
        return ()

    @cached_property
    def key(self) -> str:
        """Hash of its identity."""
        return key_of(self.identity)

    def training_rows(self) -> list[tuple[int, Example]]:
        """The training rows of this setting, with their positions in the task's training split."""
        return sample(self.data.train, self.setting.train_limit, "train")


@dataclass(frozen=True)
class ModelStage(Stage):
    """Train a defense, or make its network of others.

    Attributes:
        adversarial: the adversarial training set it needs, if it needs one.
        parts: the models that it is made of, if it trains nothing itself.
    """

    defense: NamedDefense
    adversarial: AdversarialStage | None = None
    parts: tuple[ModelStage, ...] = ()

    @property
    def kind(self) -> StageKind:
        """``models``."""
        return "models"

    @property
    def label(self) -> str:
        """Task, defense, the attack whose texts it trains on, seed."""
        against = f"-{self.adversarial.attack.name}" if self.adversarial else ""
        return f"{self.data.task}-{self.defense.name}{against}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Train this on that."""
        against = f" against {self.adversarial.attack.title}" if self.adversarial else ""
        verb = "fuse" if self.parts else "train"
        return f"{verb} {self.defense.name}{against} on {self.data.task}, seed {self.seed}"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The parts, or the adversarial training set."""
        if self.parts:
            return self.parts
        return (self.adversarial,) if self.adversarial else ()

    @property
    def identity(self) -> dict[str, Any]:
        """Data, encoder, defense, training, seed."""
        return {
            "format": FORMAT,
            "stage": "model",
            "data": self.data.digest,
            "encoder": self.setting.encoder.digest,
            "defense": self.defense.identity,
            "training": asdict(self.setting.training),
            "precision": self.setting.precision,
            "rows": len(self.training_rows()),
            "seed": self.seed,
            "adversarial": self.adversarial.key if self.adversarial else None,
            "parts": [part.key for part in self.parts],
        }

    @property
    def steps(self) -> int:
        """Optimiser steps, about: rows that a defense drops are not known before."""
        if self.parts:
            return 0
        rows = len(self.training_rows()) * (2 if self.defense.defense.trains_on is TrainsOn.UNION else 1)
        return -(-rows // self.setting.training.batch_size) * self.setting.training.epochs


@dataclass(frozen=True)
class AttackingStage(Stage):
    """Attack rows of a split with a model: a cell, or an adversarial training set."""

    model: ModelStage
    attack: NamedAttack

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The model under attack."""
        return (self.model,)

    def examples(self) -> list[tuple[int, Example]]:
        """The rows to attack, with their positions in their split."""
        raise AssertionError("each kind of stage says so")

    @property
    def identity(self) -> dict[str, Any]:
        """Model, attack, rows, seed."""
        return {
            "format": FORMAT,
            "stage": self.kind,
            "model": self.model.key,
            "attack": self.attack.identity,
            "rows": len(self.examples()),
            "seed": self.seed,
        }


@dataclass(frozen=True)
class AdversarialStage(AttackingStage):
    """Attack the training rows with Base as the victim, which makes D_adv (paper, section 3.3)."""

    @property
    def kind(self) -> StageKind:
        """``adversarial``."""
        return "adversarial"

    @property
    def label(self) -> str:
        """Task, attack, seed."""
        return f"{self.data.task}-{self.attack.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Make D_adv."""
        return f"attack the training set of {self.data.task} with {self.attack.title}, victim {self.model.defense.name}"

    def examples(self) -> list[tuple[int, Example]]:
        """The training rows."""
        return self.training_rows()


@dataclass(frozen=True)
class CellStage(AttackingStage):
    """Attack test samples with a trained defense as the victim."""

    @property
    def kind(self) -> StageKind:
        """``cells``."""
        return "cells"

    @property
    def label(self) -> str:
        """Task, defense, attack, seed."""
        return f"{self.data.task}-{self.model.defense.name}-{self.attack.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        """Attack this with that."""
        return f"attack {self.model.defense.name} on {self.data.task} with {self.attack.title}, seed {self.seed}"

    def examples(self) -> list[tuple[int, Example]]:
        """The test samples."""
        return sample(self.data.test, self.setting.attack_limit, "test")
