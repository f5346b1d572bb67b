"""The count of texts that are sent to a function or an endpoint, and the limit of ``--max-queries``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from robench.errors import RunEndError
from robench.progress import Reporter, Work


class Meter:
    """Counts texts; all scorers of one model in one run share it.

    Args:
        shown: the model's location, as users see it.
        limit: most texts to send; None for any number.

    Attributes:
        sent: number of texts sent, those included that were sent again after a network error.
        kept: number of texts whose answers were on the disk.
    """

    def __init__(self, shown: str, limit: int | None = None) -> None:
        self.shown, self._limit = shown, limit
        self.sent = self.kept = 0
        self._works: list[Work] = []

    def take(self, count: int) -> int:
        """Return how many of ``count`` texts may be sent now, and count them as sent.

        Raises:
            RunEndError: none may.
        """
        allowed = count if self._limit is None else min(count, self._limit - self.sent)
        if allowed <= 0:
            raise RunEndError(
                f"--max-queries {self._limit}: {self.sent:,} texts were sent to {self.shown}, and there are more to"
                " send. Every answer and every attacked text is kept in the runs folder; the same command goes on from"
                f" there and sends up to {self._limit:,} more."
            )
        self.sent += allowed
        self._advance(allowed, "sent")
        return allowed

    def add_kept(self, count: int) -> None:
        """Count texts whose answers were on the disk."""
        self.kept += count
        self._advance(count, "answered from disk")

    @contextlib.contextmanager
    def track(self, reporter: Reporter) -> Iterator[None]:
        """Show the count while the block runs."""
        with reporter.track(f"texts for {self.shown}", "text") as work:
            self._works.append(work)
            try:
                yield
            finally:
                self._works.remove(work)

    def _advance(self, count: int, outcome: str) -> None:
        if count:
            for work in self._works:
                work.advance(count, outcome)
