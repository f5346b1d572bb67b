"""The number of jobs that a machine has room for: as many as its memory, or that of its GPU, holds.

How it works: each job is a process. On a CPU it holds the largest models of a plan; on a GPU it has a CUDA context of
its own and the largest unit of work. The largest unit is a training: for each network, its weights, gradients, AdamW's
two moments and the best weights so far, and what the backward pass needs of the forward pass, which grows with the
encoder and with the tokens of a batch. An attack, which holds two models and computes without gradients, takes less.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.machine import count_cores, read_free_memory
from robench.resources.foreign_model import count_parameters
from robench.resources.model_files import ModelFiles
from robench.study.plan import order_stages
from robench.study.stages.context import HELD_MODELS
from robench.study.stages.stage import Stage
from robench.study.stages.train import ModelStage
from robench.study.stages.victim import VictimStage
from robench.study.values import Jobs
from robench.training.settings import TrainingSettings
from robench.victims.source import PretrainedSource

if TYPE_CHECKING:
    import torch

WORTHWHILE_SECONDS = 40.0
"""Estimated seconds of work from which on it is worth to start processes, each of which takes ten."""
WORKER_BYTES = 3 * 2**29
"""Memory of a worker with TextAttack, its resources and two models of the bundled encoder: 1.5 GiB."""
_WEIGHT_BYTES = 4
CONTEXT_BYTES = 2**30
"""A CUDA context with the kernels of torch and its libraries."""
STATE_BYTES = 20
"""Bytes for each parameter: weights 4, gradients 4, moments 8, best weights 4."""
ACTIVATION_BYTES = 28
"""Bytes for each parameter that a forward pass leaves for the backward pass, at :data:`USUAL_TOKENS` in pairs of texts.

In BERT-base it leaves 12 layers x 4,096 tokens x 768 x (34 + 5 x 12 x 128 / 768) numbers of two bytes (Korthikanti et
al., 2022, equation 2), which is 3 GB with what stays in float32, for 110 million parameters.
"""
USUAL_TOKENS = 16 * 128
"""Texts and tokens of a batch."""
SHARE = 0.8
"""Share of the free memory that is planned with; torch's allocator needs the rest, and so does what is not known."""


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


def choose_gpu_units(stages: Sequence[Stage], device: torch.device) -> int:
    """Return how many units of a plan can share a GPU; 1 on other devices, and for a user's model of unknown size.

    Args:
        stages: the stages that are to be made, and those that they need.
        device: the device.
    """
    import torch

    models = [stage for stage in order_stages(stages) if isinstance(stage, ModelStage)]
    if device.type != "cuda" or not models or any(isinstance(model, VictimStage) for model in models):
        return 1
    sizes = {encoder: encoder.count_parameters() for encoder in {model.setting.encoder for model in models}}
    largest = max(
        estimate_unit_bytes(sizes[model.setting.encoder], model.defense.defense.network_count, model.training)
        for model in models
    )
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, int(free * SHARE) // largest)


def estimate_worker_bytes(stages: Sequence[Stage]) -> int:
    """Return the bytes of memory for each job at a time, in which the largest work of a plan has room.

    Args:
        stages: the stages that are to be made.
    """
    models = [stage for stage in order_stages(stages) if isinstance(stage, ModelStage)]
    sizes = {files: _count_weights(files) for files in set(map(_find_files, models))}
    made = {stage.key for stage in stages}
    held = min(HELD_MODELS, len(models))
    estimates = (_estimate_job_bytes(one, sizes[_find_files(one)], held, is_made=one.key in made) for one in models)
    return max([WORKER_BYTES, *estimates])


def _find_files(model: ModelStage) -> ModelFiles | None:
    """Return the files of a network that may be of any size; None for the bundled encoder, and for no network."""
    if not isinstance(model, VictimStage):
        return None if model.setting.encoder.bundled else model.setting.encoder.files
    source = model.source
    return (source.base or source).files if isinstance(source, PretrainedSource) else None


def _count_weights(files: ModelFiles | None) -> int:
    """Count the weights of a network; 0 if nothing is known of it."""
    try:
        return count_parameters(files) if files else 0
    except RobenchError:  # whoever loads it says so
        return 0


def _estimate_job_bytes(model: ModelStage, parameters: int, held: int, *, is_made: bool) -> int:
    """Return the bytes for each job at a time while a model is made or attacked; 0 if its size is not known."""
    if not parameters:
        return 0
    attack = CONTEXT_BYTES + held * _WEIGHT_BYTES * parameters
    if isinstance(model, VictimStage) or not is_made:
        return attack
    threads = int(model.setting.hardware.get("threads") or 1)  # a training takes the place of as many jobs
    return max(attack, estimate_unit_bytes(parameters, model.defense.defense.network_count, model.training) // threads)


def estimate_unit_bytes(parameters: int, networks: int, training: TrainingSettings) -> int:
    """Return the bytes of a GPU's memory that a training takes.

    Args:
        parameters: number of weights of the encoder.
        networks: number of networks that are trained together.
        training: batch size and length of texts.
    """
    tokens = training.batch_size * training.max_length
    activations = ACTIVATION_BYTES * max(tokens / USUAL_TOKENS, 0.25)
    return CONTEXT_BYTES + int(parameters * networks * (STATE_BYTES + activations))
