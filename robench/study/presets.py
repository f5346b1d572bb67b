"""Presets: named sets of choices of encoder, data, limits, training and resources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from robench.errors import RobenchError
from robench.plugins.suggestions import explain_unknown
from robench.resources import Form
from robench.training.defense import AdversarialDefense, Defense, Unsuccessful
from robench.training.settings import TrainingSettings

Existing = Literal["only-missing", "always", "only-cache"]
"""What to do with existing results: make only missing ones, make all again, or use existing ones and make none."""


@dataclass(frozen=True)
class FirstLook:
    """Limits with which a model of any size shows a first table soon on a few cores, on rows that the user brings.

    Attacks without word vectors alone are run then: they fetch least and query least. Larger samples take its records
    over.

    Attributes:
        clean_limit: largest number of rows that clean accuracy is measured on.
        attack_limit: largest number of attacked rows.
    """

    clean_limit: int
    attack_limit: int


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of choices; each can be overridden on the command line.

    Attributes:
        summary: one line about its purpose.
        encoder: name of a bundled encoder, a folder or a Hub id.
        sources: sources of a task's data, tried in this order.
        train_limit: largest number of training rows, drawn with a fixed seed; None takes all.
        attack_limit: largest number of attacked test samples, drawn with a fixed seed; None takes all.
        training: training settings, such as the number of epochs.
        resources: form of the word vectors and the sentence encoder, for attacks that use them.
        unsuccessful: row of D_adv for a text that the attack did not turn, for defenses that train on D_adv.
        first_look: limits of ``robench attack --test``; None has none but those above.
    """

    summary: str
    encoder: str
    sources: tuple[str, ...] = ("local", "hub", "index")
    train_limit: int | None = None
    attack_limit: int | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)
    resources: Form = "bundled"
    unsuccessful: Unsuccessful = AdversarialDefense.unsuccessful
    first_look: FirstLook | None = None

    def adapt(self, defense: Defense) -> Defense:
        """Return a defense with the preset's choice of ``unsuccessful``; one registered with its own choice keeps it.

        The choice of a preset is no changed field: the user did not make it.
        """
        usual = AdversarialDefense.unsuccessful
        if not isinstance(defense, AdversarialDefense) or defense.unsuccessful != usual:
            return defense
        return replace(defense, unsuccessful=self.unsuccessful)

    def adapt_training(self, max_length: int | None) -> TrainingSettings:
        """Return the training settings with the number of tokens that a task asks for; None asks for none."""
        return self.training if max_length is None else replace(self.training, max_length=max_length)


PRESETS = {
    "quick": Preset(
        summary="minutes on two cores: a part of the task, for a first look and for CI",
        encoder="minilm",
        sources=("local", "index", "hub"),
        train_limit=500,
        attack_limit=100,
        # With the paper's settings TaiChi has not learned enough from so few rows by the end.
        training=TrainingSettings(batch_size=8, learning_rate=2e-4),
        first_look=FirstLook(clean_limit=200, attack_limit=20),
    ),
    "laptop": Preset(
        summary="a real study on a CPU: the bundled encoder, at most 10,000 training rows, 500 attacked samples",
        encoder="minilm",
        train_limit=10_000,
        attack_limit=500,
    ),
    "paper": Preset(
        summary="the paper's tables, on a GPU: bert-base-uncased, 1,000 attacked samples, published resources",
        encoder="bert-base-uncased",
        train_limit=10_000,
        attack_limit=1000,
        resources="published",
        # The authors' code reads D_adv from TextAttack's log, which has the perturbed text of a failure.
        unsuccessful="perturbed",
    ),
}


def find_preset(name: str) -> Preset:
    """Return a preset by name.

    Raises:
        RobenchError: there is no preset of that name.
    """
    if name not in PRESETS:
        raise RobenchError(explain_unknown("preset", name, list(PRESETS), "`robench list presets` describes them"))
    return PRESETS[name]
