"""Records of the small victim."""

from __future__ import annotations

import pytest

from robench.attacking.attack import Attack
from robench.results.records import Record
from support.searches import ATTACKS, run
from support.small_victim import SmallVictim


@pytest.fixture(scope="session")
def found(victim: SmallVictim) -> dict[Attack, list[Record]]:
    return {attack: run(attack, victim, victim.examples()) for attack in ATTACKS}
