"""Loading of causal language models."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from robench.errors import RobenchError
from robench.models import bfloat16
from robench.resources.foreign_model import check_config, check_size
from robench.resources.model_files import ModelFiles
from robench.resources.model_folder import explain_load_errors, silence_transformers
from robench.victims.pretrained import check_float32

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_language_model(
    files: ModelFiles, *, native: bool = False, device: torch.device | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer.

    Args:
        files: the model.
        native: keep the type of the weights; else it is float32.
        device: the device on which it is to run; None is the CPU.

    Raises:
        RobenchError: a file is missing or broken, belongs to another kind of model, or needs code that is not trusted;
            or float32 does not fit into memory.
    """
    from transformers import AutoModelForCausalLM

    with explain_load_errors("the model", files.title), silence_transformers():
        _check(files)
        if not native:
            check_float32(files, device)
        with torch.random.fork_rng([]):  # Transformers draws random weights before it reads the stored ones
            model, report = files.load_network(
                AutoModelForCausalLM, dtype="auto" if native else torch.float32, output_loading_info=True
            )
        tokenizer = files.load_tokenizer()
    missing = sorted(report["missing_keys"])
    if missing:
        raise RobenchError(
            f"the weights of {files.title} lack {len(missing)} tensors of a {type(model).__name__}, such as"
            f" {missing[0]}: it is no language model. A classifier needs no --prompt."
        )
    network: PreTrainedModel = model if native else model.float()
    return network, tokenizer


def find_bfloat16_fault(files: ModelFiles, device: torch.device) -> str:
    """Return the error with which a language model fails in bfloat16; see :func:`load_language_model`."""
    with explain_load_errors("the model", files.title), silence_transformers():
        return bfloat16.find_bfloat16_fault(_check(files), device)


def _check(files: ModelFiles) -> Callable[[], object]:
    """Check code and size of a language model, and return what builds it without weights."""
    from transformers import AutoModelForCausalLM

    build = functools.partial(files.build_network, AutoModelForCausalLM)
    check_config(files)
    check_size(files, build)
    return build
