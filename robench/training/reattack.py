"""An attack that a defense wants while it trains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reattack:
    """An attack on clean training rows, in a random order, with the network as it is before an epoch.

    Attributes:
        rows: most rows to attack; None for all.
        successes: number of successes that end it; None attacks them all.
        keeps_rows: whether the adversarial rows before it stay; otherwise the new ones take their place.
        query_budget: most queries for a text; None for as many as the attack allows.
    """

    rows: int | None = None
    successes: int | None = None
    keeps_rows: bool = False
    query_budget: int | None = None

    def count_most(self, clean: int) -> int:
        """Return the most adversarial rows that it can give, of ``clean`` rows."""
        return min(number for number in (self.rows, self.successes, clean) if number is not None)
