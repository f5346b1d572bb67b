"""Whole runs with several jobs: the results of one job, whoever is killed, and nobody left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from robench.results.info import CellInfo
from robench.results.store import Store
from support.processes import Processes, Run
from support.runs import contents, leftovers, lines
from support.tiny_job import TinyJob, robench, write_data
from support.workers import wait_for_end, workers_of

TEXTS = 128
"""Attacked where somebody is killed in the middle: a worker searches 64 of them at a time."""

NOISY = """
import logging
from dataclasses import dataclass
import robench
from robench.defenses.base import Base

@robench.register("noisy")
@dataclass(frozen=True, kw_only=True)
class Noisy(Base):
    '''Base, which prints and logs.'''

    def loss(self, networks, batch):
        print("printed by a plug-in")
        logging.getLogger("robench.noisy").warning("logged by a plug-in")
        return super().loss(networks, batch)
"""
SLOW = """
import os
import time
from dataclasses import dataclass
from pathlib import Path
import robench
from robench.defenses.base import Base

@robench.register("slow")
@dataclass(frozen=True, kw_only=True)
class Slow(Base):
    '''Base, which tells that it is trained, and takes its time.'''

    def loss(self, networks, batch):
        (Path(__file__).parent / f"trains-{{os.getpid()}}").touch()
        {body}
        return super().loss(networks, batch)
"""
BROKEN = """
from dataclasses import dataclass
import robench
from robench.attacks.pwws import PWWS

@robench.register("broken")
@dataclass(frozen=True, kw_only=True)
class Broken(PWWS):
    '''An attack that cannot be built.'''

    def build(self, victim):
        raise LookupError("no such word")
"""


def plugin(folder: Path, text: str) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plug.py").write_text(text, encoding="utf-8")
    return ["--plugin", str(folder / "plug.py")]


COMMON = ("--threads", "1")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return plugin(tmp_path_factory.mktemp("noisy"), NOISY)


@pytest.fixture(scope="module")
def one_job(tiny_job: TinyJob, noisy: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs folder of a run in one process."""
    runs = tmp_path_factory.mktemp("one") / "runs"
    done = robench(*tiny_job.command(runs, *COMMON, *noisy, "--jobs", "1", defense="base,noisy,ada"))
    assert done.exit_code == 0, done.output
    return runs


def check_same_run(one: Path, runs: Path, stdout: str) -> None:
    """Compare a run with several jobs with one in one process."""
    assert len(contents(one)) == 7 and contents(runs) == contents(one)
    assert leftovers(runs) == [] and workers_of(os.getpid()) == []
    shown = robench("table", "5", "--runs", runs)
    assert stdout.strip() and stdout.splitlines()[0] == shown.stdout.splitlines()[0]


