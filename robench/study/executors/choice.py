"""The choice of an executor, as the options of a run have it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

from robench.errors import RobenchError
from robench.extras import format_install_command
from robench.study.executors.capacity import choose_jobs
from robench.study.options import CommonOptions
from robench.study.stages.stage import Stage
from robench.study.values import ExecutorName, Jobs

if TYPE_CHECKING:
    import torch

    from robench.study.executors.job import Executor
    from robench.study.stages.context import Context


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
        """Return the choice that options of a run make.

        Raises:
            RobenchError: they contradict each other.
        """
        if options.executor != "ray" and (options.ray_address or options.ray_any_processor):
            option = "--ray-address" if options.ray_address else "--ray-any-processor"
            raise RobenchError(f"{option} is for --executor ray; give that as well, or leave {option} out.")
        if options.executor == "serial" and options.jobs not in (1, "auto"):
            raise RobenchError(
                f"--executor serial runs one job at a time, and --jobs {options.jobs} asks for more; leave one of the"
                " two out."
            )
        if options.workers and (options.jobs not in (1, "auto") or options.executor not in ("auto", "serial")):
            several = f"--executor {options.executor}" if options.jobs in (1, "auto") else f"--jobs {options.jobs}"
            raise RobenchError(
                f"--workers {options.workers} are for attacks in one process, and {several} works in several, each of"
                " which searches by itself: leave one of the two out."
            )
        jobs: Jobs = 1 if options.workers else options.jobs
        return cls(options.executor, jobs, options.ray_address, options.ray_any_processor)

    def count_jobs(self, stages: Sequence[Stage], device: torch.device, seconds: float) -> int:
        """Return the number of jobs at a time.

        Args:
            stages: the stages that are to be made.
            device: the device that models run on.
            seconds: estimated seconds of all work.

        Raises:
            RobenchError: there is no such cluster, none starts, or Ray is not installed.
        """
        if self.name == "serial":
            return 1
        if self.name == "ray" and self.jobs == "auto":
            _check_ray()
            from robench.study.executors.ray_cluster import RayCluster

            with contextlib.closing(RayCluster(self.ray_address)) as cluster:
                return cluster.count_workers(stages, device.type)
        return choose_jobs(self.jobs, stages, device, seconds=seconds)

    def start(self, context: Context, stages: Sequence[Stage], seconds: float) -> tuple[Executor, int]:
        """Start the executor; return it, and the number of jobs at a time.

        Args:
            context: what jobs in this process are made in.
            stages: the stages that are to be made.
            seconds: estimated seconds of all work.

        Raises:
            RobenchError: Ray is not installed, its cluster does not answer, or a worker cannot start.
        """
        if self.name == "ray":
            _check_ray()
            from robench.study.executors.ray_executor import RayExecutor

            ray = RayExecutor(context, self.jobs, self.ray_address, stages=stages, any_processor=self.ray_any_processor)
            return ray, ray.jobs
        from robench.study.executors.processes import ProcessExecutor
        from robench.study.executors.serial import SerialExecutor

        jobs = self.count_jobs(stages, context.device, seconds)
        if self.name == "serial" or (self.name == "auto" and jobs == 1):
            return SerialExecutor(context), 1
        return ProcessExecutor(context, jobs), jobs


SERIAL = ExecutorChoice("serial")
"""One job after another in this process."""


def _check_ray() -> None:
    if find_spec("ray") is None:
        raise RobenchError(
            f"--executor ray needs Ray, which is not installed: {format_install_command('ray')}, here and on each node."
        )
