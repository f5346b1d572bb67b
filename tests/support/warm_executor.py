"""Workers that have started and attacked something before a benchmark begins, so that only its own work is timed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from robench.progress import SilentReporter
from robench.study.coordinator import Coordinator
from robench.study.executors.processes import ProcessExecutor
from robench.study.stage_folders import StageFolders
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage


@dataclass(frozen=True)
class Warm:
    """Workers that are ready.

    Attributes:
        start_up: the seconds from nothing to the end of the first attack.
        measure: makes stages, and returns the seconds that it takes.
    """

    start_up: float
    measure: Callable[[Sequence[Stage]], float]


@contextlib.contextmanager
def warm_workers(context: Context, jobs: int, first: Stage) -> Iterator[Warm]:
    """Start workers, let them attack the shards of a first stage, and end them after the block."""

    def measure(stages: Sequence[Stage]) -> float:
        started = time.perf_counter()
        assert not Coordinator(StageFolders(context), executor, SilentReporter(), threads=1).make(stages, {})
        return time.perf_counter() - started

    executor = ProcessExecutor(context, jobs)
    with contextlib.closing(executor):
        yield Warm(measure([first]), measure)
