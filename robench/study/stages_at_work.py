"""The stages that are being made, and the slots of the executor that their jobs take."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from robench.errors import RobenchError
from robench.progress import Work
from robench.study.executors.job import Executor, Job
from robench.study.shared_rows import SharedRows
from robench.study.stage_folders import Workspace
from robench.study.stages.stage import Stage


@dataclass(eq=False)
class ActiveStage:
    """A stage that is being made.

    Attributes:
        workspace: its folder, and perhaps its lock.
        rows: its rows, if it is an attack that is not summarised yet.
        jobs: its jobs that run.
        progress: its bar of rows.
        work: the piece of work that the bar shows.
        error: what made one of its jobs fail; the others end when they have attacked what they have.
        is_waiting: whether it was said that other processes attack its last rows.
    """

    workspace: Workspace
    rows: SharedRows | None = None
    jobs: list[Job] = field(default_factory=list)
    progress: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    work: Work | None = None
    error: RobenchError | None = None
    is_waiting: bool = False

    @property
    def stage(self) -> Stage:
        """Return the stage."""
        return self.workspace.stage


class StagesAtWork:
    """The stages that are being made with an executor.

    Args:
        executor: runs their jobs.
        threads: number of threads of a training.

    Attributes:
        stages: the stages, by key.
    """

    def __init__(self, executor: Executor, threads: int) -> None:
        self._executor, self._threads = executor, threads
        self.stages: dict[str, ActiveStage] = {}

    @property
    def is_running(self) -> bool:
        """Return whether any of them has a job."""
        return any(active.jobs for active in self.stages.values())

    @property
    def free(self) -> int:
        """Count the slots that no job takes."""
        jobs = [job for active in self.stages.values() for job in active.jobs]
        return self._executor.slots - sum(job.slots for job in jobs)

    def width(self, stage: Stage) -> int:
        """Return the number of slots that must be free for a stage to begin."""
        return min(stage.count_threads(self._threads) or 1, self._executor.slots)

    def fits(self, stage: Stage) -> bool:
        """Return whether there are slots free for a stage to begin."""
        return self.width(stage) <= self.free

    def submit(self, active: ActiveStage, job: Job) -> None:
        """Begin a job of a stage."""
        active.jobs.append(job)
        self._executor.submit(job)
