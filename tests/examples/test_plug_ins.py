"""The examples of an attack, a task and a package; ``tests/plugins`` runs that of a defense."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from robench.results.info import CellInfo
from robench.results.store import Store
from support.runs import attacked, cells, outcome
from support.tiny_job import TinyJob, robench, write_data

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_examples_of_an_attack_and_a_task_run(tiny_job: TinyJob, tmp_path: Path, forget_plugins: None) -> None:
    command: list[object] = [
        "run",
        "--defense",
        "base",
        "--task",
        "weather",
        "--attack",
        "slips",
        "--set",
        "slips.words=1",
    ]
    command += ["--plugin", EXAMPLES / "my_attack.py", "--plugin", EXAMPLES / "my_task.py", "--runs", tmp_path / "runs"]
    command += ["--preset", "quick", "--encoder", tiny_job.encoder, "--attack-limit", "12", "--train-limit", "40"]
    done = robench(*command, "--offline")
    assert done.exit_code == 0, done.output
    (stage,) = Store(tmp_path / "runs").stages(CellInfo)
    assert outcome(stage).n == 12 and stage.info.labels == ("dry", "wet")
    assert stage.info.data.source == "my_task.py, first version" and stage.info.attack.changed == {"words": 1}
    ((_, cell),) = cells(tmp_path / "runs").items()
    changed = {record.words_changed for record in attacked(cell) if record.status == "succeeded"}
    assert changed <= {1}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the package of the examples, without what it depends on."""
    source = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(EXAMPLES / "robench-plugin-lookalikes", source)
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*pip, "--target", str(folder), str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def elsewhere(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process that has the package."""
    command = [sys.executable, "-m", "robench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(site)})


@pytest.mark.slow
@pytest.mark.network
def test_the_package_of_the_examples_brings_what_its_entry_points_name(site: Path) -> None:
    listed = json.loads(elsewhere(site, "list", "--format", "json").stdout)
    found = {row["name"]: row["summary"] for rows in listed.values() for row in rows if "lookalikes" in row["from"]}
    assert found == {
        "look-alikes": "Letters that look alike, from other alphabets.",
        "smoothed": "A part of the label's probability is shared among all labels.",
        "very-smoothed": "The same with more of it: a defense is a class, or an instance of one with other fields.",
        "mail": "mail that is wanted or not; rows from --data DIR/mail",
    }


@pytest.mark.slow
def test_the_package_of_the_examples_runs(site: Path, tiny_job: TinyJob, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", train=12, dev=4, test=6, task="mail")
    fixed = [
        "--data",
        data,
        "--encoder",
        tiny_job.encoder,
        "--preset",
        "quick",
        "--offline",
        "--runs",
        tmp_path / "runs",
    ]
    done = elsewhere(site, "run", "-d", "base,smoothed,very-smoothed", "-a", "look-alikes", "-t", "mail", *fixed)
    assert done.returncode == 0, done.stderr
    stages = {stage.info.defense.name: stage for stage in Store(tmp_path / "runs").stages(CellInfo)}
    assert set(stages) == {"base", "smoothed", "very-smoothed"}
    assert {outcome(stage).n for stage in stages.values()} == {6}
    assert stages["very-smoothed"].info.defense.fields == {"share": 0.3}
