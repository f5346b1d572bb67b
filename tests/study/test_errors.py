"""Rows that end in an error: stored, told, tried again, and followed into what was made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.errors import RobenchError
from robench.plugins import plugin_files
from robench.progress import SilentReporter
from robench.report.reproduce import Target
from robench.results import outcome
from robench.results.info import AdversarialInfo, CellInfo, ModelInfo, StatisticsInfo
from robench.results.store import Store, StoredStage
from robench.study.request import Request
from robench.study.runner import run_requests
from robench.study.stages import attacked_rows
from robench.study.stages.context import Context
from support import hand_made
from support.runs import attacked
from support.tiny_job import TASK, TinyJob, robench

PLUGIN = """
import pathlib
import re
from dataclasses import dataclass
from robench.attacks.deepwordbug import DeepWordBug
import robench

SWITCH = pathlib.Path(__file__).with_suffix(".off")

@robench.register("fragile")
@dataclass(frozen=True, kw_only=True)
class Fragile(DeepWordBug):
    def build(self, victim):
        built = super().build(victim)
        swap = built.transformation.transformations[0]
        transform = swap._get_transformations
        def failing(text, words):
            day = re.search("day ([0-9]+)", text.text)
            if day and int(day[1]) % 4 < 2 and not SWITCH.exists():
                raise ArithmeticError("no day " + day[1])
            return transform(text, words)
        swap._get_transformations = failing
        return built
