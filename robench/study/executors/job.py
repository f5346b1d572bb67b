"""Jobs, and the contract of executors.

A job is a unit of work: the making of a whole stage, or a share of the rows of an attack, which several jobs of one
stage take shard by shard. The coordinator submits jobs and waits for their ends, much as with ``concurrent.futures``;
an executor runs them, in this process or in others.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from robench.errors import RobenchError
from robench.progress import Reporter
from robench.results.records import Record
from robench.study.stages.attack import AttackingStage
from robench.study.stages.stage import Stage


@dataclass(eq=False)
class Job:
    """The making of a whole stage.

    Attributes:
        stage: the stage.
        folder: the folder to store its result in.
        slots: number of slots that it occupies.
        threads: number of threads to compute with; None for as many as the process uses.
        reporter: receives the progress.
    """

    stage: Stage
    folder: Path
    slots: int
    threads: int | None
    reporter: Reporter


class JobRows(Protocol):
    """The rows that a job attacks."""

    def take(self) -> Sequence[int] | None:
        """Return the positions of the rows to attack next.

        An empty sequence ends the job; None says that there are none until the job has given a record of those that it
        has.
        """

    def keep(self, record: Record) -> None:
        """Keep the record of a row."""

    def give_back(self) -> None:
        """Release the rows that were taken and have no record, because the process that attacked them died."""


@dataclass(eq=False)
class AttackJob(Job):
    """The attack on rows of a stage, a shard at a time.

    Attributes:
        stage: the stage.
        rows: the rows to attack.
    """

    stage: AttackingStage
    rows: JobRows


@dataclass(frozen=True)
class JobEnd:
    """The end of a job.

    Attributes:
        job: the job.
        error: the error that ended it; None if it was finished.
        lost: whether the process that ran it died, so that it may be run again.
        is_machine_lost: whether it died with its whole machine, for which the job is not to blame.
        exit_code: of that process, see :attr:`robench.study.executors.link.Link.exit_code`.
    """

    job: Job
    error: RobenchError | None = None
    lost: bool = False
    is_machine_lost: bool = False
    exit_code: int | None = None


def explain_death(exit_code: int | None) -> str:
    """Return how a process died that was tried twice, and what may help, as the rest of a sentence.

    Args:
        exit_code: as in :class:`JobEnd`.
    """
    kept = "What was finished is kept: run again"
    if exit_code is not None and exit_code >= 0:
        return (
            f"ended itself with exit code {exit_code} twice, the second time alone: code in it called os._exit, or made"
            f" the interpreter stop. {kept} when that is mended; --jobs 1 computes in one process."
        )
    return (
        f"{_name_signal(exit_code)} twice, the second time alone; it possibly ran out of memory. {kept} with fewer"
        " --jobs, or on a machine with more memory."
    )


def _name_signal(exit_code: int | None) -> str:
    """Return how a signal ended a process; SIGKILL is how a system ends one that needs too much memory."""
    if exit_code is None or exit_code == -signal.SIGKILL:
        return "ended unexpectedly"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"was ended by signal {-exit_code}"


class Executor(Protocol):
    """An executor of jobs; closing it ends them all."""

    @property
    def slots(self) -> int:
        """Return the number of threads that all jobs together may occupy now; a job that needs more runs alone."""

    def submit(self, job: Job) -> None:
        """Begin a job, or let it begin by the next :meth:`wait`."""

    def wait(self, timeout: float | None) -> list[JobEnd]:
        """Wait until jobs end, and return their ends.

        Args:
            timeout: most seconds to wait; None waits without limit.
        """

    def close(self) -> None:
        """End all jobs, even in the middle."""
