"""Random numbers of one example, for code that draws from Python's and NumPy's global generators.

How it works: TextAttack draws from the global generators. Searches take turns in one process, so their draws would
depend on the order of the turns. Each example therefore has a stream of its own, whose seed depends only on the run's
seed, the attack's name and the example's id. While a search runs, the state of its stream is in the global generators;
when the search is parked, that state is saved and the caller's state is restored.
"""

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
    """The random numbers of one example: the same in every process, independent of all other streams.

    Args:
        seed: the run's seed.
        name: the attack's name.
        example_id: the example's id.
    """

    def __init__(self, seed: int, name: str, example_id: int) -> None:
        digest = hashlib.sha256(json.dumps([seed, name, int(example_id)]).encode()).digest()
        python, *numpy = struct.unpack("<Q2I", digest[:16])
        self._state = random.Random(python).getstate(), np.random.RandomState(numpy).get_state()

    @contextmanager
    def swap_in(self) -> Iterator[None]:
        """Put this stream into the global generators inside the block, and restore the caller's state afterwards."""
        with preserve_random_state():
            _set_state(self._state)
            try:
                yield
            finally:
                self._state = _get_state()


@contextmanager
def preserve_random_state() -> Iterator[None]:
    """Restore the state of the global generators after the block."""
    outer = _get_state()
    try:
        yield
    finally:
        _set_state(outer)


def _get_state() -> tuple[Any, Any]:
    return random.getstate(), np.random.get_state()


def _set_state(state: tuple[Any, Any]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
