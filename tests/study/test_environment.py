"""Each stage says when, under what and on what it was made; tables and ``show`` tell."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from robench.models import devices
from robench.progress import SilentReporter
from robench.results.info import CellInfo
from robench.results.info_origin import Environment
from robench.results.stage_file import decode
from robench.results.store import Store
from robench.study.environment import describe_checkout, find_commit, record_environment
from robench.study.request import Request
from robench.study.runner import Runner
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from support.hand_made import add_cell
from support.tiny_job import TASK, TinyJob, robench

CPU = torch.device("cpu")
SOMEWHERE = Environment(versions={"torch": "2.13.0"}, processor="Xeon", instructions="avx2", device="cpu", threads=2)


def stages(job: TinyJob, **more: Any) -> list[Stage]:
    """The cell of the reference defense under PWWS."""
    where = {"encoder": str(job.encoder), "data": job.data, "precision": "fp32", "offline": True, **more}
    return Request(defense="base", task=TASK, attack="pwws", preset="quick", **where).stages(SilentReporter())


def planned(job: TinyJob, **more: Any) -> dict[str, str]:
    """Keys of a cell and of its model."""
    (cell,) = stages(job, **more)
    return {"cell": cell.key, "model": cell.needs[0].key}


def values(**changes: Any) -> dict[str, Any]:
    """An environment as ``stage.json`` has it."""
    return msgspec.structs.asdict(SOMEWHERE) | changes


def test_record_environment_on_a_cpu_names_versions_processor_and_threads() -> None:
    before = datetime.now(UTC).replace(microsecond=0)  # the date is cut to seconds
    environment = record_environment(CPU)
    after = datetime.now(UTC)
    assert before <= datetime.fromisoformat(environment.date) <= after
    assert {"robench", "python", "torch", "transformers", "textattack", "numpy"} == environment.versions.keys()
    assert environment.versions["robench"].startswith("0.1.0")
    assert environment.processor and environment.instructions
    assert (environment.device, environment.threads) == ("cpu", torch.get_num_threads())


def test_find_commit_in_a_checkout_is_in_the_version_of_robench() -> None:
    commit = find_commit()
    if not (Path(__file__).parents[2] / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no git checkout")
    assert commit and f"({commit})" in record_environment(CPU).versions["robench"]


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_describe_checkout_says_what_differs_and_leaves_the_index_alone(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    assert describe_checkout(tmp_path) == ""
    file, index = tmp_path / "file", tmp_path / ".git" / "index"
    git("init")
    file.write_text("one", encoding="utf-8")
    git("add", "file")
    git("commit", "--message", "One")
    before = index.read_bytes()
    os.utime(file, (0, 0))
    commit = describe_checkout(tmp_path)
    assert len(commit) == 10 and index.read_bytes() == before
    file.write_text("two", encoding="utf-8")
    assert describe_checkout(tmp_path) == f"{commit}-dirty"


def test_every_stage_of_a_run_stores_its_environment(finished: Path) -> None:
    files = list(finished.glob("*/*/stage.json"))
    infos = [decode(file.read_bytes(), file) for file in files]
    assert {info.kind for info in infos} == {"models", "adversarial", "cells"}
    assert all(info.environment and info.environment.device == "cpu" for info in infos)
    assert all(info.model_environment for info in infos if isinstance(info, CellInfo))


def test_model_key_depends_on_the_number_of_threads(tiny_job: TinyJob) -> None:
    before = planned(tiny_job)
    after = planned(tiny_job, threads=3)
    assert before["model"] != after["model"]
    torch.set_num_threads(torch.get_num_threads() + 1)
    try:
        assert planned(tiny_job) == before
    finally:
        torch.set_num_threads(torch.get_num_threads() - 1)


def test_model_key_depends_on_the_kind_of_device_and_on_a_gpu_not_on_threads(
    tiny_job: TinyJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = planned(tiny_job)
    monkeypatch.setattr(devices, "choose_device", lambda name: torch.device("cuda", 1))
    monkeypatch.setattr(devices, "choose_precision", lambda name, on: "fp32")
    on_gpu = planned(tiny_job)
    assert on_gpu["model"] != before["model"]
    assert devices.identify_hardware(torch.device("cuda", 1), 2) == {"device": "cuda", "threads": None}


def test_run_of_a_stage_that_another_process_made_under_another_label_uses_it(
    finished: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    class Slow(Store):
        """A store in which another process makes every stage just before this one gets the lock."""

        @contextlib.contextmanager
        def lock(self, folder: Path) -> Iterator[bool]:
            (made,) = finished.glob(f"*/*-{folder.name.rpartition('-')[2]}")
            shutil.copytree(made, folder.with_name(f"other-{folder.name}"))
            with super().lock(folder) as is_held:
                yield is_held

    store = Slow(tmp_path / "runs")
    Runner(Context(store, SilentReporter(), CPU, offline=True)).run(stages(tiny_job))
    assert [path.name[:6] for path in store.root.glob("*/[!.]*")] == ["other-", "other-"]


def test_table_of_cells_from_different_environments_says_in_what_they_differ(store: Store) -> None:
    older = values(versions={"torch": "2.13.0", "robench": "0.1.0 (abcdef)"})
    add_cell(store, "base", "pwws", 100, environment=values(), model_environment=older)
    newer = values(versions={"torch": "2.14.0", "robench": "0.1.0 (fedcba)"}, threads=1)
    add_cell(store, "ada", "pwws", 110, environment=values(), model_environment=newer)
    (note,) = (line for line in notes(store) if "different" in line)
    assert "versions of torch (2.13.0, 2.14.0)" in note and "numbers of threads (1, 2)" in note
    assert "commits of robench (abcdef, fedcba)" in note and "versions of robench" not in note
    assert "processors" not in note


def test_table_of_cells_from_one_environment_says_nothing_of_it(store: Store) -> None:
    add_cell(store, "base", "pwws", 100, environment=values())
    add_cell(store, "ada", "pwws", 110, environment=values(date="2026-11-28T10:00:00+00:00"))
    assert not [line for line in notes(store) if "different" in line]


def test_show_of_a_cell_says_when_under_what_and_on_what_it_was_made(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 100, environment=values(date="2026-11-28T10:00"))
    shown = robench("show", cell.key, "--runs", store.root).stdout
    for words in ("2026-11-28T10:00", "torch 2.13.0", "Xeon, avx2, cpu, 2 threads"):
        assert words in shown


def notes(store: Store) -> list[str]:
    found: list[str] = json.loads(robench("table", "5", "--format", "json", "--runs", store.root).stdout)["notes"]
    return found
