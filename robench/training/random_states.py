"""The states of the random generators that code in a training may draw from: torch's, NumPy's and Python's."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

_CPU, _GPU = "cpu", "cuda"


def read_torch_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's generators, that of a GPU only if ``device`` is one."""
    states = {_CPU: torch.get_rng_state()}
    return states | {_GPU: torch.cuda.get_rng_state(device)} if device.type == _GPU else states


def write_torch_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Let torch's generators go on from states that :func:`read_torch_states` returned."""
    torch.set_rng_state(states[_CPU])
    if _GPU in states:
        torch.cuda.set_rng_state(states[_GPU], device)


def read_python_states() -> dict[str, Any]:
    """Return the states of the global generators of Python and NumPy, as values that JSON has."""
    return {"python": random.getstate(), "numpy": _to_plain(np.random.get_state(legacy=False))}


def check_python_states(states: Mapping[str, Any]) -> None:
    """Check states that :func:`read_python_states` may have returned.

    Raises:
        ValueError: the generators do not accept them.
    """
    try:
        random.Random().setstate(_to_tuple(states["python"]))
        np.random.RandomState().set_state(states["numpy"])
    except (TypeError, ValueError, KeyError, OverflowError, IndexError) as error:
        raise ValueError("its random states are none") from error


def write_python_states(states: Mapping[str, Any]) -> None:
    """Let the global generators of Python and NumPy go on from states that :func:`read_python_states` returned."""
    random.setstate(_to_tuple(states["python"]))
    np.random.set_state(states["numpy"])


@contextlib.contextmanager
def use_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Let all generators start from a seed inside the block, and restore their states after it."""
    with preserve_states(device):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # it takes no more bits
        yield


@contextlib.contextmanager
def preserve_states(device: torch.device) -> Iterator[None]:
    """Restore the states of torch's, NumPy's and Python's generators after the block."""
    states, own = read_torch_states(device), read_python_states()
    try:
        yield
    finally:
        write_torch_states(states, device)
        write_python_states(own)


def _to_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _to_plain(one) for name, one in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _to_tuple(state: Any) -> tuple[Any, ...]:
    """Return Python's state with the tuples of which JSON makes lists."""
    version, numbers, rest = state
    return version, tuple(numbers), rest