def test_two_jobs_give_the_results_of_one_and_print_the_table_alone(
    processes: Processes, tiny_job: TinyJob, one_job: Path, noisy: list[str], tmp_path: Path
) -> None:
    command = tiny_job.command(tmp_path / "runs", *COMMON, *noisy, "--jobs", "2", defense="base,noisy,ada")
    run = processes.start(*command, warm_workers=True)
    assert run.wait() == 0, run.stderr
    check_same_run(one_job, tmp_path / "runs", run.stdout)
    assert "printed by a plug-in" in run.stderr and "printed by a plug-in" not in run.stdout
    assert run.stderr.count("logged by a plug-in") == 1, "though every step logs it"
    assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_three_jobs_give_the_results_of_one(
    tiny_job: TinyJob, one_job: Path, noisy: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With workers that import everything themselves."""
    done = robench(*tiny_job.command(tmp_path / "runs", *COMMON, *noisy, "--jobs", "3", defense="base,noisy,ada"))
    assert done.exit_code == 0, done.output
    check_same_run(one_job, tmp_path / "runs", done.stdout)
    printed = capfd.readouterr()
    assert printed.out == "" and "printed by a plug-in" not in done.stdout
    assert "printed by a plug-in" in printed.err and "Traceback" not in printed.err + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not torch.cpu.get_capabilities().get("avx512_bf16"), reason="this processor has no fast bfloat16")
def test_two_jobs_give_the_results_of_one_in_bfloat16(tiny_job: TinyJob, noisy: list[str], tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        options = [*COMMON, *noisy, "--precision", "bf16", "--jobs", jobs]
        done = robench(*tiny_job.command(tmp_path / jobs, *options, defense="base,noisy,ada"))
        assert done.exit_code == 0, done.output
    check_same_run(tmp_path / "1", tmp_path / "2", done.stdout)


def test_parts_of_an_unfinished_attack_trouble_no_reader_and_the_next_run_goes_on(
    finished: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    (cell,) = runs.glob("cells/*-base-pwws-*")
    (cell / "stage.json").unlink()
    good = (cell / "records.jsonl").read_bytes().splitlines(keepends=True)
    (cell / ".parts").mkdir()
    (cell / "records.jsonl").write_bytes(b"".join(good[:4]) + good[4][:-9])
    (cell / ".parts" / "0a1b2c3d.jsonl").write_bytes(b"".join(good[4:9]) + good[9][:20])
    with FileLock(cell / ".parts" / "0a1b2c3d.lock"), FileLock(cell / ".parts" / "shard-0.lock"):
        for command in (["verify"], ["doctor"], ["table", "5"], ["show", "ada-pwws"]):
            read = robench(*command, "--runs", runs) if command != ["doctor"] else robench("doctor")
            assert "Traceback" not in read.output and ".parts" not in read.output
            assert (
                read.exit_code == robench(*command, *([] if command == ["doctor"] else ["--runs", finished])).exit_code
            )
    again = robench(*tiny_job.command(runs, defense="base", attack="pwws"))
    assert again.exit_code == 0 and "attacking: 16 texts" in again.stderr
    assert contents(runs) == contents(finished) and leftovers(runs) == []
    assert (cell / "records.jsonl").read_bytes().splitlines(keepends=True)[:9] == good[:9], "no row is attacked again"


# From here on: who dies when, in processes of their own.


@pytest.fixture(scope="module")
def long_job(tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> TinyJob:
    return replace(tiny_job, data=write_data(tmp_path_factory.mktemp("long"), train=16, dev=4, test=TEXTS))


@pytest.fixture(scope="module")
def undisturbed(long_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed") / "runs"
    done = robench(*long_job.command(runs, *COMMON, "--jobs", "1", "--attack-limit", str(TEXTS)))
    assert done.exit_code == 0, done.output
    return runs


def start(processes: Processes, job: TinyJob, runs: Path, *more: str, jobs: int = 2, **options: Any) -> Run:
    command = [*COMMON, "--jobs", str(jobs), "--attack-limit", str(TEXTS), *more]
    return processes.start(*job.command(runs, *command, **options), warm_workers=True)


@pytest.mark.slow
def test_worker_killed_in_the_middle_of_an_attack_changes_no_result(
    processes: Processes, long_job: TinyJob, undisturbed: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    started = start(processes, long_job, runs)
    started.kill_worker_when(lambda: lines(runs) >= 5)
    assert started.wait() == 0, started.stderr
    assert started.stderr.count("ended unexpectedly; it is tried again, alone") == 1
    assert "Traceback" not in started.stderr
    assert contents(runs) == contents(undisturbed) and leftovers(runs) == []


@pytest.mark.slow
def test_worker_killed_in_the_middle_of_a_training_changes_no_result(
    processes: Processes, tiny_job: TinyJob, tmp_path: Path
) -> None:
    slow = plugin(tmp_path / "plug", SLOW.format(body="time.sleep(0.3)"))
    assert robench(*tiny_job.command(tmp_path / "one", *COMMON, *slow, "--jobs", "1", defense="slow")).exit_code == 0
    for mark in (tmp_path / "plug").glob("trains-*"):
        mark.unlink()
    started = start(processes, tiny_job, tmp_path / "two", *slow, defense="slow")
    started.kill_worker_when(lambda: any((tmp_path / "plug").glob("trains-*")))
    assert started.wait() == 0, started.stderr
    assert "train slow on mr, seed 42: the process that computed it ended unexpectedly" in started.stderr
    assert contents(tmp_path / "two") == contents(tmp_path / "one") and leftovers(tmp_path / "two") == []


@pytest.mark.slow
def test_worker_that_dies_twice_on_a_stage_ends_the_run_with_a_sentence(
    processes: Processes, tiny_job: TinyJob, tmp_path: Path
) -> None:
    fatal = plugin(tmp_path / "plug", SLOW.format(body="os.kill(os.getpid(), 9)"))
    started = start(processes, tiny_job, tmp_path / "runs", *fatal, defense="slow")
    assert started.wait() == 2
    assert "train slow on mr, seed 42: the process that computed it ended unexpectedly twice" in started.stderr
    assert "Traceback" not in started.stderr and started.stdout == ""
    assert leftovers(tmp_path / "runs") == []


@pytest.mark.slow
def test_attack_that_cannot_be_built_ends_the_run_as_with_one_job(tiny_job: TinyJob, tmp_path: Path) -> None:
    broken = plugin(tmp_path / "plug", BROKEN)
    one, two = (
        robench(*tiny_job.command(tmp_path / jobs, *COMMON, *broken, "--jobs", jobs, attack="broken"))
        for jobs in ("1", "2")
    )
    assert one.exit_code == two.exit_code == 2 and two.stdout == ""
    assert "no such word" in two.stderr and "Traceback" not in two.stderr
    sentences = {done.stderr[done.stderr.index("robench:") :] for done in (one, two)}
    assert len(sentences) == 1, sentences
    assert workers_of(os.getpid()) == [] and leftovers(tmp_path / "2") == []
    assert not list((tmp_path / "2").glob("cells/*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
    ids=["INT", "TERM", "HUP", "KILL"],
)
def test_coordinator_that_ends_takes_its_workers_along_and_the_next_run_goes_on(
    processes: Processes, long_job: TinyJob, undisturbed: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    runs = tmp_path / "runs"
    started = start(processes, long_job, runs)
    workers: list[int] = []

    def is_attacked() -> bool:
        workers[:] = workers_of(started.id)
        return lines(runs) >= 5

    assert started.signal_when(is_attacked, number, seconds=240) == code, started.stderr
    assert workers
    wait_for_end(workers)
    assert "Traceback" not in started.stderr and started.stdout == ""
    assert ("the same command continues from there" in started.stderr) == (code > 0)
    (file,) = runs.glob("cells/*/records.jsonl")
    kept = [line for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    assert 5 <= len(kept) < TEXTS and not Store(runs).stages(CellInfo)
    again = robench(*long_job.command(runs, *COMMON, "--jobs", "1", "--attack-limit", str(TEXTS)))
    assert again.exit_code == 0
    assert file.read_bytes().splitlines(keepends=True)[: len(kept)] == kept
    assert contents(runs) == contents(undisturbed) and leftovers(runs) == []


RACES = 5
"""Times that two runs are started at once; they share the work in one of these at least."""


def attacked_by(run: Run) -> int:
    """The number of rows that a run attacked itself, from its tally of outcomes."""
    (tally,) = re.findall(r"attacking: [\d,]+ texts in .*", run.stderr)
    return sum(int(count) for count in re.findall(r"(\d+) (?:failed|skipped|succeeded|error)", tally))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [(2, 2), (2, 1)], ids=["two and two", "two and one"])
def test_two_runs_at_once_share_the_rows_and_attack_none_twice(
    processes: Processes, long_job: TinyJob, undisturbed: Path, tmp_path: Path, jobs: tuple[int, int]
) -> None:
    shared = []
    for race in range(RACES):  # on a busy machine one run may be through before the other has loaded the model
        runs = tmp_path / f"runs{race}"
        both = [start(processes, long_job, runs, jobs=count) for count in jobs]
        assert [one.wait() for one in both] == [0, 0], [one.stderr for one in both]
        assert both[0].stdout == both[1].stdout and "base" in both[0].stdout
        assert contents(runs) == contents(undisturbed) and leftovers(runs) == []
        counts = [attacked_by(one) for one in both]
        assert sum(counts) == TEXTS
        shared.append(all(counts))
        if shared[-1]:
            break
    assert any(shared)


@pytest.mark.slow
def test_run_beside_one_that_is_killed_finishes_everything(
    processes: Processes, long_job: TinyJob, undisturbed: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    killed, other = (start(processes, long_job, runs, jobs=count) for count in (2, 1))
    assert killed.signal_when(lambda: lines(runs) >= 5, signal.SIGKILL, seconds=240) == -9
    assert other.wait() == 0, other.stderr
    assert contents(runs) == contents(undisturbed) and leftovers(runs) == []
