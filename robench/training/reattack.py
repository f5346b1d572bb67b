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

    def count_attacked(self, clean: int) -> int:
        """Return the most of ``clean`` rows that it attacks."""
        if self.successes == 0:
            return 0
        return clean if self.rows is None else min(self.rows, clean)

    def count_most(self, clean: int, *, drops: bool) -> int:
        """Return the most adversarial rows that it can give, of ``clean`` rows.

        Args:
            clean: number of clean rows.
            drops: whether rows without a success are left out; otherwise each row that is attacked gives one, and
                ``successes`` is no bound.
        """
        attacked = self.count_attacked(clean)
        return min(attacked, self.successes) if drops and self.successes is not None else attacked
