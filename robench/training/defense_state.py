"""What a defense keeps between two steps besides its networks, for checkpoints."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from robench.errors import run_foreign_code
from robench.escaping import show_value
from robench.plugins.lookup import find_name
from robench.training.defense import Defense


class DefenseState(NamedTuple):
    """What a defense keeps.

    Attributes:
        values: plain values by name.
        tensors: tensors by name.
    """

    values: dict[str, Any]
    tensors: dict[str, Tensor]


def read_state(defense: Defense) -> DefenseState | None:
    """Return what a defense says that it keeps; None if it says that this cannot be stored.

    Raises:
        RobenchError: its code fails, or gives something else than plain values and tensors.
    """
    name = find_name(defense)
    with run_foreign_code(f"the defense {name} failed to return its state", type(defense)):
        state = defense.training_state()
        if state is None:
            return None
        if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
            raise TypeError(f"its training_state returned {show_value(state)}, not a dictionary with names as keys")
        tensors = {key: value.detach() for key, value in state.items() if isinstance(value, Tensor)}
        values = {key: value for key, value in state.items() if key not in tensors}
        if odd := [key for key, value in values.items() if not _survives_json(value)]:
            raise TypeError(
                f"its training_state has {show_value(values[odd[0]])} at {odd[0]}, neither a tensor nor"
                " a value that JSON gives back as it was"
            )
    return DefenseState(values, tensors)


def load_state(defense: Defense, state: DefenseState, device: torch.device) -> None:
    """Hand a defense what it kept, with its tensors on the device.

    Raises:
        RobenchError: its code fails.
    """
    name = find_name(defense)
    with run_foreign_code(f"the defense {name} failed to continue from its state", type(defense)):
        defense.load_training_state(state.values | {key: value.to(device) for key, value in state.tensors.items()})


class AttributeWatch:
    """Finds out whether a defense keeps something in its attributes without saying so.

    Training would continue without it, and end in other weights than an undisturbed one.

    Args:
        defense: the defense, before the first step.
    """

    def __init__(self, defense: Defense) -> None:
        self._defense = defense
        self._before = self._describe()

    def find_undeclared(self) -> str:
        """Return the name of an attribute that has changed; empty if none has, or the defense returns its state."""
        if type(self._defense).training_state is not Defense.training_state:
            return ""
        now = self._describe()
        return next((name for name, text in now.items() if self._before.get(name) != text), "")

    def _describe(self) -> dict[str, str]:
        kind, name = type(self._defense), find_name(self._defense)
        with run_foreign_code(f"the attributes of the defense {name} cannot be shown", kind):
            return {
                name: repr(value)
                for name, value in vars(self._defense).items()
                if not isinstance(getattr(kind, name, None), functools.cached_property)
            }


def _survives_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError, RecursionError):
        return False
