"""``robench run --dry-run --jobs N``: the time for a number of jobs, and the critical path."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support.runs import snapshot
from support.tiny_job import TinyJob, robench

NAMES = {"defense": "base,ada", "attack": "pwws,deepwordbug"}


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "runs"))


def plan(job: TinyJob, runs: Path, *more: str, **names: str) -> list[str]:
    done = robench(*job.command(runs, "--dry-run", *more, **NAMES | names))
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_one_job_takes_the_time_of_all_stages_and_several_jobs_take_less(tiny_job: TinyJob, runs: Path) -> None:
    before = snapshot(runs)
    *_, schedule, path, total = plan(tiny_job, runs, "--existing", "always", "--jobs", "1")
    found = re.match(r"9 stages to do, about (.+) by the pace", total)
    assert found and schedule.startswith(f"one job at a time: about {found[1]} for ")
    assert schedule.endswith("of which up to 1 run side by side; 100% of the jobs' time is used.")
    assert path.startswith("critical path: about ") and "however many jobs there are: train base on mr" in path
    chain = path.partition("there are: ")[2].rpartition(";")[0].split(" > ")
    assert chain[0] == "train base on mr, seed 42" and chain[-1].startswith("attack ada on mr with ")
    assert [step.split(" on ")[0] for step in chain[1:3]][1].startswith("train ada against ")
    *_, several, same_path, _ = plan(tiny_job, runs, "--existing", "always", "--jobs", "64")
    assert several.startswith("64 jobs at a time: about ") and same_path.partition(";")[0] == path.partition(";")[0]
    assert snapshot(runs) == before


def test_times_are_lower_bounds_if_a_pace_is_not_known(tiny_job: TinyJob, runs: Path, tmp_path: Path) -> None:
    *_, schedule, path, total = plan(tiny_job, runs, "--jobs", "2", "--existing", "always", defense="base,fgsm")
    assert "some paces are not known yet" in total
    assert schedule.startswith("2 jobs at a time: more than ") and path.startswith("critical path: more than ")
    *_, row, total = plan(tiny_job, tmp_path / "none")
    assert "more than 0 s" in total and re.search("[0-9a-f]{16}$", row), "nothing is known, and nothing is said"


def test_finished_plan_has_no_schedule(tiny_job: TinyJob, runs: Path) -> None:
    assert plan(tiny_job, runs)[-1] == "nothing to do: all of it is there."


@pytest.mark.parametrize(("jobs", "told"), [("0", "--jobs 0 is out of range"), ("x", "a whole number")])
def test_number_of_jobs_is_checked(tiny_job: TinyJob, tmp_path: Path, jobs: str, told: str) -> None:
    done = robench(*tiny_job.command(tmp_path / "runs", "--dry-run", "--jobs", jobs))
    assert done.exit_code == 2 and told in done.stderr
