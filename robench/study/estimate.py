"""Estimates of how long stages will take, made from finished stages, also for a schedule."""

from __future__ import annotations

from statistics import median

from robench.results.inspection import KINDS
from robench.results.store import Store
from robench.study.schedule import ScheduledStage
from robench.study.stages.stage import RecordsStage, Stage

UNKNOWN_PACE = 0.02
"""Seconds of a step or a text of a stage that nothing is known of."""


class Estimator:
    """Estimates the seconds of a stage by the median pace of comparable stages in a runs folder."""

    def __init__(self, store: Store) -> None:
        self._finished = [stage.info for kind in KINDS for stage in store.stages(kind, names=())]
        self._seconds: dict[str, float | None] = {}

    def seconds(self, stage: Stage) -> float | None:
        """Return the seconds that a stage will take; None if there is nothing to go by."""
        if stage.key not in self._seconds:
            self._seconds[stage.key] = self._estimate(stage)
        return self._seconds[stage.key]

    def _estimate(self, stage: Stage) -> float | None:
        encoder = stage.setting.encoder.digest
        comparable = [i for i in self._finished if i.encoder.digest == encoder and stage.resembles(i)]
        same_task = [info for info in comparable if info.task == stage.data.task]
        paces = [
            info.timing.seconds / count
            for info in same_task or comparable
            if info.timing and (count := getattr(info.timing, stage.size.timing))
        ]
        pace = median(paces) if paces else stage.usual_pace
        return None if pace is None else pace * stage.size.count  # times are rounded: of a fast model they are 0

    def guess_seconds(self, stage: Stage) -> float:
        """Return the seconds that a stage will take, by a usual pace if there is nothing to go by."""
        known = self.seconds(stage)
        return stage.size.count * UNKNOWN_PACE if known is None else known


def schedule_stage(stage: Stage, seconds: float, threads: int) -> ScheduledStage:
    """Describe a stage for a schedule.

    Args:
        stage: the stage.
        seconds: its estimated time.
        threads: number of threads of a training.
    """
    return ScheduledStage(
        key=stage.key,
        name=stage.title,
        kind=stage.work_kind,
        seconds=seconds,
        threads=stage.count_threads(threads) or 1,
        needs=tuple(need.key for need in stage.needs),
        rows=stage.size.count if isinstance(stage, RecordsStage) else 0,
    )
