"""Adaptive attacks: those that a defense names as made against itself, and their results.

Source: Tramèr, Carlini, Brendel and Mądry, On Adaptive Attacks to Adversarial Example Defenses (NeurIPS 2020): a
defense is known to hold only if someone who knows it tried to break it.
"""

from __future__ import annotations

from collections.abc import Sequence

from robench.results.info import CellInfo
from robench.results.selection import InfoT
from robench.results.store import StoredStage


def is_adaptive(stage: StoredStage[InfoT]) -> bool:
    """Return whether a stage is a cell of the attack that its defense names as made against itself."""
    info = stage.info
    return isinstance(info, CellInfo) and info.attack.name == info.defense.adaptive_attack != ""


def leave_out_adaptive(
    stages: Sequence[StoredStage[InfoT]], among: Sequence[StoredStage[InfoT]]
) -> list[StoredStage[InfoT]]:
    """Return the stages without the cells of attacks that only defenses met which name them as made against themselves.

    An attack on one defense compares it with nothing, so it gets no column of its own, and is no part of the worst of
    all attacks. One that other defenses met as well is an attack like any other.

    Args:
        stages: to choose from.
        among: all stages of the runs folder, which tell who met which attack.
    """
    met_by_others = {one.info.attack.name for one in among if isinstance(one.info, CellInfo) and not is_adaptive(one)}
    return [one for one in stages if not is_adaptive(one) or one.info.attack.name in met_by_others]
