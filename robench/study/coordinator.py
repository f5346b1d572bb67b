"""The coordinator: it makes the stages of a plan with an executor, several at a time.

How it works: a stage can begin when all stages that it needs are finished. Of those, the one with the longest path to
the end of the plan goes first. Rows of an attack are shared out shard by shard to as many jobs as there are free slots;
once all have a record, one more job summarises them. If another process makes a stage (its lock is held), the others
go on, and it is looked at again later; an attack is shared with that process.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from robench.errors import RobenchError
from robench.progress import LabelledReporter, Reporter, SilentReporter, Work
from robench.results.records import Record
from robench.study.executors.job import AttackJob, Executor, Job, JobEnd, explain_death
from robench.study.ready_stages import ReadyStages
from robench.study.row_intake import RowIntake
from robench.study.run_progress import RunProgress
from robench.study.shared_rows import SharedRows
from robench.study.site import Making, Site
from robench.study.stages.attack import AttackingStage
from robench.study.stages.stage import Stage
from robench.study.time_left import TimeLeft

POLL_SECONDS = 0.3
"""Seconds between two looks at a stage that another process makes."""


@dataclass(eq=False)
class _Part:
    """A stage that is being made.

    Attributes:
        making: its place, and perhaps its lock.
        rows: its rows, if it is an attack that is not summarised yet.
        jobs: its jobs that run.
        progress: its bar of rows.
        work: the piece of work that the bar shows.
    """

    making: Making
    rows: SharedRows | None = None
    jobs: list[Job] = field(default_factory=list)
    progress: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    work: Work | None = None

    @property
    def stage(self) -> Stage:
        return self.making.stage


class Coordinator:
    """Makes stages with an executor.

    Args:
        site: begins and ends the making of stages in the runs folder.
        executor: runs the jobs.
        reporter: shows the progress.
        threads: number of threads of a training.
    """

    def __init__(self, site: Site, executor: Executor, reporter: Reporter, *, threads: int) -> None:
        self._site, self._executor, self._reporter, self._threads = site, executor, reporter, threads
        self._left: dict[str, Stage] = {}
        self._parts: dict[str, _Part] = {}
        self._ready = ReadyStages([], {})
        self._retries: list[_Part] = []  # they run alone, so nothing else begins before
        self._retried: set[str] = set()
        self._lost: list[_Part] = []  # whole stages whose machines were lost
        self._count = 0
        self._run = RunProgress(SilentReporter(), None)
        self._waits: dict[str, float] = {}  # for each key that another process makes, when to look again

    def make(self, stages: Sequence[Stage], ranks: Mapping[str, float], left: TimeLeft | None = None) -> None:
        """Make stages, each after its needs.

        Args:
            stages: the stages, each after its needs.
            ranks: for each key, what orders stages that can begin; the largest goes first.
            left: estimates the time that is left; None shows none.

        Raises:
            RobenchError: something cannot be fetched, stored or computed.
        """
        with self._reporter.track_run(len(stages)) as work:
            self._run = RunProgress(work, left)
            self._make(stages, ranks)

    def _make(self, stages: Sequence[Stage], ranks: Mapping[str, float]) -> None:
        self._left = {stage.key: stage for stage in stages}
        self._ready, self._count = ReadyStages(stages, ranks), len(stages)
        try:
            while self._left:
                count = len(self._left)
                self._begin_jobs()
                if self._is_running:
                    for end in self._executor.wait(POLL_SECONDS if self._depends_on_others else None):
                        self._end_job(end)
                elif len(self._left) == count:
                    time.sleep(POLL_SECONDS)  # another process makes what comes next
        except BaseException:
            self._executor.close()
            raise
        finally:
            for part in self._parts.values():
                self._abandon(part)

    @property
    def _is_running(self) -> bool:
        return any(part.jobs for part in self._parts.values())

    @property
    def _depends_on_others(self) -> bool:
        """Return whether another process works on a stage that this one waits for."""
        return bool(self._waits) or any(part.rows is not None and not part.jobs for part in self._parts.values())

    def _begin_jobs(self) -> None:
        """Begin all jobs that there are slots for."""
        self._look_at_attacks()
        if not self._retries:
            self._begin_lost()
            self._begin_stages()
            self._share_rows()
        elif not self._is_running:
            part = self._retries.pop()
            self._retried.add(part.stage.key)
            if part.rows is None:
                self._submit_whole(part, self._executor.slots)
            else:
                self._share(part, part.rows)

    def _begin_lost(self) -> None:
        """Begin stages again whose machines were lost, as soon as they fit into the free slots."""
        while self._lost and self._width(self._lost[0].stage) <= self._free:
            part = self._lost.pop(0)
            self._submit_whole(part, self._width(part.stage))

    def _begin_stages(self) -> None:
        """Begin all stages that fit into the free slots, in order of their ranks."""
        at, now = 0, time.monotonic()
        while at < len(self._ready):
            stage = self._ready[at]
            is_waiting, fits = stage.key in self._waits, self._width(stage) <= self._free
            if not fits and not is_waiting:
                return  # it goes first, so nothing else fills the slots that it waits for
            if (is_waiting and now < self._waits[stage.key]) or not (making := self._try_begin(stage, now)):
                at += 1
            elif making.is_done:
                del self._ready[at]
                self._finish(stage.key)
            elif not fits:
                self._site.abandon(making)
                return
            else:
                del self._ready[at]
                self._begin(making)

    def _try_begin(self, stage: Stage, now: float) -> Making | None:
        """Lock a stage; None if another process makes it."""
        making = self._site.begin(stage)
        if making is not None:
            self._waits.pop(stage.key, None)
            return making
        if stage.key not in self._waits:
            self._reporter.say(f"    {stage.title}: another process is making this stage: waiting")
        self._waits[stage.key] = now + POLL_SECONDS
        return None

    def _begin(self, making: Making) -> None:
        stage = making.stage
        self._parts[stage.key] = part = _Part(making)
        self._run.begin(stage)
        self._reporter.announce_stage(self._ready.number(stage), self._count, f"{stage.title} ({stage.key})")
        if isinstance(stage, AttackingStage):
            part.rows = self._site.share_rows(making)
            self._show(part, part.rows)
            self._share(part, part.rows)
        else:
            self._submit_whole(part, self._width(stage))

    def _share_rows(self) -> None:
        """Give rows of attacks that run to further jobs, as long as slots are free."""
        for part in sorted(self._parts.values(), key=lambda part: self._ready.order(part.stage)):
            if part.rows is not None:
                self._share(part, part.rows)

    def _share(self, part: _Part, rows: SharedRows) -> None:
        """Begin jobs for the rows of an attack, one in each free slot; after a death, one that has all slots."""
        slots = self._executor.slots if part.stage.key in self._retried else 1
        while self._free >= slots and not self._is_waited_for(part.stage) and (first := rows.take()):
            self._submit(part, self._attack_job(part, rows, first, slots))

    def _look_at_attacks(self) -> None:
        """Summarise attacks of which all rows have a record, and finish those that another process has finished."""
        for part in list(self._parts.values()):
            if part.rows is None or part.jobs:
                continue
            if self._site.is_made(part.making):
                part.rows.close()
                self._finish(part.stage.key)
            elif part.rows.is_complete() and self._site.lock_again(part.making):
                self._summarise(part, part.rows)

    def _summarise(self, part: _Part, rows: SharedRows) -> None:
        if part.making.is_done:  # by another process, just now
            rows.close()
            self._finish(part.stage.key)
            return
        self._site.merge_rows(part.making, rows)
        part.rows = None
        part.progress.close()
        self._submit_whole(part, 1)

    def _submit_whole(self, part: _Part, slots: int) -> None:
        stage = part.stage
        threads = stage.count_threads(self._threads)
        reporter = self._run.watch(stage, self._reporter_of(stage))
        self._submit(part, Job(stage, part.making.place, slots, threads, reporter))

    def _attack_job(self, part: _Part, rows: SharedRows, first: list[int], slots: int) -> AttackJob:
        stage = part.stage
        assert isinstance(stage, AttackingStage), "only attacks have rows"

        def count(record: Record) -> None:
            if part.work is not None:
                part.work.advance(1, record.status)
            self._run.advance(stage, 1, record.seconds)

        intake = RowIntake(
            rows, first, lambda: self._executor.slots // slots, lambda: self._is_waited_for(stage), count
        )
        threads = stage.count_threads(self._threads)
        return AttackJob(stage, part.making.place, slots, threads, self._reporter_of(stage), intake)

    def _reporter_of(self, stage: Stage) -> Reporter:
        """Return the reporter of a stage, which names it if several stages are made at the same time."""
        return self._reporter if self._executor.slots == 1 else LabelledReporter(self._reporter, stage.title)

    def _is_waited_for(self, stage: Stage) -> bool:
        """Return whether something that goes before this stage waits for free slots."""
        return bool(self._retries or self._lost) or any(
            other.key not in self._waits and self._width(other) > self._free for other in self._ready.before(stage)
        )

    def _submit(self, part: _Part, job: Job) -> None:
        part.jobs.append(job)
        self._executor.submit(job)

    def _end_job(self, end: JobEnd) -> None:
        part = self._parts[end.job.stage.key]
        part.jobs.remove(end.job)
        if end.lost:
            self._retry(part, end)
        elif end.error is not None:
            raise end.error
        elif part.rows is None:
            self._site.end(part.making)
            self._finish(part.stage.key)

    def _retry(self, part: _Part, end: JobEnd) -> None:
        """See to it that a job whose process died is run again."""
        if part.stage.key in self._retried and not end.is_machine_lost:
            raise RobenchError(f"{part.stage.title}: the process that computed it {explain_death(end.exit_code)}")
        if isinstance(end.job, AttackJob):
            end.job.rows.give_back()
        if end.is_machine_lost:
            self._reporter.warn(f"    {part.stage.title}: the machine that computed it was lost; another one goes on")
            if not isinstance(end.job, AttackJob):
                self._lost.append(part)
            return
        self._reporter.warn(
            f"    {part.stage.title}: the process that computed it ended unexpectedly; it is tried again, alone"
        )
        if part not in self._retries:  # several of its processes may die at once
            self._retries.append(part)

    def _finish(self, key: str) -> None:
        part = self._parts.pop(key, None)
        if part is not None:
            part.progress.close()
            part.making.lock.close()
        del self._left[key]
        self._ready.finish(key)
        self._run.finish(key)

    def _abandon(self, part: _Part) -> None:
        part.progress.close()
        if part.rows is not None:
            part.rows.close()
        self._site.abandon(part.making)

    def _width(self, stage: Stage) -> int:
        """Return the number of slots that must be free for a stage to begin."""
        return min(stage.count_threads(self._threads) or 1, self._executor.slots)

    @property
    def _free(self) -> int:
        jobs = [job for part in self._parts.values() for job in part.jobs]
        return self._executor.slots - sum(job.slots for job in jobs)

    def _show(self, part: _Part, rows: SharedRows) -> None:
        """Begin to show the progress of an attack."""
        work = self._reporter_of(part.stage).track("attacking", "text", total=rows.total, done=rows.finished)
        part.work = part.progress.enter_context(work)
        self._run.begin(part.stage, rows.finished / max(1, rows.total))
