"""``--set ada.training.epochs=2``: training settings of one defense, beside a run that keeps its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.plugins import settings
from robench.progress import SilentReporter
from robench.report.pairwise import compare
from robench.results.cells import read_results
from robench.results.info import CellInfo, ModelInfo
from robench.results.store import Store
from robench.study.commands import Gap, make_commands
from robench.study.request import Request
from robench.study.stages.attack import CellStage
from robench.study.stages.fuse import FusedModelStage
from support.tiny_job import TASK, TinyJob, robench


def plan(job: TinyJob, **changes: Any) -> CellStage:
    fixed: dict[str, Any] = {"preset": "quick", "encoder": str(job.encoder), "data": job.data, "precision": "fp32"}
    named = {"defense": ["ada"], "task": [TASK], "attack": ["pwws"], "offline": True}
    (cell,) = Request(**fixed | named | changes).stages(SilentReporter())
    assert isinstance(cell, CellStage)
    return cell


def test_a_defense_trained_otherwise_has_keys_of_its_own_and_the_adversarial_texts_of_the_run(
    tiny_job: TinyJob,
) -> None:
    usual = plan(tiny_job)
    own = plan(tiny_job, settings={"ada": {"training": {"epochs": 6}}})
    assert own.model.adversarial and usual.model.adversarial
    assert own.key != usual.key and own.model.key != usual.model.key
    assert own.model.adversarial.key == usual.model.adversarial.key
    assert own.model.size.count == 2 * usual.model.size.count
    of_the_run = plan(tiny_job, settings={"training": {"epochs": 6}})
    assert of_the_run.model.adversarial and of_the_run.model.adversarial.key != usual.model.adversarial.key


@pytest.mark.parametrize("chosen", [{"training.epochs": "3"}, {"training": {"epochs": 3}}])
def test_the_setting_of_the_run_is_no_setting_of_its_own(tiny_job: TinyJob, chosen: dict[str, Any]) -> None:
    assert plan(tiny_job, settings={"ada": chosen}).key == plan(tiny_job).key
    shared = {"training": {"epochs": 6}}
    assert plan(tiny_job, settings={"ada": chosen} | shared).key != plan(tiny_job, settings=shared).key


def test_a_fused_defense_hands_it_to_its_parts(tiny_job: TinyJob) -> None:
    usual, own = (
        plan(tiny_job, defense=["average"], settings=chosen).model
        for chosen in ({}, {"average": {"training.epochs": 6}})
    )
    assert isinstance(usual, FusedModelStage) and isinstance(own, FusedModelStage)
    assert [part.training.epochs for part in own.parts] == [6, 6]
    assert not {part.key for part in own.parts} & {part.key for part in usual.parts}


def test_a_command_and_a_file_name_it_alike(tmp_path: Path) -> None:
    assert settings.parse(["ada.training.epochs=6"]) == {"ada": {"training.epochs": "6"}}
    assert settings.parse(["training.epochs=6"]) == {"training": {"epochs": "6"}}
    (tmp_path / "own.toml").write_text("[ada.training]\nepochs = 6\n", encoding="utf-8")
    assert settings.read_file(tmp_path / "own.toml") == {"ada": {"training": {"epochs": 6}}}


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("ada", {"training.epoch": 6}, r"unknown option of ada.training 'epoch': did you mean epochs .*list training`"),
        ("ada", {"training.epochs": 0}, "ada.training: epochs must be above 0, not 0"),
        ("ada", {"training": {"max_length": 20}}, "ada.training.max_length cannot be set"),
        ("ada", {"training": 6}, "unknown option of ada 'training'"),
        ("pwws", {"training.epochs": 6}, "unknown option of pwws 'training.epochs'"),
    ],
)
def test_what_cannot_be_set_is_a_sentence(tiny_job: TinyJob, name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RobenchError, match=message):
        plan(tiny_job, settings={name: values})


@pytest.mark.slow
def test_both_forms_stand_in_one_block_each_with_its_name_and_the_command_that_makes_it(
    tiny_job: TinyJob, tmp_path: Path
) -> None:
    runs, own = tmp_path / "runs", ["--set", "ada.training.epochs=5"]
    for more in ([], own):
        done = robench(*tiny_job.command(runs, "--attack-limit", "16", *more, defense="base,ada"))
        assert done.exit_code == 0, done.output
    models = {stage.info.key: stage.info for stage in Store(runs).stages(ModelInfo)}
    assert {info.timing.steps for info in models.values() if info.timing} == {9, 15, 25}
    (block,) = json.loads(robench("table", "5", "--runs", runs, "-f", "json").stdout)["blocks"]
    assert [row["defense"] for row in block["rows"]] == ["base", "ada", "ada (training.epochs=5)"]
    assert "but for batch_size 8" in robench("table", "5", "--runs", runs, "-f", "md").stdout.replace("\\", "")
    found = compare("ada (training.epochs=5)", "ada", task=TASK, attack="pwws", runs=runs)
    assert found.found.n == 16
    (changed,) = (info for info in models.values() if info.defense.changed)
    assert changed.training["epochs"] == 3 and changed.identity["training"]["epochs"] == 5
    shown = robench("show", changed.key, "--runs", runs).stdout
    assert "training.epochs=5" in shown and "epochs 5, batch_size 8" in shown
    result = next(r for r in read_results(Store(runs).stages(CellInfo)) if r.defense.changed)
    ((command,), _) = make_commands([Gap(result, result, seed=43)])
    assert "--defense ada" in command and "--set ada.training.epochs=5 --seed 43" in command
    assert "training.epochs" not in command.replace("ada.training.epochs", "")
    submitted = robench("submit", changed.key, "--runs", runs, "--counts-only", "--out", tmp_path / "entries")
    validated = robench("validate", tmp_path / "entries")
    assert submitted.exit_code == validated.exit_code == 0, submitted.output + validated.output
