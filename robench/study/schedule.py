"""A simulated schedule: how long stages take if several units of work run at a time, and what limits that.

How it works: a stage that attacks rows is divided into shards (:mod:`robench.study.shared_rows`), any other is one
unit. A unit can start when the stages that it needs are whole, and occupies one slot for each of its threads, but no
more than there are. Units wait in a queue in the order of their *levels*: the time from their start to the end of the
study if nothing else were in the way. The first of the queue starts as soon as its slots are free, and nothing
overtakes it; otherwise shards, which are short and need one slot, would keep a training from ever getting two. Time
then jumps to the next end of a unit. The *critical path* is the longest chain of stages that need each other, each as
long as its longest unit: no number of slots makes the study shorter.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from robench.errors import RobenchError
from robench.study.shared_rows import SHARD_ROWS

WorkKind = Literal["train", "fuse", "attack", "measure", "check"]
"""Training, fusing networks, attacking rows, measuring statistics, examining a user's model."""


@dataclass(frozen=True)
class ScheduledStage:
    """A stage, as a schedule sees it.

    Attributes:
        key: identifies it.
        name: what users call it.
        kind: the kind of work.
        seconds: its time if all of it is done one after another.
        threads: slots that each of its units occupies.
        needs: keys of the stages that have to be whole before it starts; those that are not scheduled count as whole.
        rows: number of rows that can be attacked apart from each other; 0 if it cannot be divided.
    """

    key: str
    name: str
    kind: WorkKind
    seconds: float
    threads: int = 1
    needs: tuple[str, ...] = ()
    rows: int = 0

    @cached_property
    def units(self) -> tuple[float, ...]:
        """Return the seconds of its units, the longest first: of its shards, or of the whole stage."""
        if not self.rows:
            return (self.seconds,)
        pace = self.seconds / self.rows
        whole, rest = divmod(self.rows, SHARD_ROWS)
        return (pace * SHARD_ROWS,) * whole + ((pace * rest,) if rest else ())


@dataclass(frozen=True)
class Schedule:
    """The result of a simulation.

    Attributes:
        jobs: number of slots.
        makespan: seconds from the start to the end.
        work: slot-seconds: the seconds of each unit, for each slot that it occupies.
        units: number of units.
        peak: most units that run at the same time.
        path: the stages of the critical path in their order.
        path_seconds: length of the critical path.
    """

    jobs: int
    makespan: float
    work: float
    units: int
    peak: int
    path: tuple[ScheduledStage, ...]
    path_seconds: float

    @property
    def efficiency(self) -> float:
        """Return the share of all slots' time that is used, 0 to 1; 1 if there is nothing to do."""
        return self.work / (self.jobs * self.makespan) if self.makespan else 1.0

    @property
    def useful_jobs(self) -> int:
        """Return the number of slots that keeps the critical path, and not the amount of work, from being the limit."""
        return math.ceil(self.work / self.path_seconds) if self.path_seconds else 1


def simulate(stages: Sequence[ScheduledStage], jobs: int) -> Schedule:
    """Simulate stages on a number of slots.

    Args:
        stages: the stages, each after those that it needs.
        jobs: number of slots, at least 1.

    Raises:
        RobenchError: there is no slot.
    """
    if jobs < 1:
        raise RobenchError(f"a schedule needs at least 1 job, not {jobs}.")
    by_key = {stage.key: stage for stage in stages}
    levels = find_levels(stages, jobs)
    makespan, peak = _run(by_key, levels, jobs)
    path = _find_path(stages)
    return Schedule(
        jobs=jobs,
        makespan=makespan,
        work=math.fsum(stage.seconds * min(stage.threads, jobs) for stage in by_key.values()),
        units=sum(len(stage.units) for stage in by_key.values()),
        peak=peak,
        path=path,
        path_seconds=math.fsum(stage.units[0] for stage in path),
    )


def _needs(stage: ScheduledStage, by_key: Mapping[str, ScheduledStage]) -> list[ScheduledStage]:
    return [by_key[key] for key in dict.fromkeys(stage.needs) if key in by_key]


def _find_followers(by_key: Mapping[str, ScheduledStage]) -> dict[str, list[ScheduledStage]]:
    followers: dict[str, list[ScheduledStage]] = {key: [] for key in by_key}
    for stage in by_key.values():
        for need in _needs(stage, by_key):
            followers[need.key].append(stage)
    return followers


def find_levels(order: Sequence[ScheduledStage], jobs: int) -> dict[str, float]:
    """Return by key the seconds from the start of a stage to the end of the longest chain behind it.

    A divided stage is taken to have all slots, and is at least as long as one of its units.

    Args:
        order: the stages, each after those that it needs.
        jobs: number of slots.
    """
    by_key = {stage.key: stage for stage in order}
    behind = dict.fromkeys(by_key, 0.0)
    levels = {}
    for stage in reversed(order):
        levels[stage.key] = behind[stage.key] + max(stage.units[0], stage.seconds / min(jobs, len(stage.units)))
        for need in _needs(stage, by_key):
            behind[need.key] = max(behind[need.key], levels[stage.key])
    return levels


def _run(by_key: Mapping[str, ScheduledStage], levels: Mapping[str, float], jobs: int) -> tuple[float, int]:
    """Return the time of the last end, and the most units that ran at the same time."""
    followers = _find_followers(by_key)
    waiting = {key: len(_needs(stage, by_key)) for key, stage in by_key.items()}
    left = {key: len(stage.units) for key, stage in by_key.items()}
    begun = dict.fromkeys(by_key, 0)
    number = {key: i for i, key in enumerate(by_key)}
    queue = [(-levels[key], number[key], key) for key in by_key if not waiting[key]]
    heapq.heapify(queue)
    running: list[tuple[float, int, str]] = []
    now, free, peak = 0.0, jobs, 0
    while queue or running:
        while queue and (slots := min(by_key[queue[0][2]].threads, jobs)) <= free:
            stage = by_key[queue[0][2]]
            heapq.heappush(running, (now + stage.units[begun[stage.key]], number[stage.key], stage.key))
            free, begun[stage.key] = free - slots, begun[stage.key] + 1
            if begun[stage.key] == len(stage.units):
                heapq.heappop(queue)
        peak = max(peak, len(running))
        now, _, key = heapq.heappop(running)
        free, left[key] = free + min(by_key[key].threads, jobs), left[key] - 1
        if not left[key]:
            for follower in followers[key]:
                waiting[follower.key] -= 1
                if not waiting[follower.key]:
                    heapq.heappush(queue, (-levels[follower.key], number[follower.key], follower.key))
    return now, peak


def _find_path(order: Sequence[ScheduledStage]) -> tuple[ScheduledStage, ...]:
    """Return the longest chain of stages that need each other, by the longest unit of each."""
    by_key = {stage.key: stage for stage in order}
    ends: dict[str, float] = {}
    before: dict[str, ScheduledStage | None] = {}
    for stage in order:
        before[stage.key] = max(_needs(stage, by_key), key=lambda need: ends[need.key], default=None)
        previous = before[stage.key]
        ends[stage.key] = stage.units[0] + (ends[previous.key] if previous else 0.0)
    last = max(order, key=lambda stage: ends[stage.key], default=None)
    path = []
    while last is not None:
        path.append(last)
        last = before[last.key]
    return tuple(reversed(path))
