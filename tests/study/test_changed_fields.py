"""A plug-in whose code changes its own fields: keys are made of them, so nothing that it makes then is stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from robench.attacks.deepwordbug import DeepWordBug
from robench.defenses.base import Base
from robench.errors import UnitError
from robench.plugins import plugin_files
from robench.results.info import CellInfo, ModelInfo
from robench.results.store import RECORDS_FILE, Store
from robench.study.setting import NamedAttack, NamedDefense
from support.tiny_job import TinyJob, robench

PLUGIN = """
from dataclasses import dataclass, field
from robench.attacks.deepwordbug import DeepWordBug
from robench.defenses.base import Base
import robench

@robench.register("hoarding")
@dataclass(frozen=True, kw_only=True)
class Hoarding(Base):
    losses: list = field(default_factory=list)

    def loss(self, networks, batch):
        self.losses.append(1)
        return super().loss(networks, batch)

@robench.register("counting")
@dataclass(frozen=True, kw_only=True)
class Counting(DeepWordBug):
    builds: dict = field(default_factory=dict)

    def build(self, victim):
        self.builds["times"] = 1
        return super().build(victim)
"""


@pytest.mark.parametrize(
    ("defense", "attack", "told"),
    [
        ("hoarding", "pwws", "train hoarding on .*, seed 42: hoarding changed its field losses while it was used"),
        ("base", "counting", "attack base on .* with counting, seed 42: counting changed its field builds while it"),
    ],
)
def test_run_with_a_plug_in_that_changes_its_fields_names_it_each_time_and_stores_nothing(
    defense: str, attack: str, told: str, tiny_job: TinyJob, tmp_path: Path
) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    command = [*tiny_job.command(tmp_path / "runs", defense=defense, attack=attack), "--plugin", plugin]
    for _ in range(2):
        with plugin_files.isolated():
            result = robench(*command)
        assert result.exit_code == 2
        assert re.search(told, " ".join(result.stderr.split()))
    store = Store(tmp_path / "runs")
    assert not store.stages(CellInfo) and len(store.stages(ModelInfo)) == (defense == "base")
    assert not any(path.read_bytes() for path in (tmp_path / "runs").rglob(RECORDS_FILE))


@dataclass(frozen=True, kw_only=True)
class Deep(Base):
    layers: dict[str, Any] = field(default_factory=lambda: {"names": ["a"], "sizes": (1, 2.5, None)})


def test_check_unchanged_compares_parts_of_fields() -> None:
    named = NamedDefense("deep", defense=Deep())
    other = replace(named, defense=Deep(layers={"names": ["b"]}))
    named.check_unchanged()
    other.check_unchanged()
    assert named == NamedDefense("deep", defense=Deep())
    named.defense.layers["names"].append("b")  # type: ignore[attr-defined]
    with pytest.raises(UnitError, match=r"^deep changed its field layers while it was used"):
        named.check_unchanged()
    other.check_unchanged()
    NamedAttack("deepwordbug", attack=DeepWordBug()).check_unchanged()
