"""High-order statistics of the models in a runs folder: which are planned, what is stored, what is made once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from robench.progress import SilentReporter
from robench.results import records
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.info_parts import Clean
from robench.results.pairs import measure_pairs, read_pairs
from robench.results.store import Store, StoredStage
from robench.study.request import Request
from robench.study.runner import run_requests
from robench.study.stages.context import Context
from robench.study.stages.statistics import StatisticsStage, UntrainedModel
from robench.study.stages.trained_model import stored_predictor
from support.damages import flip_a_bit
from support.tiny_job import TASK, TinyJob

CPU = torch.device("cpu")
DEFENSES = ("base", "taichi", "ada")


def request(job: TinyJob, *defenses: str, attack: str = "pwws") -> Request:
    return Request(
        defense=defenses,
        task=[TASK],
        attack=[attack],
        preset="quick",
        encoder=str(job.encoder),
        data=job.data,
        offline=True,
        precision="fp32",
        device="cpu",
        statistics=True,
    )


def measure(runs: Path, asked: Request, existing: Any = "only-missing") -> list[StoredStage[StatisticsInfo]]:
    run_requests([asked], Store(runs), SilentReporter(), existing)
    return Store(runs).stages(StatisticsInfo)


@pytest.fixture(scope="module")
def runs(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("measured") / "runs"))


@pytest.fixture(scope="module")
def by_name(runs: Path, tiny_job: TinyJob) -> dict[str, StoredStage[StatisticsInfo]]:
    return {stage.info.defense.name: stage for stage in measure(runs, request(tiny_job, *DEFENSES))}


def test_plan_with_statistics_has_before_and_every_defense_after_their_cells(tiny_job: TinyJob) -> None:
    stages = request(tiny_job, "taichi").stages(SilentReporter())
    assert [stage.kind for stage in stages] == ["cells", "statistics", "statistics"]
    measured = [stage for stage in stages if isinstance(stage, StatisticsStage)]
    assert [stage.name for stage in measured] == ["before", "taichi"]
    assert measured[0].needs[0].label == "mr-base-pwws-seed42", "the texts of all are those made against base"
    needs = [(needed.kind, needed.label) for needed in measured[1].needs]
    taichi = "mr-taichi-pwws-seed42"
    assert needs == [("cells", "mr-base-pwws-seed42"), ("cells", taichi), ("models", taichi)]


def test_title_names_the_attack_that_a_model_was_trained_against_if_it_is_another(tiny_job: TinyJob) -> None:
    crossed = replace(request(tiny_job, "taichi"), attack=("pwws", "deepwordbug"), against=("pwws",))
    titles = [stage.title for stage in crossed.stages(SilentReporter()) if isinstance(stage, StatisticsStage)]
    assert "statistics of taichi on mr under pwws, seed 42" in titles
    assert "statistics of taichi, trained against pwws, on mr under deepwordbug, seed 42" in titles


def test_models_are_measured_on_the_texts_made_against_base(
    runs: Path, by_name: dict[str, StoredStage[StatisticsInfo]]
) -> None:
    assert by_name.keys() == {"before", *DEFENSES}
    store = Store(runs)
    cells = {c.info.defense.name: c for c in store.stages(CellInfo) if c.info.attack.name == "pwws"}
    shared = read_pairs(cells["base"])
    assert shared.clean != shared.adversarial
    same = sum(a == b for a, b in zip(shared.clean, shared.adversarial, strict=True))
    assert shared.statuses.count("skipped") <= same < len(shared)
    for name in DEFENSES:
        info, cell = by_name[name].info, cells[name].info
        assert info.statistics == measure_pairs(stored_predictor(store, cells[name], CPU), shared)
        assert info.statistics.unchanged == same
        assert (info.model, info.pairs) == (cell.model, cells["base"].info.key)
        assert (info.clean, info.attacked) == (cell.clean, cell.attacked)
    assert len({msgspec.json.encode(stage.info.statistics) for stage in by_name.values()}) == 4


def test_before_is_the_model_that_training_starts_from(
    runs: Path, tiny_job: TinyJob, by_name: dict[str, StoredStage[StatisticsInfo]]
) -> None:
    before, store = by_name["before"], Store(runs)
    (stage, *_) = (s for s in request(tiny_job, "base").stages(SilentReporter()) if isinstance(s, StatisticsStage))
    predictor = UntrainedModel(stage.reference).load(Context(store, SilentReporter(), CPU))
    head = torch.randn(2, 32, generator=torch.Generator().manual_seed(42)) * 0.25
    assert torch.equal(predictor.classifier.head.weight.detach(), head), "N(0, initializer_range), drawn with the seed"
    (base,) = [c for c in store.stages(CellInfo) if "base-pwws" in c.folder.name]
    shared = read_pairs(base)
    assert before.info.statistics == measure_pairs(predictor, shared)
    predicted = predictor.logits(shared.clean).argmax(-1).tolist()
    correct = sum(a == b for a, b in zip(predicted, shared.labels, strict=True))
    assert before.info.clean == Clean(correct=correct, n=len(shared))
    found = records.read(before.folder / "records.jsonl")
    assert [record.original for record in found] == list(shared.clean)
    assert before.info.attacked is not None and before.info.attacked.skipped == len(shared) - correct


def test_statistics_are_made_once(
    runs: Path, tiny_job: TinyJob, by_name: dict[str, StoredStage[StatisticsInfo]]
) -> None:
    def times() -> dict[str, int]:
        return {path.parent.name: path.stat().st_mtime_ns for path in runs.glob("*/*/stage.json")}

    before = times()
    measure(runs, request(tiny_job, "base", "taichi"))
    assert times() == before
    run_requests([request(tiny_job, "ada", attack="deepwordbug")], Store(runs), SilentReporter(), "only-cache")
    assert times() == before


def test_statistics_that_are_missing_are_made_of_what_is_there(
    runs: Path, tiny_job: TinyJob, by_name: dict[str, StoredStage[StatisticsInfo]], tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(runs, tmp_path / "runs"))
    shutil.rmtree(copy / "statistics" / by_name["taichi"].folder.name)
    again = {stage.info.defense.name: stage for stage in measure(copy, request(tiny_job, "taichi"))}
    assert again["taichi"].info.statistics == by_name["taichi"].info.statistics
    assert again["taichi"].info.key == by_name["taichi"].info.key


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "damaged"])
def test_statistics_of_a_model_that_is_gone_or_damaged_are_made_of_a_new_one(
    runs: Path, tiny_job: TinyJob, by_name: dict[str, StoredStage[StatisticsInfo]], tmp_path: Path, gone: bool
) -> None:
    copy = Path(shutil.copytree(runs, tmp_path / "runs"))
    shutil.rmtree(copy / "statistics" / by_name["taichi"].folder.name)
    (folder,) = copy.glob("models/mr-taichi-pwws-*")
    if gone:
        shutil.rmtree(folder)
    else:
        (folder / "model.safetensors").write_bytes(flip_a_bit((folder / "model.safetensors").read_bytes()))
    again = {stage.info.defense.name: stage for stage in measure(copy, request(tiny_job, "taichi"))}
    assert again["taichi"].info.statistics == by_name["taichi"].info.statistics
    assert len(list(copy.glob(".aside/models/mr-taichi-pwws-*"))) == (0 if gone else 1)
