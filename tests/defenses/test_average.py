"""The linear average of CLEAN and ADVERSARIAL: its arithmetic, and its way through a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from robench.defenses.average import Average
from robench.errors import RobenchError
from robench.plugins import settings
from robench.results.info import ModelInfo
from robench.results.store import Store, StoredStage
from support.tiny_job import TinyJob, robench

CLEAN = {"head.weight": torch.tensor([[1.0, 2.0]]), "head.bias": torch.tensor([4.0])}
ADVERSARIAL = {"head.weight": torch.tensor([[3.0, -2.0]]), "head.bias": torch.tensor([0.0])}


@pytest.mark.parametrize(
    ("weight", "head", "bias"), [(0.0, [[3.0, -2.0]], [0.0]), (0.5, [[2.0, 0.0]], [2.0]), (1.0, [[1.0, 2.0]], [4.0])]
)
def test_the_average_is_that_of_each_parameter(weight: float, head: list[list[float]], bias: list[float]) -> None:
    fused = Average(weight=weight).fuse([CLEAN, ADVERSARIAL])
    assert fused["head.weight"].tolist() == head and fused["head.bias"].tolist() == bias


@pytest.mark.parametrize("weight", ["-0.1", "1.5", "nan"])
def test_a_weight_outside_of_0_to_1_is_refused(weight: str) -> None:
    with pytest.raises(RobenchError, match="weight"):
        settings.configure("average", Average(), {"weight": weight})


def model(runs: Path, defense: str, weight: float | None = None) -> StoredStage[ModelInfo]:
    fields = {} if weight is None else {"weight": weight}
    found = [s for s in Store(runs).stages(ModelInfo) if s.info.defense.name == defense]
    return next(s for s in found if fields.items() <= s.info.defense.fields.items())


@pytest.mark.slow
def test_figure_5_runs_the_average_at_every_weight_and_trains_its_parts_once(tiny_job: TinyJob, tmp_path: Path) -> None:
    few = ("--train-limit", "8", "--attack-limit", "4")
    named = tiny_job.command(tmp_path, "--figure", "5", *few, defense="average", attack="deepwordbug")
    result = robench(*named)
    assert result.exit_code == 0, result.output
    names = [stage.info.defense.name for stage in Store(tmp_path).stages(ModelInfo)]
    assert sorted(names) == ["adversarial", *["average"] * 11, "base", "clean"]
    for weight, part in ((0.0, "adversarial"), (1.0, "clean")):
        fused, whole = (
            load_file(model(tmp_path, *key).folder / "model.safetensors") for key in (("average", weight), (part,))
        )
        assert all(torch.equal(fused[name], whole[name]) for name in whole)
    half = load_file(model(tmp_path, "average", 0.5).folder / "model.safetensors")
    ends = [load_file(model(tmp_path, part).folder / "model.safetensors") for part in ("clean", "adversarial")]
    assert torch.allclose(half["head.weight"], (ends[0]["head.weight"] + ends[1]["head.weight"]) / 2)
    again = robench(*named)
    assert again.exit_code == 0 and "[1/" not in again.output, "what is there is not made again"
