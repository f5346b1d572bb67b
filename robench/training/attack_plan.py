"""The attacks that a defense wants between epochs, and the number of optimiser steps that follows from them."""

from __future__ import annotations

from collections.abc import Iterable

from robench.errors import UnitError, run_foreign_code
from robench.escaping import show_value
from robench.plugins.lookup import find_name
from robench.training.defense import AdversarialDefense, Defense, TrainsOn
from robench.training.reattack import Reattack


def find_reattack(defense: Defense, epoch: int, clean: int) -> Reattack | None:
    """Return the attack that a defense wants before an epoch; None if it wants none.

    Args:
        defense: the defense.
        epoch: counted from 1.
        clean: number of clean rows.

    Raises:
        UnitError: its code fails, or it does not train on clean and adversarial rows together.
    """
    if not isinstance(defense, AdversarialDefense):
        return None
    name = find_name(defense)
    with run_foreign_code(f"the defense {name} failed to say what to attack before epoch {epoch}", type(defense)):
        reattack = defense.reattack(epoch, clean)
        if not isinstance(reattack, Reattack | None):
            raise TypeError(f"its reattack returned {show_value(reattack)}, neither a Reattack nor None")
    if reattack is None:
        return None
    if defense.trains_on is not TrainsOn.UNION:
        raise UnitError(
            f"the defense {name} attacks texts while it trains, whose rows join the clean ones: its"
            f" trains_on should be TrainsOn.UNION, not TrainsOn.{defense.trains_on.name}."
        )
    return reattack


def replaces_rows(defense: Defense, clean: int) -> bool:
    """Return whether an attack before the first epoch takes the place of D_adv, which is then not trained on.

    Args:
        defense: the defense.
        clean: number of clean rows.
    """
    first = find_reattack(defense, 1, clean)
    return first is not None and not first.keeps_rows


def count_rows(defense: Defense, clean: int) -> tuple[int, int]:
    """Return the most rows of the first epoch that stand for clean ones, and the most that D_adv adds to them.

    Args:
        defense: the defense.
        clean: number of clean rows.
    """
    if not isinstance(defense, AdversarialDefense) or defense.trains_on is TrainsOn.CLEAN:
        return clean, 0
    drawn = max(1, round(defense.adversarial_share * clean))
    if defense.trains_on is TrainsOn.UNION:
        return clean, drawn
    takes_all = defense.trains_on is TrainsOn.PAIRS and defense.takes_unpaired_rows
    return clean if takes_all else drawn, 0


def count_steps(defense: Defense, clean: int, added: int, epochs: Iterable[int], batch_size: int) -> int:
    """Return the most optimiser steps of some epochs.

    Args:
        defense: may want attacks before them.
        clean: number of clean rows.
        added: number of adversarial rows before them.
        epochs: the epochs, counted from 1.
        batch_size: rows of a batch.
    """
    steps = 0
    for epoch in epochs:
        if reattack := find_reattack(defense, epoch, clean):
            assert isinstance(defense, AdversarialDefense), "only these attack while they train"
            most = reattack.count_most(clean, drops=defense.unsuccessful == "drop")
            added = (added if reattack.keeps_rows else 0) + most
        steps += -(-(clean + added) // batch_size)
    return steps
