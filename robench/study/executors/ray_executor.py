"""The executor that runs jobs in workers of a Ray cluster.

How it works: an actor is asked for at once for each job that may run at a time; Ray places it as soon as a node has
room. The slots are the workers that have started, so they grow with the cluster, and shrink if a node dies. A worker
that died is asked for again. Workers share no disk with this process (:mod:`robench.study.executors.ray_relay`).
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from robench.errors import RobenchError
from robench.paths import read_regular
from robench.study.environment import record_environment
from robench.study.executors.job import JobEnd
from robench.study.executors.messages import Origin
from robench.study.executors.processes import make_hello
from robench.study.executors.ray_cluster import RayCluster
from robench.study.executors.ray_link import Freight, RayLink
from robench.study.executors.workers import WorkerExecutor, WorkerHandle
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from robench.study.values import Jobs

_START_SECONDS = 60.0
"""Seconds without a worker after which the user is told what is waited for."""
_MOST_FAILURES = 5
"""Number of workers that may die before they have started, one after another."""


class RayExecutor(WorkerExecutor):
    """An executor that runs jobs in workers of a Ray cluster.

    Args:
        context: store, reporter and device; also runs what cannot be sent.
        jobs: number of workers; ``auto`` for as many as the cluster has room for.
        address: of the cluster; None starts a local one, which ends with the executor.
        stages: the stages that are to be made, whose models need room in a worker.
        any_processor: whether nodes may have processors with other instructions than this machine.

    Raises:
        RobenchError: there is no cluster, or a worker cannot start.
    """

    def __init__(
        self,
        context: Context,
        jobs: Jobs = "auto",
        address: str | None = None,
        *,
        stages: Sequence[Stage] = (),
        any_processor: bool = False,
    ) -> None:
        self._cluster = RayCluster(address, None if jobs == "auto" else jobs)
        self._failures = 0
        with contextlib.ExitStack() as stack:
            stack.callback(self._cluster.close)
            device = context.device.type
            count = self._cluster.count_workers(stages, device) if jobs == "auto" else jobs
            origin = Origin(record_environment(context.device), any_processor)
            hello = make_hello(context)._replace(origin=origin)
            plugins = {path: read_regular(Path(path)) for path in hello.plugins}
            run = identify_run(context.store.root)
            freight = Freight(context.store)
            resources = {"num_cpus": 1, "num_gpus": 0 if device == "cpu" else 1}
            super().__init__(context, count, lambda: RayLink(freight, run, hello, plugins, resources))
            stack.callback(super().close)
            for _ in range(count):
                self._start()
            self._wait_for_worker()
            stack.pop_all()

    @property
    def slots(self) -> int:
        """Return the number of workers that have started."""
        return max(1, sum(worker.is_ready for worker in self._workers))

    def close(self) -> None:
        """End all workers, even in the middle of a job, and a local cluster."""
        try:
            super().close()
        finally:
            self._cluster.close()

    def _wait_for_worker(self) -> None:
        """Wait until a worker has started, since nothing can begin before."""
        last, is_told = time.monotonic() + _START_SECONDS, False
        while not any(worker.is_ready for worker in self._workers):
            self.wait(None if is_told else max(0.0, last - time.monotonic()))
            if not is_told and time.monotonic() >= last:
                is_told = True
                self._context.reporter.warn("note: no worker has started yet; perhaps the Ray cluster has no free CPU.")

    def _bury(self, worker: WorkerHandle) -> JobEnd | None:
        """Remove a worker that died, ask for another one, and return the end of its job."""
        self._failures = 0 if worker.is_ready else self._failures + 1
        if self._failures > _MOST_FAILURES:
            raise RobenchError(
                "workers of the Ray cluster die before they have started; `ray logs` shows what they said. --executor"
                " processes works without Ray."
            )
        end = super()._bury(worker)
        self._start()
        return end


def identify_run(runs: Path) -> str:
    """Return what stands for a runs folder of this machine on the nodes."""
    return hashlib.sha256(f"{platform.node()} {runs}".encode()).hexdigest()[:16]
