"""Loading of causal language models: a folder, or a Hub id at a commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from robench.errors import RobenchError
from robench.models import bfloat16
from robench.resources.foreign_model import check_config, check_size
from robench.resources.model_folder import explain_load_errors, silence_transformers
from robench.victims.pretrained import check_float32

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_language_model(
    location: str,
    *,
    shown: str,
    revision: str | None = None,
    trust_remote_code: bool = False,
    native: bool = False,
    device: torch.device | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer.

    Args:
        location: a folder, or a Hub id.
        shown: the model's location, for messages.
        revision: the commit of a Hub model.
        trust_remote_code: run the Python files that come with the model.
        native: keep the type of the weights; else it is float32.
        device: the device on which it is to run; None is the CPU.

    Raises:
        RobenchError: a file is missing or broken, belongs to another kind of model, or needs code that is not trusted;
            or float32 does not fit into memory.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with explain_load_errors("the model", shown), silence_transformers():
        _check(location, shown, revision, trust_remote_code)
        if not native:
            check_float32(location, shown, revision, device)
        with torch.random.fork_rng([]):  # Transformers draws random weights before it reads the stored ones
            loader: Any = AutoModelForCausalLM
            model, report = loader.from_pretrained(
                location,
                revision=revision,
                trust_remote_code=trust_remote_code,
                dtype="auto" if native else torch.float32,
                output_loading_info=True,
            )
        tokenizer = AutoTokenizer.from_pretrained(location, revision=revision, trust_remote_code=trust_remote_code)
    missing = sorted(report["missing_keys"])
    if missing:
        raise RobenchError(
            f"the weights of {shown} lack {len(missing)} tensors of a {type(model).__name__}, such as {missing[0]}: it"
            " is no language model. A classifier needs no --prompt."
        )
    network: PreTrainedModel = model if native else model.float()
    return network, tokenizer


def find_bfloat16_fault(
    location: str, device: torch.device, *, shown: str, revision: str | None = None, trust_remote_code: bool = False
) -> str:
    """Return the error with which a language model fails in bfloat16; see :func:`load_language_model`."""
    with explain_load_errors("the model", shown), silence_transformers():
        return bfloat16.find_bfloat16_fault(_check(location, shown, revision, trust_remote_code), device)


def _check(location: str, shown: str, revision: str | None, trust_remote_code: bool) -> Callable[[], object]:
    """Check code and size of a language model, and return what builds it without weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    def build() -> object:
        config = AutoConfig.from_pretrained(location, revision=revision, trust_remote_code=trust_remote_code)
        return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)

    check_config(shown, location, revision, consent=trust_remote_code)
    check_size(shown, location, revision, build)
    return build
