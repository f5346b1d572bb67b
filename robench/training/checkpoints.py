"""Checkpoints: snapshots of a training that are written now and then, so that a killed one goes on where it was.

How it works: a snapshot replaces the one before. It is written at most once a minute, and seldom enough for writing to
take a fiftieth of the time. One more is written when a signal ends the training: inside the block of its checkpoints,
ctrl-C and SIGTERM wait for the end of a step, or of a batch that is only evaluated. While the finished model is stored,
they wait for that, and nothing else is written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from robench.errors import ControlFlow, RobenchError
from robench.training.held_signals import HeldSignals
from robench.training.snapshot import Snapshot, read_snapshot, write_snapshot

T = TypeVar("T")

SHORTEST_INTERVAL = 60.0
"""Seconds of training between two checkpoints, at least."""
INTERVAL_PER_WRITE = 50.0
"""Least interval in durations of the last write."""


class _InterruptedError(ControlFlow):
    """Leaves an evaluation, because a signal has come."""


class Checkpoints:
    """The checkpoints of one training. In its block, a signal waits for a last one, or for the finished model.

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
        self._take: Callable[[], Snapshot | None] = lambda: None
        self._signals = HeldSignals()

    def __enter__(self) -> Self:
        """Begin to hold signals back."""
        self._signals.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Deliver a signal that has come meanwhile; a finished model has taken the place of the checkpoints."""
        self._signals.__exit__(kind, *rest)

    def begin(self, take: Callable[[], Snapshot | None]) -> None:
        """Say how the state of the training is taken from now on.

        Args:
            take: returns it; None if it cannot be stored.
        """
        self._take = take

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

    def write(self) -> None:
        """Write a checkpoint. If it cannot be written, training goes on, and the one before stays."""
        started = time.monotonic()
        snapshot = self._take()
        try:
            if snapshot is not None:
                write_snapshot(self._file, snapshot, self._owner)
        except RobenchError as error:
            self.warn(f"note: no checkpoint of the training was written: {error}")
        self._last = time.monotonic()
        self._duration = self._last - started

    def stop_if_interrupted(self) -> None:
        """If a signal has come, write a checkpoint and deliver the signal; the state of the training has to be whole.

        Raises:
            KeyboardInterrupt: as the signal's handler decides.
        """
        if self._signals.is_pending:
            self.write()
            self._signals.deliver()

    def evaluate(self, work: Callable[[Callable[[int], None]], T]) -> T:
        """Do work that does not change the training, and stop in the middle of it if a signal has come.

        Args:
            work: does it, and calls what it is given after each batch.
        """

        def check(count: int) -> None:
            if self._signals.is_pending:
                raise _InterruptedError

        while True:
            try:
                return work(check)
            except _InterruptedError:
                self.stop_if_interrupted()  # which returns if the handler of another program goes on

    @contextlib.contextmanager
    def release_signals(self) -> Iterator[None]:
        """Let signals take effect at once inside the block, which stores its own work."""
        self._signals.deliver()
        with self._signals.release():
            yield
