"""An attack that a defense wants while it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robench.training.defense import Unsuccessful


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

    def count_most(self, clean: int, unsuccessful: Unsuccessful) -> int:
        """Return the most adversarial rows that it can give, of ``clean`` rows.

        Unless those without a success are dropped, each row that is attacked gives one: ``successes`` is no bound then.
        """
        attacked = self.count_attacked(clean)
        return attacked if self.successes is None or unsuccessful != "drop" else min(attacked, self.successes)
