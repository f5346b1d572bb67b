"""The time that a run has left: a simulated schedule of what remains, corrected by what was measured in this run.

How it works: each stage has an estimate, see :mod:`robench.study.estimate`. While stages are made, what they took is
compared with their estimates: a stage's own ratio counts as soon as enough of it is done, then that of all stages of
its kind, then that of all kinds. The rest of each stage, at its corrected pace, is scheduled on the jobs at hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from robench.study.schedule import ScheduledStage, simulate

OWN_SECONDS, SHARED_SECONDS = 2.0, 1.0
"""Measured seconds from which on the ratio of one stage, or of several, is believed: the first ones are start-up."""


@dataclass
class _Measurement:
    """What was measured of some work.

    Attributes:
        expected: estimated seconds of what is done.
        seconds: seconds that it took.
    """

    expected: float = 0.0
    seconds: float = 0.0

    def find_ratio(self, least: float) -> float | None:
        """Return how much longer it took than expected; None if it took less than ``least`` seconds."""
        return self.seconds / self.expected if self.seconds >= least and self.expected > 0 else None


@dataclass
class _State:
    """A stage that is not finished.

    Attributes:
        stage: the stage, as it was estimated.
        is_known: whether the estimate has anything to go by.
        done: share of it that is done, 0 to 1.
        begun: when it began, by the clock.
        measured: what was measured of it.
    """

    stage: ScheduledStage
    is_known: bool
    measured: _Measurement
    done: float = 0.0
    begun: float | None = None


class TimeLeft:
    """An estimate of the time that a plan has left.

    Args:
        stages: the stages that are to be made, with their estimated times.
        jobs: number of jobs at a time.
        unknown: keys of the stages whose estimate has nothing to go by.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        stages: Sequence[ScheduledStage],
        jobs: int,
        unknown: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs, self._clock = jobs, clock
        self._left = {stage.key: _State(stage, stage.key not in unknown, _Measurement()) for stage in stages}
        self._kinds: dict[tuple[str, bool], _Measurement] = {}
        self._all = _Measurement()

    def begin(self, key: str, done: float = 0.0) -> None:
        """Note that a stage begins, or continues.

        Args:
            key: the stage.
            done: share of it that was done before.
        """
        if state := self._left.get(key):
            state.begun, state.done = self._clock(), done

    def advance(self, key: str, share: float, seconds: float) -> None:
        """Note that more of a stage is done.

        Args:
            key: the stage.
            share: the share of the whole stage that was done.
            seconds: what one job took for it.
        """
        if state := self._left.get(key):
            state.done = min(1.0, state.done + share)
            self._measure(state, share, seconds)

    def finish(self, key: str) -> None:
        """Note that a stage is finished."""
        state = self._left.pop(key, None)
        if state is not None and state.begun is not None and not state.measured.seconds and not state.stage.rows:
            self._measure(state, 1.0, self._clock() - state.begun)

    def drop(self, key: str) -> None:
        """Note that a stage will not be made."""
        self._left.pop(key, None)

    def estimate(self) -> float | None:
        """Return the seconds until everything is finished; None if nothing is known of some of it."""
        stages = []
        for state in self._left.values():
            if (ratio := self._find_ratio(state)) is None:
                return None
            rest = 1 - state.done
            seconds = state.stage.seconds * rest * ratio
            stages.append(replace(state.stage, seconds=seconds, rows=round(state.stage.rows * rest)))
        return simulate(stages, self._jobs).makespan

    def _measure(self, state: _State, share: float, seconds: float) -> None:
        kind = self._kinds.setdefault((state.stage.kind, state.is_known), _Measurement())
        for measured in (state.measured, kind, *([self._all] if state.is_known else [])):
            measured.expected += share * state.stage.seconds
            measured.seconds += seconds

    def _find_ratio(self, state: _State) -> float | None:
        if not state.stage.seconds or state.stage.kind not in ("train", "attack"):
            return self._all.find_ratio(SHARED_SECONDS) or 1.0  # little, so a guess will do
        own = state.measured.find_ratio(OWN_SECONDS)
        kind = self._kinds.get((state.stage.kind, state.is_known), _Measurement()).find_ratio(SHARED_SECONDS)
        ratio = own if own is not None else kind
        if ratio is None and state.is_known:
            ratio = self._all.find_ratio(SHARED_SECONDS) or 1.0
        return ratio
