"""The name under which something is registered, for messages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import robench
from robench.defenses.base import Base
from robench.defenses.taichi import TaiChi
from robench.plugins.lookup import find_name

pytestmark = pytest.mark.usefixtures("forget_plugins")


@dataclass(frozen=True, kw_only=True)
class Mine(Base):
    """A defense of another name."""

    alpha: float = 1.0


def test_find_name_is_the_registered_one_whatever_the_fields() -> None:
    assert find_name(Mine(alpha=2.0)) == "Mine"
    robench.register("my-defense", Mine)
    assert find_name(Mine(alpha=2.0)) == "my-defense" and find_name(Base()) == "base"


def test_find_name_of_a_class_with_several_is_its_own_unless_the_instance_is_registered() -> None:
    cold = TaiChi(temperature=0.1)
    robench.register("taichi-cold", cold)
    assert find_name(cold) == "taichi-cold" and find_name(TaiChi()) == "TaiChi"
