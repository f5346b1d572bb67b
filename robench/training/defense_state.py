"""What a defense keeps between two steps besides its networks, for checkpoints.

How it works: an attribute that a defense changes without declaring it is found by hashes, taken before the first step
and whenever a checkpoint is due. Hashed is what pickle would write of the value, so that a weight deep in a module or
an optimiser counts, and what a function has in its closure; the networks in training, which every checkpoint has, count
as names. A value that hides what it holds, such as a generator, counts as changed. Nothing is ever unpickled.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import json
import pickle
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

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

    A cached property that is first computed later is a mere cache, and does not count. Nor does what a module or class
    holds, nor what an object leaves out of its own pickle.

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
        """Return the name of an attribute that has changed, or may have; empty if none has.

        It is empty if the defense returns its state, too.
        """
        now = {} if self._declares else self._describe()
        return next((name for name, digest in now.items() if self._has_changed(name, digest)), "")

    def _has_changed(self, name: str, digest: str) -> bool:
        if name not in self._before and isinstance(getattr(type(self._defense), name, None), functools.cached_property):
            return False
        return not digest or digest != self._before.get(name)

    def _describe(self) -> dict[str, str]:
        kind, name = type(self._defense), find_name(self._defense)
        with run_foreign_code(f"the attributes of the defense {name} cannot be read", kind):
            return {name: _digest(value, self._names) for name, value in vars(self._defense).items()}


class _Digester(pickle.Pickler):
    """Writes a value as pickle does; raises an error if something in it cannot be taken apart.

    Args:
        file: takes what is written.
        names: names of the parts of networks, by id.
    """

    def __init__(self, file: Any, names: Mapping[int, str]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._names = names

    def persistent_id(self, thing: Any) -> str | None:
        """Return a name for a part of a network, a class and a module, and a hash for a tensor; None for all else."""
        if id(thing) in self._names:
            return self._names[id(thing)]
        if isinstance(thing, type | types.ModuleType):
            return repr(thing)
        return _digest_tensor(thing) if isinstance(thing, Tensor) else None

    def reducer_override(self, thing: Any) -> Any:
        """Return how a thing is taken apart: mostly as pickle does.

        Raises:
            TypeError: only using it up would tell what it holds.
        """
        if isinstance(thing, Iterator):
            raise TypeError("an iterator is at a place that it does not tell")
        if isinstance(thing, types.FunctionType):  # which pickle writes as a name
            cells = [cell.cell_contents for cell in thing.__closure__ or ()]
            return str, (repr(thing),), (cells, thing.__defaults__, thing.__kwdefaults__, vars(thing))
        if isinstance(thing, PreTrainedTokenizerBase):  # whose pickle has the padding of its last call
            return str, (repr(type(thing)),), sorted(thing.get_vocab().items())
        if type(thing) in copyreg.dispatch_table:
            return NotImplemented
        reduced = thing.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        return (str, (reduced,)) if isinstance(reduced, str) else reduced


def _digest(value: Any, names: Mapping[int, str]) -> str:
    """Return a hash of a value; empty if it holds something that cannot be taken apart."""
    found = hashlib.sha256()
    try:
        _Digester(types.SimpleNamespace(write=found.update), names).dump(value)
    except Exception:  # code of others, such as that of a lock, refuses it in any way; a structure may be too deep
        return ""
    return found.hexdigest()


def _digest_tensor(tensor: Tensor) -> str | None:
    """Return a hash of a tensor's shape, type and content; None if it has no plain one, as a sparse one."""
    try:
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    except (RuntimeError, TypeError, NotImplementedError):
        return None
    return f"{tuple(tensor.shape)} {tensor.dtype} {hashlib.sha256(content).hexdigest()}"


def _survives_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError, RecursionError):
        return False
