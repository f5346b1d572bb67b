"""What a defense keeps between two steps besides its networks, for checkpoints.

How it works: an attribute that a defense changes without declaring it is found by hashes, taken before the first step
and whenever a checkpoint is due. Hashed is what pickle would write of the value, so that a weight deep in a module or
an optimiser counts; the networks in training, which every checkpoint has, count as names. Nothing is ever unpickled.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import json
import pickle
import types
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from robench.errors import run_foreign_code
from robench.escaping import show_value
from robench.models.classifier import Classifier
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

    A cached property that is first computed later is a mere cache, and does not count.

    Args:
        defense: the defense, before the first step.
        networks: its networks.
    """

    def __init__(self, defense: Defense, networks: Sequence[Classifier]) -> None:
        self._defense = defense
        self._names = {
            id(part): f"{i}.{name}"
            for i, network in enumerate(networks)
            for named in (network.named_modules(), network.named_parameters(), network.named_buffers())
            for name, part in named
        }
        self._declares = type(defense).training_state is not Defense.training_state
        self._before = {} if self._declares else self._describe()

    def find_undeclared(self) -> str:
        """Return the name of an attribute that has changed; empty if none has, or the defense returns its state."""
        now = {} if self._declares else self._describe()
        return next((name for name, digest in now.items() if self._has_changed(name, digest)), "")

    def _has_changed(self, name: str, digest: str) -> bool:
        is_cache = isinstance(getattr(type(self._defense), name, None), functools.cached_property)
        return digest != self._before.get(name, digest if is_cache else None)

    def _describe(self) -> dict[str, str]:
        kind, name = type(self._defense), find_name(self._defense)
        with run_foreign_code(f"the attributes of the defense {name} cannot be read", kind):
            return {name: _digest(value, self._names) for name, value in vars(self._defense).items()}


class _Digester(pickle.Pickler):
    """Writes a value as pickle does, whatever is in it: what cannot be pickled is its ``repr``.

    Args:
        file: takes what is written.
        names: names of the parts of networks, by id.
    """

    def __init__(self, file: Any, names: Mapping[int, str]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._names = names

    def persistent_id(self, thing: Any) -> str | None:
        """Return a name for a part of a network and for code, and a hash for a tensor; None for all else."""
        if id(thing) in self._names:
            return self._names[id(thing)]
        if isinstance(thing, type | types.FunctionType | types.BuiltinFunctionType | types.ModuleType):
            return repr(thing)
        return _digest_tensor(thing) if isinstance(thing, Tensor) else None

    def reducer_override(self, thing: Any) -> Any:
        """Return how pickle takes a thing apart."""
        if type(thing) in copyreg.dispatch_table:
            return NotImplemented
        try:
            reduced = thing.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        except Exception:  # code of others, such as that of a lock or a generator, refuses it in any way
            reduced = repr(thing)
        return (str, (reduced,)) if isinstance(reduced, str) else reduced


def _digest(value: Any, names: Mapping[int, str]) -> str:
    found = hashlib.sha256()
    try:
        with warnings.catch_warnings(action="ignore"):  # iterators of itertools are about to lose their state
            _Digester(types.SimpleNamespace(write=found.update), names).dump(value)
    except Exception:  # such as a structure too deep to walk
        return repr(value)
    return found.hexdigest()


def _digest_tensor(tensor: Tensor) -> str:
    """Return a hash of a tensor's shape, type and content; its ``repr`` if it has no plain one, as a sparse one."""
    try:
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    except (RuntimeError, TypeError, NotImplementedError):
        return repr(tensor)
    return f"{tuple(tensor.shape)} {tensor.dtype} {hashlib.sha256(content).hexdigest()}"


def _survives_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError, RecursionError):
        return False
