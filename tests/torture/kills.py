"""Kills: a small run is killed at random moments, with SIGKILL, and resumed until it is whole.

How it works: an undisturbed run in one process says what has to come out. A trial is a runs folder of its own; its run
is killed at a moment that is drawn as a number of changes of that folder, or as a time, and started again at once. What
is finished or written at a kill is noted, and has to be there in the end (:mod:`torture.survival`). A seed decides what
is drawn; what the run does at that moment, the machine decides.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from robench.errors import RobenchError
from support.processes import Processes, Run
from support.runs import leftovers
from support.tiny_job import TinyJob, robench, write_data, write_encoder
from support.workers import workers_of
from torture.survival import Kept, Tally, Whole, fingerprint

OPTIONS = ("--threads", "1", "--attack-limit", "40")
OFTEN = """
from dataclasses import dataclass
import robench
from robench.defenses.base import Base
from robench.training import checkpoints

checkpoints.SHORTEST_INTERVAL = checkpoints.INTERVAL_PER_WRITE = 0.0  # a checkpoint after each step, in workers too

@robench.register("often")
@dataclass(frozen=True, kw_only=True)
class Often(Base):
    '''Base, whose file lets all trainings write checkpoints often.'''
"""
MOST_KILLS = 6
"""Kills of one run; then it may end."""
LONGEST = 600.0
"""Seconds of one start of a run; more is a hang."""
MOST_FAULTS = 20
"""Faults of a kind, after which no more is killed."""
TWICE = "ended unexpectedly twice"
"""How a run ends of which two workers died on one stage; it is started again."""


class FaultError(Exception):
    """A run that did not go on as it should."""


@dataclass(frozen=True)
class Ground:
    """What all trials share.

    Attributes:
        job: the encoder and the data.
        options: options of its command.
        processes: starts the runs.
        whole: the undisturbed run.
        changes: the number of changes of the runs folder that were seen in a run with two jobs.
        seconds: how long it took.
    """

    job: TinyJob
    options: tuple[str, ...]
    processes: Processes
    whole: Whole
    changes: int
    seconds: float

    def command(self, runs: Path, jobs: int) -> list[str]:
        """Return the arguments of a run."""
        return self.job.command(runs, *self.options, "--jobs", str(jobs), defense="base,ada", attack="deepwordbug")


def prepare(folder: Path, processes: Processes) -> Ground:
    """Write encoder and data, and make the undisturbed run, once with one job and once with two.

    The source should not be edited meanwhile: tables note if results were made under different versions.

    Raises:
        FaultError: a run fails, or the two differ.
    """
    (folder / "often.py").write_text(OFTEN, encoding="utf-8")
    job = TinyJob(write_encoder(folder / "encoder"), write_data(folder / "data", train=40, dev=6, test=40))
    options = (*OPTIONS, "--plugin", str(folder / "often.py"))
    ground = Ground(job, options, processes, Whole({}, ""), 0, 0.0)
    one = processes.start(*ground.command(folder / "one", 1))
    if one.wait():
        raise FaultError(f"the undisturbed run fails: {one.stderr}")
    whole, tally = Whole.read(folder / "one", one.stdout), Tally()
    began = time.monotonic()
    two = processes.start(*ground.command(folder / "two", 2), warm_workers=True)
    changes = sum(1 for _ in watch(two, folder / "two"))
    seconds = time.monotonic() - began
    if two.wait():
        raise FaultError(f"the undisturbed run with two jobs fails: {two.stderr}")
    whole.compare(Whole.read(folder / "two", two.stdout), tally)
    if tally.faults:
        raise FaultError(f"two jobs give other results: {'; '.join(tally.faults)}")
    return Ground(job, options, processes, whole, changes, seconds)


def watch(run: Run, runs: Path) -> Iterator[None]:
    """Yield at each change of a runs folder that is seen, until a run ends.

    Raises:
        FaultError: it does not end.
    """
    end, before = time.monotonic() + LONGEST, fingerprint(runs)
    while run.is_alive:
        if time.monotonic() > end:
            os.kill(run.id, signal.SIGKILL)
            raise FaultError(f"a run hangs: {run.stderr[-2000:]}")
        if (now := fingerprint(runs)) != before:
            before = now
            yield
        time.sleep(0.01)


class Trial:
    """A runs folder, whose run is killed again and again until it is whole.

    Args:
        ground: what all trials share.
        runs: the folder.
        stream: draws the moments.
        most: number of kills at most.
    """

    def __init__(self, ground: Ground, runs: Path, stream: random.Random, most: int) -> None:
        self.ground, self.runs, self.stream, self.most = ground, runs, stream, most
        self.kept: list[Kept] = []

    @property
    def may_kill(self) -> bool:
        """Return whether there are kills left."""
        return len(self.kept) < self.most

    def start(self, jobs: int) -> Run:
        """Start or resume the run; one in ten with workers that import everything themselves."""
        is_warm = self.stream.random() < 0.9
        return self.ground.processes.start(*self.ground.command(self.runs, jobs), warm_workers=is_warm)

    def wait_for_moment(self, run: Run, share: float = 1.0) -> bool:
        """Wait until a moment that is drawn from a share of the run; return whether the run still goes on."""
        if self.stream.random() < 0.3:  # by time: also while everything is imported, or a worker computes
            last = time.monotonic() + self.stream.uniform(0, share * self.ground.seconds)
            while run.is_alive and time.monotonic() < last:
                time.sleep(0.01)
            return run.is_alive
        changes = self.stream.randint(0, max(1, round(share * self.ground.changes)))
        delay = self.stream.choice((0.0, self.stream.uniform(0, 0.2)))
        for number, _ in enumerate(watch(run, self.runs)):
            if number >= changes:
                time.sleep(delay)
                break
        return run.is_alive

    def kill(self, *processes: int) -> None:
        """Kill processes at this moment, and note what the folder has then."""
        for process in processes:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.kill(process, signal.SIGKILL)
        self.kept.append(Kept.read(self.runs))

    def wait(self, run: Run) -> int:
        """Wait until a run ends, and return its exit code."""
        for _ in watch(run, self.runs):
            pass
        code = run.wait()
        if code not in (0, 2) or "Traceback" in run.stderr:
            raise FaultError(f"a run ends with {code}: {run.stderr[-3000:]}")
        return code

    def finish(self, run: Run, tally: Tally) -> None:
        """Wait until the run is whole, and judge what came out."""
        if self.wait(run):
            raise FaultError(f"a run ends with a sentence: {run.stderr[-3000:]}")
        self.ground.whole.compare(Whole.read(self.runs, run.stdout), tally)
        for kept in self.kept:
            kept.compare(tally)
        if strays := leftovers(self.runs):
            tally.faults.append(f"left behind: {', '.join(strays)}")
        verified = robench("verify", "--runs", self.runs)
        if verified.exit_code:
            tally.faults.append(f"verify: {verified.output}")


def kill_coordinator(trial: Trial, tally: Tally) -> None:
    """Kill the command itself; its workers end by themselves, while it is started again."""
    run = trial.start(2)
    while trial.may_kill and trial.wait_for_moment(run):
        trial.kill(run.id)
        run.wait()
        run = trial.start(trial.stream.choice((2, 2, 2, 1)))
    trial.finish(run, tally)


def kill_worker(trial: Trial, tally: Tally) -> None:
    """Kill a worker, or all of them at once; its run goes on by itself, unless two die on one stage."""
    run = trial.start(2)
    while True:
        while trial.may_kill and trial.wait_for_moment(run, 0.5):
            if workers := workers_of(run.id):
                is_alone = trial.stream.random() < 0.8
                trial.kill(*([trial.stream.choice(workers)] if is_alone else workers))
        if not trial.wait(run) or TWICE not in run.stderr:
            break
        run = trial.start(2)
    trial.finish(run, tally)


def kill_one_of_two(trial: Trial, tally: Tally) -> None:
    """Kill one of two commands that share a runs folder; the other one makes everything."""
    killed, other = (trial.start(trial.stream.choice((1, 2))) for _ in range(2))
    if trial.wait_for_moment(killed):
        trial.kill(killed.id)
    killed.wait()
    trial.finish(other, tally)


KINDS: dict[str, tuple[Callable[[Trial, Tally], None], int, int]] = {
    "coordinator": (kill_coordinator, MOST_KILLS, 1),
    "worker": (kill_worker, MOST_KILLS, 1),
    "one-of-two": (kill_one_of_two, 1, 5),
}
"""The kinds of kills: what does them, the most in one trial, and one of how many of the moments are asked for."""


def kill_at_moments(
    kind: str,
    ground: Ground,
    folder: Path,
    seed: int,
    moments: int,
    *,
    keep: bool = False,
    tell: Callable[[str], object] = str,
) -> Tally:
    """Kill runs until so many moments were hit, and return what came of it.

    Args:
        kind: whom to kill.
        ground: what the trials share.
        folder: where their runs folders go.
        seed: decides what is drawn.
        moments: number of kills; divided for kinds that take long.
        keep: whether to leave the runs folders of trials with a fault.
        tell: receives how far it is, after each trial.
    """
    kill, most, divisor = KINDS[kind]
    stream, tally, number = random.Random(f"{kind} {seed}"), Tally(), 0
    moments = -(-moments // divisor)
    while tally.moments < moments and len(tally.faults) < MOST_FAULTS:
        runs, faults = folder / f"{kind}-{number}", len(tally.faults)
        trial = Trial(ground, runs, stream, min(most, moments - tally.moments))
        try:
            kill(trial, tally)
        except (FaultError, RobenchError, AssertionError) as error:  # the last two, of results that cannot be read
            tally.faults.append(str(error))
        tally.moments += len(trial.kept)
        is_right = len(tally.faults) == faults
        tally.survived += len(trial.kept) if is_right else 0
        if is_right or not keep:
            shutil.rmtree(runs, ignore_errors=True)
        else:
            tally.faults[faults] += f" ({runs})"
        wrong = "".join(f"; {fault}" for fault in tally.faults[faults:])
        tell(f"{kind}: killed at {tally.moments} of {moments} moments{wrong[:500]}")
        number += 1
    return tally
