"""The stage of a transfer: what is planned, what is stored, and the table of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.progress import SilentReporter
from robench.report import tables
from robench.report.tables.masking import TRANSFERRED
from robench.results import records
from robench.results.cells import read_results
from robench.results.info import CellInfo, TransferInfo
from robench.results.inspection import inspect_runs
from robench.results.selection import Selection
from robench.results.store import Store, StoredStage
from robench.results.transfer import view_as_cell
from robench.study.commands import make_commands, repeat
from robench.study.request import Request
from robench.study.runner import run_requests
from robench.study.stages.trained_model import stored_predictor
from robench.study.stages.transfer import TransferStage, next_seed
from support.runs import attacked
from support.tiny_job import TASK, TinyJob, robench


def request(job: TinyJob, *defenses: str, seed: int = 42) -> Request:
    return Request(
        defense=defenses,
        task=[TASK],
        attack=["pwws"],
        preset="quick",
        encoder=str(job.encoder),
        data=job.data,
        offline=True,
        precision="fp32",
        device="cpu",
        seed=seed,
        transfer=True,
    )


@pytest.fixture(scope="module")
def runs(finished: Path, tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = Path(shutil.copytree(finished, tmp_path_factory.mktemp("transferred") / "runs"))
    asked = request(tiny_job, "base", "ada")
    random_order = replace(asked, attack=["random-order:pwws"], transfer=False)
    run_requests([asked, random_order], Store(runs), SilentReporter(), "only-missing")
    return runs


@pytest.fixture(scope="module")
def by_name(runs: Path) -> dict[str, StoredStage[TransferInfo]]:
    return {stage.info.defense.name: stage for stage in Store(runs).stages(TransferInfo)}


def test_plan_with_transfer_takes_the_texts_of_the_reference_of_the_next_seed(tiny_job: TinyJob) -> None:
    stages = request(tiny_job, "ada").stages(SilentReporter())
    assert [stage.kind for stage in stages] == ["cells", "transfer"]
    transfer = stages[1]
    assert isinstance(transfer, TransferStage)
    assert [need.label for need in transfer.needs] == ["mr-base-pwws-seed43", "mr-ada-pwws-seed42"]
    other = request(tiny_job, "ada", seed=43).stages(SilentReporter())[1]
    assert isinstance(other, TransferStage) and other.key != transfer.key
    assert next_seed(2**32 - 1) == 0


def test_records_of_a_transfer_are_what_the_model_says_of_the_other_model_s_texts(
    runs: Path, by_name: dict[str, StoredStage[TransferInfo]]
) -> None:
    store = Store(runs)
    cells = {stage.key: stage for stage in store.stages(CellInfo)}
    assert by_name.keys() == {"base", "ada"}
    for name, stage in by_name.items():
        made = records.read(cells[stage.info.texts].folder / "records.jsonl")
        assert (stage.info.seed, stage.info.texts_seed, cells[stage.info.texts].info.seed) == (42, 43, 43)
        (own,) = [c for c in cells.values() if c.info.model == stage.info.model and c.info.attack.name == "pwws"]
        assert own.info.defense.name == name and stage.info.clean == own.info.clean
        predictor = stored_predictor(store, own, torch.device("cpu"))
        found = records.read(stage.folder / "records.jsonl")
        assert [(r.id, r.label, r.original) for r in found] == [(r.id, r.label, r.original) for r in made]
        right = predictor.logits([r.original for r in made]).argmax(-1).tolist()
        after = predictor.logits([r.final for r in made]).argmax(-1).tolist()
        both = [r.status in ("succeeded", "failed") and p == r.label for r, p in zip(made, right, strict=True)]
        fooled = [one and r.status == "succeeded" and p != r.label for one, r, p in zip(both, made, after, strict=True)]
        assert [r.status in ("succeeded", "failed") for r in found] == both
        assert [r.status == "succeeded" for r in found] == fooled
        assert stage.info.attacked is not None and stage.info.attacked.attempts == sum(both) > 0


@pytest.mark.slow
def test_transfer_to_a_model_that_is_measured_on_some_rows_says_how_many(
    by_name: dict[str, StoredStage[TransferInfo]], tiny_job: TinyJob, tmp_path: Path
) -> None:
    assert by_name["base"].info.clean_limit is None
    store = Store(tmp_path / "runs")
    run_requests([replace(request(tiny_job, "base"), clean_limit=5)], store, SilentReporter(), "only-missing")
    (stage,) = store.stages(TransferInfo)
    assert (stage.info.clean_limit, stage.info.clean.n) == (5, 5)
    assert all(
        "--clean-limit 5 " in command for command in make_commands(repeat(read_results([view_as_cell(stage)])))[0]
    )


def test_transfer_that_is_there_is_not_made_again(runs: Path, tiny_job: TinyJob) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs.glob("*/*/stage.json")}
    run_requests([request(tiny_job, "base", "ada")], Store(runs), SilentReporter(), "only-missing")
    assert {path: path.stat().st_mtime_ns for path in runs.glob("*/*/stage.json")} == before
    assert not inspect_runs(Store(runs)).faults


def test_transfer_of_damaged_records_is_found_and_made_again(
    runs: Path, tiny_job: TinyJob, by_name: dict[str, StoredStage[TransferInfo]], tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(runs, tmp_path / "runs"))
    file = copy / "transfer" / by_name["ada"].folder.name / "records.jsonl"
    before = file.read_bytes()
    file.write_bytes(b"".join(before.splitlines(keepends=True)[1:]))
    (fault,) = inspect_runs(Store(copy)).faults
    assert "records.jsonl has" in fault.sentence
    verified = robench("verify", "--runs", copy, "--repair")
    assert "--table transfer" in verified.output and "--defense ada" in verified.output
    run_requests([request(tiny_job, "ada")], Store(copy), SilentReporter(), "only-missing")
    assert file.read_bytes() == before


def test_transfer_table_has_the_shares_of_the_stages(runs: Path, by_name: dict[str, StoredStage[TransferInfo]]) -> None:
    table = tables.make("transfer", Store(runs))
    assert [column.name for column in table.columns] == ["clean%", "pwws"]
    rows = {row.name: row for row in table.blocks[0].rows}
    assert rows.keys() == by_name.keys()
    for name, row in rows.items():
        outcome = by_name[name].info.attacked
        assert outcome is not None and row.cells[1].value is not None
        assert row.cells[1].value * outcome.attempts == outcome.succeeded
        assert row.cells[1].n == outcome.n


@pytest.mark.parametrize("format", ["rich", "md", "csv", "json", "latex", "html"])
def test_transfer_table_in_each_format_names_both_rows(runs: Path, format: str) -> None:
    shown = robench("table", "transfer", "--runs", runs, "--format", format)
    assert shown.exit_code == 0 and "ada" in shown.output and "base" in shown.output


def test_transfer_table_without_transfers_names_the_command(finished: Path) -> None:
    shown = robench("table", "transfer", "--runs", finished)
    assert shown.exit_code == 2 and "`robench run --table transfer --runs " in " ".join(shown.output.split())


def test_random_order_meets_the_models_of_its_attack_in_their_row_and_checks_them(
    runs: Path, by_name: dict[str, StoredStage[TransferInfo]]
) -> None:
    def rows_of(stage: StoredStage[Any], status: str) -> set[int]:
        return {record.id for record in attacked(stage) if record.status == status}

    stages = [stage for stage in Store(runs).stages(CellInfo) if stage.info.seed == 42]
    own = {(stage.info.defense.name, stage.info.attack.name): stage for stage in stages}
    withstood, fooled = {}, {}
    for name in ("base", "ada"):
        direct, reordered = own[name, "pwws"], own[name, "random-order:pwws"]
        assert direct.info.model == reordered.info.model
        assert reordered.info.attack.base == "pwws" and not reordered.info.is_crossed
        withstood[name] = rows_of(direct, "failed")
        fooled[name] = withstood[name] & (rows_of(reordered, "succeeded") | rows_of(by_name[name], "succeeded"))
    table = tables.make("5", Store(runs))
    assert [column.name for column in table.columns][1:4] == ["deepwordbug", "pwws", "random-order:pwws"]
    rows = {row.label: row for row in table.blocks[0].rows}
    assert rows["base"].seeds == (42,), "what was made for its texts alone is no second seed"
    asked = tables.TableOptions(selection=Selection(seeds=[43]))
    assert [row.label for row in tables.make("5", Store(runs), **asked).blocks[0].rows] == ["base"]
    for name in ("base", "ada"):
        masked = rows[name].cells[2].masked
        found = masked and (masked.ways, masked.fooled, masked.withstood)
        expected = ("random-order:pwws", TRANSFERRED), len(fooled[name]), len(withstood[name])
        assert found == (expected if withstood["base"] and withstood[name] else None), (
            "a share of no texts is not known"
        )
        assert rows[name].cells[3].value is not None and rows[name].cells[1].masked is None


def test_run_with_the_table_of_transfers_asks_for_them(tiny_job: TinyJob) -> None:
    from robench.report.reproduce import Target

    asked = replace(request(tiny_job, "ada"), transfer=False)
    (made,) = Target.named(table="transfer").requests(asked)
    assert made.transfer and not made.statistics and made.defenses == ("ada",)
