"""The stages that have to be tried again because a process died.

How it works: the job of a process that died may have taken all memory, so it is tried once more, alone, with all slots.
If it dies again, it ends the run. A job whose whole machine was lost is not to blame: it begins again as soon as it
fits into the free slots.
"""

from __future__ import annotations

from collections.abc import Callable

from robench.errors import RobenchError
from robench.progress import Reporter
from robench.study.executors.job import AttackJob, JobEnd, explain_death
from robench.study.stages.stage import Stage
from robench.study.stages_at_work import ActiveStage


class Retries:
    """The stages that have to be tried again.

    Args:
        reporter: is told why.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._alone: list[ActiveStage] = []
        self._tried: set[str] = set()
        self._lost: list[ActiveStage] = []  # whole stages whose machines were lost

    def __bool__(self) -> bool:
        """Return whether a stage waits to be tried again."""
        return bool(self._alone or self._lost)

    @property
    def is_next_alone(self) -> bool:
        """Return whether the next one has to be alone, so that nothing else begins before it."""
        return bool(self._alone)

    def runs_alone(self, stage: Stage) -> bool:
        """Return whether a stage is the one that is tried again, so that each of its jobs has all slots."""
        return stage.key in self._tried

    def add(self, active: ActiveStage, end: JobEnd) -> None:
        """See to it that a job whose process died is run again.

        Raises:
            RobenchError: it has been tried again already.
        """
        title = active.stage.title
        if self.runs_alone(active.stage) and not end.is_machine_lost:
            raise RobenchError(f"{title}: the process that computed it {explain_death(end.exit_code)}")
        if isinstance(end.job, AttackJob):
            end.job.rows.give_back()
        if end.is_machine_lost:
            self._reporter.warn(f"    {title}: the machine that computed it was lost; another one goes on")
            if not isinstance(end.job, AttackJob):
                self._lost.append(active)
            return
        self._reporter.warn(f"    {title}: the process that computed it ended unexpectedly; it is tried again, alone")
        if active not in self._alone:  # several of its processes may die at once
            self._alone.append(active)

    def drop(self, active: ActiveStage) -> None:
        """Do not try a stage again of which nothing is left: a process may die after its last record."""
        if active in self._alone:
            self._alone.remove(active)

    def take_alone(self) -> ActiveStage:
        """Remove and return a stage that runs alone from now on."""
        active = self._alone.pop()
        self._tried.add(active.stage.key)
        return active

    def take_lost(self, fits: Callable[[Stage], bool]) -> ActiveStage | None:
        """Remove and return the first stage whose machine was lost; None if there is none, or it does not fit yet."""
        return self._lost.pop(0) if self._lost and fits(self._lost[0].stage) else None
