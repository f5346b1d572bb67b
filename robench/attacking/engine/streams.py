"""Random numbers that belong to one example, for code that draws from Python's and NumPy's global generators."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


class RandomStream:
    """The stream of (seed, name, example): the same numbers in every process, whatever the other streams do.

    It is lent to the global generators while its example is worked on, and goes on from there the next time.
    """

    def __init__(self, seed: int, name: str, example_id: int) -> None:
        digest = hashlib.sha256(json.dumps([seed, name, int(example_id)]).encode()).digest()
        python, *numpy = struct.unpack("<Q2I", digest[:16])
        self._state = random.Random(python).getstate(), np.random.RandomState(numpy).get_state()

    @contextmanager
    def swap_in(self) -> Iterator[None]:
        """Put this stream into the global generators, and the caller's state back afterwards."""
        with preserve_random_state():
            _set_state(self._state)
            try:
                yield
            finally:
                self._state = _state()


@contextmanager
def preserve_random_state() -> Iterator[None]:
    """Put the global generators back as they were."""
    outer = _state()
    try:
        yield
    finally:
        _set_state(outer)


def _state() -> tuple[Any, Any]:
    return random.getstate(), np.random.get_state()


def _set_state(state: tuple[Any, Any]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
