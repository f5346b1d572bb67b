"""Any attack that ranks the words of a text, with the words in random order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from robench.attacking import DerivedAttack, Victim, build_attack, option

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class RandomOrder(DerivedAttack):
    """The words in random order instead of by importance, for any attack that ranks them: random-order:pwws.

    A check of a defense rather than an attack of its own: same candidates, constraints and query budget, but the words
    are tried in two random orders, one after the other. If it fools a model where the attack itself fails, the model
    hides its weak words from the ranking instead of being robust (flag ``search-masked``). What is set of the attack,
    such as ``pwws.query_budget``, holds here as well. To compare defenses, run it on all of them.
    """

    argument: ClassVar[str] = "attack"

    restarts: int = option(2, "random orders tried for a text, one after the other", minimum=1)

    def prepare(self, *, offline: bool = False) -> None:
        """Fetch the data of the attack, and check that it ranks words, before hours of training.

        Raises:
            RobenchError: some data is missing, or the attack has no such ranking.
        """
        super().prepare(offline=offline)
        self._reorder(build_attack(self.base, _Nobody(), offline=offline))

    def build(self, victim: Victim) -> Any:
        """Build the attack on ``victim`` with the words in random order."""
        return self._reorder(self.base.build(victim))

    def _reorder(self, built: Any) -> Any:
        from robench.attacking import take_random_order

        return take_random_order(built, self.attack, self.restarts)


class _Nobody:
    """A victim that only stands in while an attack is built."""

    @property
    def model(self) -> object:
        return self

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        import torch

        return torch.zeros(len(texts), 2)
