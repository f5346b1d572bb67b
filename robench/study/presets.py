"""What is to be run: presets and the settings that are part of every cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from robench.errors import RobenchError
from robench.plugins.suggestions import explain_unknown
from robench.resources import Form
from robench.training.settings import TrainingSettings

Existing = Literal["only-missing", "always", "only-cache"]
"""What to do with stages: make those that are missing, make all again, or make none and use what is there."""

TRAINING = "training"
"""What ``--set`` calls the settings that all defenses are trained with."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of choices; each can be overridden on the command line.

    Attributes:
        summary: for whom it is.
        encoder: name of a bundled encoder, folder or Hub id.
        sources: where a task's data is looked for, in this order.
        train_limit: most training rows, drawn with a fixed seed; None takes all.
        attack_limit: most test samples that are attacked, drawn with a fixed seed; None takes all.
        training: epochs and the like.
        resources: which word vectors and sentence encoder attacks take, where they take any.
    """

    summary: str
    encoder: str
    sources: tuple[str, ...] = ("local", "hub", "index")
    train_limit: int | None = None
    attack_limit: int | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)
    resources: Form = "bundled"


PRESETS = {
    "quick": Preset(
        summary="minutes on two cores: a part of the task, for a first look and for CI",
        encoder="minilm",
        sources=("local", "index", "hub"),
        train_limit=500,
        attack_limit=100,
        # With the paper's settings TaiChi has not learned enough from so few rows by the end.
        training=TrainingSettings(batch_size=8, learning_rate=2e-4),
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
    ),
}


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        RobenchError: there is none.
    """
    if name not in PRESETS:
        raise RobenchError(explain_unknown("preset", name, list(PRESETS), "`robench list presets` describes them"))
    return PRESETS[name]
