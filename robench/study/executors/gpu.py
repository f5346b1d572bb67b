"""The number of units of work that share a GPU: as many as its free memory holds of the largest unit of a plan.

How it works: each unit is a process with a CUDA context of its own. The largest unit is a training: for each network,
its weights, gradients, AdamW's two moments and the best weights so far, and what the backward pass needs of the
forward pass, which grows with the encoder and with the tokens of a batch. An attack, which holds two models and
computes without gradients, takes less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from robench.study.plan import order_stages
from robench.study.stages.stage import Stage
from robench.study.stages.train import ModelStage
from robench.study.stages.victim import VictimStage
from robench.training.settings import TrainingSettings

if TYPE_CHECKING:
    import torch

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


def count_units(free: int, unit: int) -> int:
    """Return how many units of a size fit into free memory; at least 1.

    Args:
        free: bytes that are free.
        unit: bytes of a unit.
    """
    return max(1, int(free * SHARE) // unit)


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
    return count_units(free, largest)
