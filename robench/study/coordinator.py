"""The coordinator: it makes the stages of a plan with an executor, several at a time.

How it works: a stage can begin when all stages that it needs are finished. Of those, the one with the longest path to
the end of the plan goes first. Rows of an attack are shared out shard by shard to as many jobs as there are free slots;
once all have a record, one more job summarises them. If another process makes a stage (its lock is held), the others
go on, and it is looked at again later; an attack is shared with that process. If the code of one defense, attack or
model fails, the stages that do not need it are made before the run ends with all such failures; any other error ends it
at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from robench.errors import RobenchError, release_values, spares_others
from robench.progress import Reporter, SilentReporter
from robench.results.records import Record
from robench.study.executors.job import AttackJob, Executor, Job, JobEnd
from robench.study.failures import StageFailure
from robench.study.ready_stages import ReadyStages
from robench.study.reporters import LabelledReporter
from robench.study.retries import Retries
from robench.study.row_intake import RowIntake
from robench.study.run_progress import RunProgress
from robench.study.shared_rows import SharedRows
from robench.study.stage_folders import StageFolders, Workspace
from robench.study.stages.attack import AttackingStage
from robench.study.stages.stage import Stage
from robench.study.stages_at_work import ActiveStage, StagesAtWork
from robench.study.time_left import TimeLeft

POLL_SECONDS = 0.3
"""Seconds between two looks at a stage that another process makes."""


class Coordinator:
    """Makes stages with an executor.

    Args:
        folders: begins and ends the making of stages in the runs folder.
        executor: runs the jobs.
        reporter: shows the progress.
        threads: number of threads of a training.
    """

    def __init__(self, folders: StageFolders, executor: Executor, reporter: Reporter, *, threads: int) -> None:
        self._folders, self._executor, self._reporter, self._threads = folders, executor, reporter, threads
        self._left: dict[str, Stage] = {}
        self._work = StagesAtWork(executor, threads)
        self._ready = ReadyStages([], {})
        self._retries = Retries(reporter)
        self._failures: list[StageFailure] = []
        self._count = 0
        self._run = RunProgress(SilentReporter(), None)
        self._waits: dict[str, float] = {}  # for each key that another process makes, when to look again

    def make(
        self, stages: Sequence[Stage], ranks: Mapping[str, float], left: TimeLeft | None = None
    ) -> list[StageFailure]:
        """Make stages, each after its needs.

        Args:
            stages: the stages, each after its needs.
            ranks: for each key, what orders stages that can begin; the largest goes first.
            left: estimates the time that is left; None shows none.

        Returns:
            The failures of stages; those that do not need them are finished.

        Raises:
            RobenchError: something cannot be fetched, stored or computed.
        """
        with self._reporter.track_run(len(stages)) as work:
            self._run = RunProgress(work, left)
            self._make(stages, ranks)
        return self._failures

    def _make(self, stages: Sequence[Stage], ranks: Mapping[str, float]) -> None:
        self._left = {stage.key: stage for stage in stages}
        self._ready, self._count = ReadyStages(stages, ranks), len(stages)
        try:
            while self._left:
                count = len(self._left)
                self._begin_jobs()
                if self._work.is_running:
                    for end in self._executor.wait(POLL_SECONDS if self._depends_on_others else None):
                        self._end_job(end)
                elif len(self._left) == count:
                    time.sleep(POLL_SECONDS)  # another process makes what comes next
        except BaseException:
            self._executor.close()
            raise
        finally:
            for active in self._work.stages.values():
                self._abandon(active)

    @property
    def _depends_on_others(self) -> bool:
        """Return whether another process works on a stage that this one waits for."""
        stages = self._work.stages.values()
        return bool(self._waits) or any(active.rows is not None and not active.jobs for active in stages)

    def _begin_jobs(self) -> None:
        """Begin all jobs that there are slots for."""
        self._look_at_attacks()
        if not self._retries.is_next_alone:
            self._begin_lost()
            self._begin_stages()
            self._share_rows()
        elif not self._work.is_running:
            active = self._retries.take_alone()
            if active.rows is None:
                self._submit_whole(active, self._executor.slots)
            else:
                self._share(active, active.rows)

    def _begin_lost(self) -> None:
        """Begin stages again whose machines were lost, as soon as they fit into the free slots."""
        while active := self._retries.take_lost(self._work.fits):
            self._submit_whole(active, self._work.width(active.stage))

    def _begin_stages(self) -> None:
        """Begin all stages that fit into the free slots, in order of their ranks."""
        at, now = 0, time.monotonic()
        while at < len(self._ready):
            stage = self._ready[at]
            is_waiting, fits = stage.key in self._waits, self._work.fits(stage)
            if not fits and not is_waiting:
                return  # it goes first, so nothing else fills the slots that it waits for
            if (is_waiting and now < self._waits[stage.key]) or not (workspace := self._try_begin(stage, now)):
                at += 1
            elif workspace.is_done:
                del self._ready[at]
                self._finish(stage.key)
            elif not fits:
                self._folders.abandon(workspace)
                return
            else:
                del self._ready[at]
                self._begin(workspace)

    def _try_begin(self, stage: Stage, now: float) -> Workspace | None:
        """Lock a stage; None if another process makes it."""
        workspace = self._folders.begin(stage)
        if workspace is not None:
            self._waits.pop(stage.key, None)
            return workspace
        if stage.key not in self._waits:
            self._reporter.say(f"    {stage.title}: another process is making this stage: waiting")
        self._waits[stage.key] = now + POLL_SECONDS
        return None

    def _begin(self, workspace: Workspace) -> None:
        stage = workspace.stage
        self._work.stages[stage.key] = active = ActiveStage(workspace)
        self._run.begin(stage)
        self._reporter.announce_stage(self._ready.number(stage), self._count, f"{stage.title} ({stage.key})")
        if isinstance(stage, AttackingStage):
            active.rows = self._folders.share_rows(workspace)
            self._show(active, active.rows)
            self._share(active, active.rows)
        else:
            self._submit_whole(active, self._work.width(stage))

    def _share_rows(self) -> None:
        """Give rows of attacks that run to further jobs, as long as slots are free."""
        for active in sorted(self._work.stages.values(), key=lambda active: self._ready.order(active.stage)):
            if active.rows is not None:
                self._share(active, active.rows)

    def _share(self, active: ActiveStage, rows: SharedRows) -> None:
        """Begin jobs for the rows of an attack, one in each free slot; after a death, one that has all slots."""
        slots = self._executor.slots if self._retries.runs_alone(active.stage) else 1
        while self._work.free >= slots and self._may_go_on(active):
            if not (first := rows.take()):
                self._tell_of_wait(active, rows)
                return
            self._work.submit(active, self._attack_job(active, rows, first, slots))

    def _tell_of_wait(self, active: ActiveStage, rows: SharedRows) -> None:
        """Say once that the rows which are left are those of other processes."""
        if not active.jobs and rows.finished < rows.total and not active.is_waiting:
            active.is_waiting = True
            self._reporter.say(f"    {active.stage.title}: another process attacks the last rows: waiting")

    def _look_at_attacks(self) -> None:
        """Summarise attacks of which all rows have a record, and finish those that another process has finished."""
        for active in list(self._work.stages.values()):
            rows = active.rows
            if rows is None or active.jobs:
                continue
            is_complete = rows.is_complete()
            self._show_finished(active, rows)
            if self._folders.is_made(active.workspace):
                rows.close()
                self._finish(active.stage.key)
            elif is_complete and self._folders.lock_again(active.workspace):
                self._summarise(active, rows)

    def _summarise(self, active: ActiveStage, rows: SharedRows) -> None:
        if active.workspace.is_done:  # by another process, just now
            rows.close()
            self._finish(active.stage.key)
            return
        self._folders.merge_rows(active.workspace, rows)
        active.rows = None
        active.progress.close()
        self._retries.drop(active)
        self._submit_whole(active, 1)

    def _submit_whole(self, active: ActiveStage, slots: int) -> None:
        stage = active.stage
        threads = stage.count_threads(self._threads)
        reporter = self._run.watch(stage, self._reporter_of(stage))
        self._work.submit(active, Job(stage, active.workspace.place, slots, threads, reporter))

    def _attack_job(self, active: ActiveStage, rows: SharedRows, first: list[int], slots: int) -> AttackJob:
        stage = active.stage
        assert isinstance(stage, AttackingStage), "only attacks have rows"

        def count(record: Record) -> None:
            if active.work is not None:
                active.work.advance(1, record.status)
            self._run.advance(stage, 1, record.seconds)
            self._show_finished(active, rows)

        intake = RowIntake(
            rows, first, lambda: self._executor.slots // slots, lambda: not self._may_go_on(active), count
        )
        threads = stage.count_threads(self._threads)
        return AttackJob(stage, active.workspace.place, slots, threads, self._reporter_of(stage), intake)

    def _reporter_of(self, stage: Stage) -> Reporter:
        """Return the reporter of a stage, which names it if several stages are made at the same time."""
        return self._reporter if self._executor.slots == 1 else LabelledReporter(self._reporter, stage.title)

    def _may_go_on(self, active: ActiveStage) -> bool:
        """Return whether an attack may have more rows: it has not failed, and nothing before it waits for slots."""
        return not (active.error or self._retries) and all(
            other.key in self._waits or self._work.fits(other) for other in self._ready.before(active.stage)
        )

    def _end_job(self, end: JobEnd) -> None:
        active = self._work.stages[end.job.stage.key]
        active.jobs.remove(end.job)
        if end.error is not None:
            if not spares_others(end.error):
                raise end.error
            release_values(end.error)
            active.error = active.error or end.error
        if active.error is not None:
            if not active.jobs:
                self._fail(active, active.error)
        elif end.lost:
            self._retries.add(active, end)
        elif active.rows is None:
            self._folders.end(active.workspace)
            self._finish(active.stage.key)

    def _fail(self, active: ActiveStage, error: RobenchError) -> None:
        """Give a stage up, and all stages that need it."""
        del self._work.stages[active.stage.key]
        self._retries.drop(active)
        self._abandon(active)
        dependents = self._ready.find_dependents(active.stage.key) & self._left.keys()  # others may be given up already
        for key in (active.stage.key, *dependents):
            del self._left[key]
            self._run.drop(key)
        self._failures.append(StageFailure(active.stage.title, error, len(dependents)))
        if self._left or len(self._failures) > 1:  # if not, the end of the run tells it at once
            self._reporter.warn(f"    {self._failures[-1]} What does not need it is made.")

    def _finish(self, key: str) -> None:
        active = self._work.stages.pop(key, None)
        if active is not None:
            self._retries.drop(active)
            active.progress.close()
            active.workspace.lock.close()
        del self._left[key]
        self._ready.finish(key)
        self._run.finish(key)

    def _abandon(self, active: ActiveStage) -> None:
        active.progress.close()
        if active.rows is not None:
            active.rows.close()
        self._folders.abandon(active.workspace)

    def _show(self, active: ActiveStage, rows: SharedRows) -> None:
        """Begin to show the progress of an attack."""
        work = self._reporter_of(active.stage).track("attacking", "text", total=rows.total, done=rows.finished)
        active.work = active.progress.enter_context(work)
        self._show_finished(active, rows)

    def _show_finished(self, active: ActiveStage, rows: SharedRows) -> None:
        """Show how many rows of an attack have a record, by this process or by another one."""
        if active.work is not None:
            active.work.set_progress(rows.finished, rows.total)
        self._run.begin(active.stage, rows.finished / max(1, rows.total))
