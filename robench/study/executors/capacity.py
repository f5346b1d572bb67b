"""The number of jobs that a machine has room for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from robench.machine import count_cores, read_free_memory
from robench.study.executors.gpu import choose_gpu_units
from robench.study.executors.worker_memory import WORKER_BYTES, estimate_worker_bytes
from robench.study.stages.stage import Stage
from robench.study.values import Jobs

if TYPE_CHECKING:
    import torch

WORTHWHILE_SECONDS = 40.0
"""Estimated seconds of work from which on it is worth to start processes, each of which takes ten."""


def choose_jobs(requested: Jobs, stages: Sequence[Stage], device: torch.device, *, seconds: float) -> int:
    """Return the number of jobs at a time: the requested one, or as many as machine and GPU have room for.

    Args:
        requested: the user's choice.
        stages: the stages that are to be made.
        device: the device that models run on.
        seconds: estimated seconds of all work.
    """
    if requested != "auto":
        return requested
    if os.name != "posix" or seconds < WORTHWHILE_SECONDS:
        return 1
    size = estimate_worker_bytes(stages) if device.type == "cpu" else WORKER_BYTES
    room = max(1, min(count_cores(), read_free_memory() // size))
    if device.type == "cpu" or room == 1:
        return room

    return min(room, choose_gpu_units(stages, device))


def choose_threads(requested: int, device: torch.device) -> int:
    """Return the number of threads of a training, which is also the number of slots that it occupies.

    Args:
        requested: the user's choice, which is for a CPU.
        device: the device that models run on. If it is a GPU, a training is one of the units that share it.
    """
    return requested if device.type == "cpu" else 1
