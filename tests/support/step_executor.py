"""An executor in this process that takes a step at a time, so that a test sees what runs beside what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from robench.errors import RobenchError
from robench.study.executors.job import AttackJob, Job, JobEnd
from robench.study.stages.context import Context
from support.row_sharer import result


@dataclass
class StepExecutor:
    """In a step, every job of a whole stage goes on by one, and every attack records a shard.

    Attributes:
        context: what stages are made in.
        slots: number of slots.
        steps: for a stage's title, the steps that its making takes; by default one.
        deaths: for a stage's title, how many of its jobs die in their first step.
        late_deaths: for the title of an attack, how many of its jobs die when no row is left, before they end.
        errors: for the title of an attack, an error of its first job, after a row.
        is_machine_lost: whether they die with their machines.
        before_step: called at the beginning of a step with its number.
        log: in each step, the titles of the jobs that run.
    """

    context: Context
    slots: int
    steps: dict[str, int] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    late_deaths: dict[str, int] = field(default_factory=dict)
    errors: dict[str, RobenchError] = field(default_factory=dict)
    is_machine_lost: bool = False
    before_step: Callable[[int], None] = lambda step: None
    log: list[list[str]] = field(default_factory=list)
    jobs: dict[Job, int] = field(default_factory=dict)
    threads: dict[str, int | None] = field(default_factory=dict)
    is_closed: bool = False

    def submit(self, job: Job) -> None:
        assert sum(one.slots for one in [*self.jobs, job]) <= self.slots, "more than there are slots"
        self.jobs[job] = self.steps.get(job.stage.title, 1)
        self.threads[job.stage.title] = job.threads

    def wait(self, timeout: float | None) -> list[JobEnd]:
        self.before_step(len(self.log))
        self.log.append(sorted(job.stage.title for job in self.jobs))
        ends = [end for job in list(self.jobs) if (end := self._step(job))]
        for end in ends:
            del self.jobs[end.job]
        return ends

    def close(self) -> None:
        self.is_closed = True

    def _step(self, job: Job) -> JobEnd | None:
        title = job.stage.title
        if self.deaths.get(title, 0):
            self.deaths[title] -= 1
            if isinstance(job, AttackJob):
                for row in list(job.rows.take() or [])[:1]:
                    job.rows.keep(result(row))
            return JobEnd(job, lost=True, is_machine_lost=self.is_machine_lost)
        if isinstance(job, AttackJob):
            rows = job.rows.take()
            if rows and title in self.errors:
                job.rows.keep(result(rows[0]))
                return JobEnd(job, self.errors.pop(title))
            for row in rows or []:
                job.rows.keep(result(row))
            if rows != []:
                return None
            is_lost = self.late_deaths.get(title, 0) > 0
            self.late_deaths[title] = self.late_deaths.get(title, 0) - is_lost
            return JobEnd(job, lost=is_lost)
        self.jobs[job] -= 1
        if self.jobs[job]:
            return None
        try:
            job.stage.make(self.context, job.folder)
        except RobenchError as error:
            return JobEnd(job, error)
        return JobEnd(job)
