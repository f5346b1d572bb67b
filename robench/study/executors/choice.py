"""The choice of an executor, as the options of a run have it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self

from robench.errors import RobenchError
from robench.study.executors.capacity import choose_jobs
from robench.study.executors.job import Executor
from robench.study.executors.processes import ProcessExecutor
from robench.study.executors.serial import SerialExecutor
from robench.study.options import CommonOptions
from robench.study.stages.context import Context
from robench.study.values import ExecutorName, Jobs


@dataclass(frozen=True)
class ExecutorChoice:
    """The choice of an executor.

    Attributes:
        name: its name; ``auto`` is ``serial`` for one job, else ``processes``.
        jobs: number of jobs at a time.
        ray_address: the Ray cluster; None starts a local one.
        ray_any_processor: whether its nodes may have processors with other instructions than this machine.
    """

    name: ExecutorName = "auto"
    jobs: Jobs = "auto"
    ray_address: str | None = None
    ray_any_processor: bool = False

    @classmethod
    def of(cls, options: CommonOptions) -> Self:
        """Return the choice that options of a run make."""
        return cls(options.executor, options.jobs, options.ray_address, options.ray_any_processor)

    def check(self) -> None:
        """Check that the options fit together.

        Raises:
            RobenchError: they do not.
        """
        if self.name != "ray" and (self.ray_address or self.ray_any_processor):
            option = "--ray-address" if self.ray_address else "--ray-any-processor"
            raise RobenchError(f"{option} is for --executor ray; give that as well, or leave {option} out.")
        if self.name == "serial" and self.jobs not in (1, "auto"):
            raise RobenchError(
                f"--executor serial runs one job at a time, and --jobs {self.jobs} asks for more; leave one of the two"
                " out."
            )

    def count_jobs(self, device: str, seconds: float) -> int:
        """Return the number of jobs at a time.

        Args:
            device: the kind of device that models run on.
            seconds: estimated seconds of all work.

        Raises:
            RobenchError: there is no such cluster, or Ray is not installed.
        """
        if self.name == "serial":
            return 1
        if self.name == "ray" and self.jobs == "auto" and self.ray_address is not None:
            _check_ray()
            from robench.study.executors.ray_cluster import RayCluster

            with contextlib.closing(RayCluster(self.ray_address)) as cluster:
                return cluster.count_workers(device)
        return choose_jobs(self.jobs, on_cpu=device == "cpu", seconds=seconds)

    def start(self, context: Context, seconds: float) -> tuple[Executor, int]:
        """Start the executor; return it, and the number of jobs at a time.

        Args:
            context: what jobs in this process are made in.
            seconds: estimated seconds of all work.

        Raises:
            RobenchError: Ray is not installed, its cluster does not answer, or a worker cannot start.
        """
        if self.name == "ray":
            _check_ray()
            from robench.study.executors.ray_executor import RayExecutor

            ray = RayExecutor(context, self.jobs, self.ray_address, any_processor=self.ray_any_processor)
            return ray, ray.jobs
        jobs = self.count_jobs(context.device.type, seconds)
        if self.name == "serial" or (self.name == "auto" and jobs == 1):
            return SerialExecutor(context), 1
        return ProcessExecutor(context, jobs), jobs


SERIAL = ExecutorChoice("serial")
"""One job after another in this process."""


def _check_ray() -> None:
    if find_spec("ray") is None:
        raise RobenchError(
            "--executor ray needs Ray, which is not installed: pip install 'robench[ray]', here and on each node."
        )
