"""A cache of logits that counts bytes."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable

from robench.attacking.engine.requests import Row


class LogitsCache:
    """The logits of one model by text and by input; the least recently used are dropped first.

    Args:
        size: most bytes to keep, as far as they can be told.
    """

    def __init__(self, size: int = 16_000_000) -> None:
        self._limit, self._size = size, 0
        self._rows: OrderedDict[Hashable, Row] = OrderedDict()

    def get(self, key: Hashable) -> Row | None:
        """Return the logits (classes,) of a text or an input, or None if they are not cached."""
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        return row

    def put(self, key: Hashable, row: Row) -> None:
        """Store the logits (classes,) of a text or an input."""
        if key not in self._rows:
            self._size += _measure(key, row)
        self._rows[key] = row
        while self._size > self._limit:
            self._size -= _measure(*self._rows.popitem(last=False))


def _measure(key: Hashable, row: Row) -> int:
    """Return about how many bytes a cached row takes; most of them are for its objects."""
    return 250 + sys.getsizeof(key) + row.nbytes
