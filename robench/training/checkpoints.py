"""Checkpoints: snapshots of a training that are written now and then, so that a killed one goes on where it was.

How it works: a snapshot replaces the one before. It is written at most once a minute, and seldom enough for writing to
take a fiftieth of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.training.snapshot import Snapshot, read_snapshot, write_snapshot

SHORTEST_INTERVAL = 60.0
"""Seconds of training between two checkpoints, at least."""
INTERVAL_PER_WRITE = 50.0
"""Least interval in durations of the last write."""


class Checkpoints:
    """The checkpoints of one training.

    Args:
        file: where they are written.
        owner: what the training is, as JSON values; a checkpoint of another one is not used.
        set_aside: receives a checkpoint that cannot be used, and why, as a clause.
        warn: receives sentences about checkpoints that cannot be written.
    """

    def __init__(
        self,
        file: Path,
        owner: Mapping[str, Any],
        *,
        set_aside: Callable[[Path, str], None],
        warn: Callable[[str], None],
    ) -> None:
        self.warn = warn
        self._file, self._owner, self._set_aside = file, owner, set_aside
        self._last, self._duration = time.monotonic(), 0.0

    @property
    def is_due(self) -> bool:
        """Return whether the next checkpoint should be written now."""
        interval = max(SHORTEST_INTERVAL, INTERVAL_PER_WRITE * self._duration)
        return time.monotonic() - self._last >= interval

    def find(self, check: Callable[[Snapshot], None]) -> Snapshot | None:
        """Return the last checkpoint; None if there is none, or none that can be used, which is then set aside.

        Args:
            check: raises a ValueError if a snapshot does not fit the training.

        Raises:
            RobenchError: it cannot be set aside.
        """
        if not self._file.exists():
            return None
        try:
            snapshot = read_snapshot(self._file, self._owner)
            check(snapshot)
        except ValueError as error:
            self._set_aside(self._file, str(error))
            return None
        return snapshot

    def discard(self, reason: str) -> None:
        """Set the last checkpoint aside, because it turned out that it cannot be used.

        Args:
            reason: why, as a clause.
        """
        self._set_aside(self._file, reason)

    def write(self, take: Callable[[], Snapshot | None]) -> None:
        """Write a checkpoint. If it cannot be written, training goes on, and the one before stays.

        Args:
            take: returns the state of the training; None if it cannot be stored.
        """
        started = time.monotonic()
        snapshot = take()
        try:
            if snapshot is not None:
                write_snapshot(self._file, snapshot, self._owner)
        except RobenchError as error:
            self.warn(f"note: no checkpoint of the training was written: {error}")
        self._last = time.monotonic()
        self._duration = self._last - started
