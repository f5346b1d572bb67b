"""What a preset chooses of defenses: the rows of D_adv where the attack failed, which is no changed field."""

from __future__ import annotations

from typing import Any, cast

import pytest

from robench.defenses.ada import ADA
from robench.defenses.base import Base
from robench.plugins import registry
from robench.progress import SilentReporter
from robench.study.presets import PRESETS
from robench.study.request import Request
from robench.study.stages.attack import CellStage
from robench.study.stages.fuse import FusedModelStage
from robench.study.stages.train import ModelStage
from robench.training.defense import Unsuccessful
from support.tiny_job import TASK, TinyJob, robench


def models(job: TinyJob, *defenses: str, preset: str = "paper", **settings: Any) -> dict[str, ModelStage]:
    request = Request(
        defense=defenses,
        task=[TASK],
        attack=["pwws"],
        preset=preset,
        encoder=str(job.encoder),
        data=job.data,
        offline=True,
        precision="fp32",
        settings=settings,
    )
    cells = cast(list[CellStage], request.stages(SilentReporter()))
    return {cell.model.defense.name: cell.model for cell in cells}


def test_only_the_preset_of_the_paper_has_perturbed_texts() -> None:
    assert {name: preset.unsuccessful for name, preset in PRESETS.items()} == {
        "quick": "original",
        "laptop": "original",
        "paper": "perturbed",
    }


def test_adapt_leaves_a_defense_with_a_choice_of_its_own_and_one_without_d_adv() -> None:
    paper = PRESETS["paper"]
    assert paper.adapt(ADA()) == ADA(unsuccessful="perturbed")
    assert paper.adapt(ADA(unsuccessful="drop")) == ADA(unsuccessful="drop")
    assert paper.adapt(Base()) == Base()
    assert PRESETS["quick"].adapt(ADA()) == ADA()


@pytest.mark.parametrize(
    ("preset", "chosen", "value", "changed"),
    [
        ("paper", None, "perturbed", {}),
        ("paper", "perturbed", "perturbed", {}),
        ("paper", "original", "original", {"unsuccessful": "original"}),
        ("quick", None, "original", {}),
        ("quick", "perturbed", "perturbed", {"unsuccessful": "perturbed"}),
    ],
)
def test_request_changes_a_field_only_if_the_preset_has_another_value(
    tiny_job: TinyJob, preset: str, chosen: Unsuccessful | None, value: str, changed: dict[str, str]
) -> None:
    settings = {"taichi": {"unsuccessful": chosen}} if chosen else {}
    found = models(tiny_job, "taichi", preset=preset, **settings)["taichi"].defense.info
    assert (found.fields["unsuccessful"], found.changed) == (value, changed)


def test_choice_is_part_of_the_keys_of_models_but_not_of_d_adv(tiny_job: TinyJob) -> None:
    perturbed = models(tiny_job, "base", "ada")
    original = models(tiny_job, "base", "ada", ada={"unsuccessful": "original"})
    assert perturbed["base"].key == original["base"].key
    assert perturbed["ada"].key != original["ada"].key
    assert cast(Any, perturbed["ada"].adversarial).key == cast(Any, original["ada"].adversarial).key


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["perturbed", "perturbed"]),
        ({"average": {"unsuccessful": "drop"}}, ["drop", "drop"]),
        ({"clean": {"unsuccessful": "drop"}}, ["drop", "perturbed"]),
    ],
    ids=["the preset's", "of the whole", "of a part"],
)
def test_parts_of_a_fused_defense_are_trained_on_the_rows_that_it_names(
    tiny_job: TinyJob, settings: dict[str, Any], expected: list[str]
) -> None:
    model = models(tiny_job, "average", **settings)["average"]
    assert isinstance(model, FusedModelStage)
    assert [cast(Any, part.defense.defense).unsuccessful for part in model.parts] == expected


@pytest.mark.usefixtures("forget_plugins")
def test_plug_in_that_trains_on_d_adv_follows_the_preset(tiny_job: TinyJob) -> None:
    registry.register("mine-follows", ADA(ratio=0.5))
    registry.register("mine-drops", ADA(unsuccessful="drop"))
    found = models(tiny_job, "mine-follows", "mine-drops")
    assert [model.defense.info.fields["unsuccessful"] for model in found.values()] == ["perturbed", "drop"]


def test_list_tells_the_rows_of_d_adv_of_a_preset_and_of_a_defense() -> None:
    assert '"unsuccessful": "perturbed"' in robench("list", "presets", "--format", "json").output
    text = " ".join(robench("list", "ada").output.split())
    assert "unsuccessful" in text and "perturbed" in text and "the preset paper has" in text