"""
"""Fails on the first change of half of the texts of each label, of which every model has some right."""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "fragile.py"
    path.write_text(PLUGIN, encoding="utf-8")
    with plugin_files.isolated():
        yield path


def attacking_stages(store: Store) -> list[StoredStage[Any]]:
    found: list[StoredStage[Any]] = [*store.stages(AdversarialInfo, names=None)]
    return [*found, *store.stages(CellInfo, names=None)]


def test_a_run_with_errors_finishes_and_retries_them(plugin: Path, tiny_job: TinyJob, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = [*tiny_job.command(runs, defense="base,ada", attack="fragile"), "--plugin", str(plugin)]
    first = robench(*command)
    assert first.exit_code == 0, first.stderr
    assert "ended in an error and count on no side" in first.stderr
    assert "ArithmeticError: no " in first.stderr
    assert "errors !" in first.stdout
    store = Store(runs)
    (adversarial,) = store.stages(AdversarialInfo, names=None)
    cells = store.stages(CellInfo, names=None)
    before = {stage.key: attacked(stage) for stage in attacking_stages(store)}
    assert adversarial.info.attacked is not None and adversarial.info.attacked.errors
    assert all(cell.info.attacked is not None and cell.info.attacked.errors for cell in cells)
    ada = next(model for model in store.stages(ModelInfo, names=None) if model.info.defense.name == "ada")
    assert ada.info.rows is not None and ada.info.rows.errors == adversarial.info.attacked.errors

    again = robench(*command)
    assert again.exit_code == 0 and "[1/" not in again.stderr
    plan = robench(*command, "--retry-errors", "--dry-run")
    assert "3 stages to do" in plan.stdout
    plugin.with_suffix(".off").touch()
    mended = robench(*command, "--retry-errors")
    assert mended.exit_code == 0, mended.stderr
    assert "errors" not in mended.stdout
    assert f"note: {ada.folder.name} was made from {adversarial.key}, which has changed since" in mended.stderr
    for stage in attacking_stages(store):
        was = {record.id: record for record in before[stage.key]}
        for record in attacked(stage):
            assert record.status != "error"
            if was[record.id].status != "error":
                assert record == was[record.id]
    assert robench("verify", "--runs", runs).exit_code == 0


def test_an_attack_that_fails_on_every_text_gives_no_result_until_it_is_mended(
    plugin: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "FEWEST_ERRORS", 4)
    plugin.write_text(PLUGIN.replace("% 4 < 2", "% 4 < 4"), encoding="utf-8")
    command = [*tiny_job.command(tmp_path / "runs", attack="fragile"), "--plugin", str(plugin)]
    store = Store(tmp_path / "runs")
    for _ in range(2):  # what is attacked stays, and so does what is wrong with it
        done = robench(*command)
        assert done.exit_code == 2
        assert re.search(r"all \d+ texts that were attacked ended in an error, such as row \d+: Arith", done.stderr)
        assert not store.stages(CellInfo, names=None)
        status = robench("status", "--runs", store.root).stdout
        assert re.search(
            r"failed: cells/mr-base-fragile-\S+ has 16 of 16 rows, .*; every attack ended in an error", status
        )
        assert "1 of 2 stages are finished and 1 failed; once that is fixed, continue it with --retry-errors" in status
    plugin.with_suffix(".off").touch()
    assert robench(*command, "--retry-errors").exit_code == 0
    (cell,) = store.stages(CellInfo, names=None)
    assert cell.info.attacked is not None and not cell.info.attacked.errors


@pytest.mark.parametrize(
    ("statuses", "is_broken"),
    [
        (["error"] * 20 + ["skipped"] * 5, True),
        (["error"] * 19 + ["skipped"] * 5, False),
        (["error"] * 99 + ["failed"], False),
    ],
)
def test_errors_on_all_of_20_attacked_texts_are_no_result(statuses: list[str], is_broken: bool, tmp_path: Path) -> None:
    context = Context(Store(tmp_path), SilentReporter(), torch.device("cpu"))
    rows = [hand_made.record(row, status) for row, status in enumerate(statuses)]
    with pytest.raises(RobenchError, match=r"all 20 texts.*--retry-errors") if is_broken else nullcontext():
        attacked_rows.report_errors(context, rows)


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_broken_attack_stops_only_what_needs_it(
    plugin: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    plugin.write_text(PLUGIN.replace("def build", "def build(self, victim):\n        raise KeyError('w')\n    def b"))
    command = [*tiny_job.command(tmp_path / "runs", "--jobs", jobs, defense="base,ada", attack="fragile,deepwordbug")]
    done = robench(*command, "--plugin", str(plugin))
    assert done.exit_code == 2
    store = Store(tmp_path / "runs")
    cells = {(cell.info.defense.name, cell.info.attack.name) for cell in store.stages(CellInfo, names=None)}
    assert cells == {("base", "deepwordbug"), ("ada", "deepwordbug")}
    assert "deepwordbug" in done.stdout and "ada" in done.stdout
    told = done.stderr[done.stderr.index("robench: 2 stages failed:") :]
    assert "- attack base on mr with fragile, seed 42: the attack Fragile failed before its first text" in told
    assert "Not made without it: 2 stages." in told, "the training of ada against it, and its attack"
    state = json.loads(robench("status", "--runs", tmp_path / "runs", "--format", "json").stdout)
    assert state["requests"][0]["finished"] == 5 and len(state["requests"][0]["missing"]) == 4


def test_existing_always_shows_no_old_result_of_an_attack_that_fails_now(
    plugin: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (
        "def build(self, victim):\n        if __import__('os').environ.get('BROKEN'):\n            raise KeyError('w')"
    )
    plugin.write_text(PLUGIN.replace("def build(self, victim):", broken, 1))
    command = tiny_job.command(tmp_path / "runs", "--plugin", str(plugin), attack="fragile,deepwordbug")
    first = robench(*command)
    assert first.exit_code == 0 and "fragile" in first.stdout
    monkeypatch.setenv("BROKEN", "1")
    again = robench(*command, "--existing", "always")
    assert again.exit_code == 2 and "failed before its first text" in again.stderr
    assert "deepwordbug" in again.stdout and "fragile" not in again.stdout


def test_a_failure_is_told_if_the_table_needs_what_failed(
    plugin: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(*arguments: Any) -> str:
        raise RobenchError("no results for this table yet")

    monkeypatch.setattr(Target, "show", show)
    plugin.write_text(PLUGIN.replace("def build", "def build(self, victim):\n        raise KeyError('w')\n    def b"))
    command = tiny_job.command(tmp_path / "runs", "--plugin", str(plugin), attack="deepwordbug,fragile")
    done = robench(*command)
    assert done.exit_code == 2 and "failed before its first text" in done.stderr
    assert "no results for this table yet" not in done.stderr


def test_show_lists_errors(plugin: Path, tiny_job: TinyJob, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = tiny_job.command(runs, attack="fragile")
    assert robench(*command, "--plugin", str(plugin)).exit_code == 0
    (cell,) = Store(runs).stages(CellInfo)
    errors = [record for record in attacked(cell) if record.status == "error"]
    shown = robench("show", cell.key, "--runs", runs).stdout
    assert f"errors: {len(errors)} of 16 samples" in shown
    assert f"{len(errors)} ended in an error" in " ".join(shown.split())
    values = json.loads(robench("show", cell.key, "--runs", runs, "--format", "json").stdout)
    assert [one["reason"] for one in values["errors"]] == [record.reason for record in errors]
    assert values["results"]["attacked"]["errors"] == len(errors)


def test_retry_errors_with_only_cache_is_refused(tiny_job: TinyJob, tmp_path: Path) -> None:
    done = robench(*tiny_job.command(tmp_path / "runs"), "--retry-errors", "--existing", "only-cache")
    assert done.exit_code == 2
    assert "--retry-errors attacks rows again" in done.stderr


def test_retry_errors_makes_statistics_of_a_cell_with_errors_again(
    plugin: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    plugin_files.load_plugin(plugin)
    asked = Request(
        defense="base",
        task=TASK,
        attack="fragile",
        preset="quick",
        encoder=str(tiny_job.encoder),
        data=tiny_job.data,
        offline=True,
        precision="fp32",
        device="cpu",
        jobs=1,
        statistics=True,
    )
    store = Store(tmp_path / "runs")

    def count_errors() -> dict[str, int]:
        found = store.stages(StatisticsInfo, names=None)
        return {stage.info.defense.name: stage.info.attacked.errors for stage in found if stage.info.attacked}

    run_requests([asked], store, SilentReporter(), "only-missing")
    assert count_errors().keys() == {"before", "base"} and all(count_errors().values())
    plugin.with_suffix(".off").touch()
    run_requests([asked], store, SilentReporter(), "only-missing", retry_errors=True)
    assert count_errors() == {"before": 0, "base": 0}
    assert {path.name for path in store.root.glob("statistics/*-base-*/*")} == {"stage.json"}
