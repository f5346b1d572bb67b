"""Training settings that the user changes for one defense alone: ``--set ada.training.epochs=6``.

All other models of the run, the victim that makes D_adv among them, are trained with the settings of the run. So the
forms of a defense can be compared: they share the adversarial texts, and stand in one block of a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robench.errors import RobenchError
from robench.plugins.settings import configure
from robench.results.info_parts import TRAINING_PREFIX
from robench.training.settings import TrainingSettings

_OF_THE_RUN = ("max_length",)
"""Settings that all models of a run share, because the texts that they read depend on it."""


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split what the user set of a defense into its fields and its training settings, these without their prefix.

    Args:
        values: by field. ``{"training.epochs": 6}`` and ``{"training": {"epochs": 6}}`` mean the same.
    """
    fields, training = {}, {}
    for name, value in values.items():
        if name.startswith(TRAINING_PREFIX):
            training[name.removeprefix(TRAINING_PREFIX)] = value
        elif name == TRAINING_PREFIX.rstrip(".") and isinstance(value, Mapping):
            training |= value
        else:
            fields[name] = value
    return fields, training


def read(name: str, values: Mapping[str, Any], training: TrainingSettings) -> dict[str, Any]:
    """Return a defense's own training settings as changed fields, as far as they differ from those of the run.

    Args:
        name: the registered name of the defense, for errors.
        values: what the user set, by the name of the setting.
        training: the settings of the run.

    Raises:
        RobenchError: there is no such setting, it cannot have that value, or it is the same for all models of a run.
    """
    for setting in _OF_THE_RUN:
        if setting in values:
            raise RobenchError(
                f"{name}.{TRAINING_PREFIX}{setting} cannot be set: all models of a run read texts of the same length."
                f" {TRAINING_PREFIX}{setting} is that of the run."
            )
    _, changed = configure(f"{name}.{TRAINING_PREFIX}".rstrip("."), training, values)
    return {f"{TRAINING_PREFIX}{setting}": value for setting, value in changed}
