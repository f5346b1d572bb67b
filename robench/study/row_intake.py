"""The rows of an attack that one job takes: shard by shard, and no more than its share of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from robench.results.records import Record
from robench.study.shared_rows import SHARD_ROWS, SharedRows


class RowIntake:
    """The rows that a job takes, and what becomes of them.

    A job has its share of the rows without a record, to the nearest shard. Were it to take more, because its searches
    are done earlier, it would still be at work on them when the other slots have nothing left to do.

    Args:
        rows: the rows of the attack.
        first: the rows that it begins with, which are taken already.
        jobs: returns how many jobs can share the rows now.
        is_over: returns whether the job is to take no more rows, because others wait for its slot.
        count: receives each record after it is kept.
    """

    def __init__(
        self,
        rows: SharedRows,
        first: Sequence[int],
        jobs: Callable[[], int],
        is_over: Callable[[], bool],
        count: Callable[[Record], None],
    ) -> None:
        self._rows, self._first, self._jobs, self._is_over, self._count = rows, list(first), jobs, is_over, count
        self._open = set(first)

    def take(self) -> Sequence[int] | None:
        """Return the rows to attack next; see :class:`robench.study.executors.job.AttackJob`."""
        if self._first:
            first, self._first = self._first, []
            return first
        if self._is_over():
            return []
        if self._open and len(self._open) + SHARD_ROWS / 2 > self._share():
            return None
        more = self._rows.take()
        self._open.update(more)
        return more

    def keep(self, record: Record) -> None:
        """Keep the record of a row."""
        self._rows.keep(record)
        self._open.discard(record.id)
        self._count(record)

    def give_back(self) -> None:
        """Release the rows that have no record."""
        self._rows.give_back(list(self._open))

    def _share(self) -> float:
        """Return how many rows the job may have at a time; one that is alone may have them all."""
        jobs = self._jobs()
        return (self._rows.total - self._rows.finished) / jobs if jobs > 1 else math.inf
