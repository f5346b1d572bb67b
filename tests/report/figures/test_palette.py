"""Colours and styles of defenses."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robench.plugins import plugin_files, registry
from robench.report.figures import palette
from robench.report.figures.palette import HUES, PATTERNS, Look, class_colours, looks
from robench.training import Style
from support.figures import ABLATION

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]


def lab(colour: str, sight: Any) -> Any:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    x, y, z = np.array(TO_XYZ) @ np.clip(np.array(sight) @ linear, 0, 1) / [0.95047, 1, 1.08883]
    f = [value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_hues_are_distinct_under_every_colour_vision(sight: str) -> None:
    seen = [lab(hue, SIGHT[sight]) for hue in HUES.values()]
    distances = [float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 15, "a difference of 2.3 can just be seen"


def test_every_built_in_has_a_look_of_its_own_and_the_papers_bars_a_hue() -> None:
    names = registry.names("defenses")
    assert len(set(looks(names).values())) == len(names)
    assert len({look.colour for look in looks(ABLATION).values()}) == 5


def test_a_plug_in_looks_the_same_wherever_it_is_drawn() -> None:
    alone = looks(["my-defense"])["my-defense"]
    assert looks(["taichi", "my-defense", "zebra", "base"])["my-defense"] == alone
    assert alone not in looks(registry.names("defenses")).values()


def test_a_plug_in_s_style_is_drawn_and_not_that_of_its_base_class(tmp_path: Path, forget_plugins: None) -> None:
    text = """
from typing import ClassVar
import robench
from robench.defenses.base import Base
from robench.training import Style

@robench.register("styled")
class Styled(Base):
    style: ClassVar[Style] = Style(title="Styled!", hue="sky", pattern="ruled")

@robench.register("heir")
class Heir(Styled):
    pass
"""
    (tmp_path / "styled.py").write_text(text, encoding="utf-8")
    plugin_files.load_plugin(tmp_path / "styled.py")
    assert looks(["styled"])["styled"] == Look("sky", "ruled")
    assert (palette.title("styled"), palette.title("heir")) == ("Styled!", "heir")
    assert registry.entry("defenses", "heir").style is None
    assert looks(["styled (a=1)"])["styled (a=1)"].colour == palette.HUES["sky"]


@pytest.mark.parametrize("wrong", [{"hue": "pink"}, {"hue": "sky", "pattern": "tartan"}])
def test_a_style_that_figures_do_not_have_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is one of .*, not '(pink|tartan)'"):
        Style(**wrong)


def test_many_plug_ins_are_told_apart_and_variants_keep_their_hue() -> None:
    names = [f"plug-in-{i}" for i in range(16)]
    assert len(set(looks(names).values())) == 16
    assert looks(reversed(names)) == looks(names)
    variants = looks(["taichi", "taichi (temperature=0.5)", "taichi (temperature=0.1)"])
    assert len(set(variants.values())) == 3 and len({look.colour for look in variants.values()}) == 1
    assert len(looks([f"x{i}" for i in range(60)])) == 60, "there are no more looks than that, and no error"


def test_class_colours_are_distinct_up_to_eight() -> None:
    assert len(set(class_colours(8))) == 8 and len(class_colours(20)) == 20


def test_each_pattern_has_dashes_of_its_own_which_are_those_of_the_site() -> None:
    css = (Path(__file__).parents[3] / "leaderboards/templates/site/site.css").read_text(encoding="utf-8")
    site = {
        name: tuple(map(int, dashes.split()))
        for name, dashes in re.findall(r"\.p-(\w+) {[^}]*dasharray: ([\d ]+)", css)
    }
    drawn = {name: dashes for name, (_, _, dashes) in PATTERNS.items()}
    assert drawn == {"plain": (), **site} and len(set(drawn.values())) == len(PATTERNS)
