"""Whether a network of others fits into memory."""

from __future__ import annotations

import torch

from robench.errors import RobenchError
from robench.machine import read_free_memory
from robench.resources.foreign_model import measure_float32
from robench.resources.model_files import ModelFiles


def check_memory(files: ModelFiles, device: torch.device | None) -> None:
    """Check that a network fits into free memory in float32, before it is loaded.

    Args:
        files: the model.
        device: the device on which it is to run; None is the CPU.

    Raises:
        RobenchError: it does not.
    """
    needed, free, place = measure_float32(files), read_free_memory(), "memory"
    if device is not None and device.type == "cuda":
        on_device = torch.cuda.mem_get_info(device)[0]
        if on_device < free:
            free, place = on_device, "the GPU's memory"
    if needed > free:
        raise RobenchError(
            f"the weights of {files.title} take {needed / 1e9:.3g} GB in float32, and {free / 1e9:.3g} GB of {place}"
            " are free. --precision native keeps them in the type that they are stored in, such as bfloat16, which"
            " takes half."
        )
