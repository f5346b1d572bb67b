"""Loading of Transformers networks: sequence classifiers, and language models for prompts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from robench.errors import RobenchError
from robench.models import bfloat16
from robench.models.exported_model import RobenchConfig, RobenchForSequenceClassification
from robench.models.memory import check_memory
from robench.resources.foreign_model import check_config, check_size
from robench.resources.model_files import ModelFiles
from robench.resources.model_folder import explain_load_errors, silence_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_WRAPPERS = re.compile(r"(?:module\.|_orig_mod\.)+")
"""What DataParallel and ``torch.compile`` write before the name of each weight."""


def load_pretrained(
    files: ModelFiles, *, native: bool = False, device: torch.device | None = None, prompted: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a network and its tokenizer.

    Args:
        files: the model.
        native: keep the type of the weights; else it is float32.
        device: the device on which it is to run; None is the CPU.
        prompted: whether it is a causal language model, with a prompt; else it is a sequence classifier.

    Raises:
        RobenchError: a file is missing or broken, belongs to another kind of model, or needs code that is not trusted;
            or float32 does not fit into memory.
    """
    with explain_load_errors("the model", files.title), silence_transformers():
        model, missing = load_network(files, native=native, device=device, prompted=prompted)
        tokenizer = files.load_tokenizer()
    check_trained(files.title, model, missing, prompted=prompted)
    return model, tokenizer


def load_network(
    files: ModelFiles,
    *,
    native: bool = False,
    device: torch.device | None = None,
    prompted: bool = False,
    **settings: Any,
) -> tuple[PreTrainedModel, list[str]]:
    """Load a network.

    Args:
        files: the model.
        native: as for :func:`load_pretrained`.
        device: as for :func:`load_pretrained`.
        prompted: as for :func:`load_pretrained`.
        settings: further arguments of ``from_pretrained``.

    Returns:
        The network, and the names of its tensors that the files lack.

    Raises:
        RobenchError: it needs code that is not trusted, or float32 is not possible.
        Exception: whatever Transformers raises.
    """
    loader, _ = check_network(files, prompted=prompted)
    if not native:
        check_float32(files, device)
    options = {"dtype": "auto" if native else torch.float32, "output_loading_info": True, **settings}
    with torch.random.fork_rng([]):  # Transformers draws random weights before it reads the stored ones
        model, report = files.load_network(loader, **options)
        if report["unexpected_keys"] and all(map(_WRAPPERS.match, report["unexpected_keys"])):
            model, report = type(model).from_pretrained(
                None,
                config=model.config,
                state_dict=_read_bare_weights(files),
                trust_remote_code=files.trust_remote_code,
                **options,
            )
    mismatched = [one if isinstance(one, str) else one[0] for one in report["mismatched_keys"]]
    return model if native else model.float(), sorted({*report["missing_keys"], *mismatched})


def check_trained(shown: str, model: PreTrainedModel, missing: list[str], *, prompted: bool = False) -> None:
    """Check that a network was loaded as a whole.

    Args:
        shown: the model's location, for messages.
        model: the network.
        missing: the names of its tensors that the files lack.
        prompted: as for :func:`load_pretrained`.

    Raises:
        RobenchError: they lack some.
    """
    if missing:
        verdict = "no language model. A classifier needs no --prompt" if prompted else "not a trained classifier"
        raise RobenchError(
            f"the weights of {shown} lack {len(missing)} tensors of a {type(model).__name__}, such as"
            f" {missing[0]}: it is {verdict}."
        )


def check_float32(files: ModelFiles, device: torch.device | None) -> None:
    """Check that a network can be loaded in float32.

    Args:
        files: the model.
        device: the device on which it is to run; None is the CPU.

    Raises:
        RobenchError: its weights are quantised, or do not fit into memory.
    """
    if "quantization_config" in files.read_json("config.json"):
        raise RobenchError(f"the weights of {files.title} are quantised; --precision native runs them as they are.")
    check_memory(files, device)


def _read_bare_weights(files: ModelFiles) -> dict[str, torch.Tensor]:
    """Read weights that were saved from a wrapper, without what it writes before their names."""
    from transformers.modeling_utils import load_state_dict

    parts = [load_state_dict(str(path)) for path in files.locate_weights() or []]
    return {_WRAPPERS.sub("", name, count=1): tensor for part in parts for name, tensor in part.items()}


def find_bfloat16_fault(files: ModelFiles, device: torch.device, *, prompted: bool = False) -> str:
    """Return the error with which a network fails in bfloat16, see :mod:`robench.models.bfloat16`.

    Args:
        files: the model.
        device: the device on which it is to run.
        prompted: as for :func:`load_pretrained`.

    Raises:
        RobenchError: a file is missing or broken, or the model needs code that is not trusted.
    """
    with explain_load_errors("the model", files.title), silence_transformers():
        _, build = check_network(files, prompted=prompted)
        return bfloat16.find_bfloat16_fault(build, device)


def check_network(files: ModelFiles, *, prompted: bool = False) -> tuple[Any, Callable[[], Any]]:
    """Check code and size of a network; return the class that loads it, and a function that builds it without weights.

    Raises:
        RobenchError: it needs code that is not trusted, or is larger than its weights.
        ValueError: a file is not JSON.
    """
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    def build() -> object:
        return loader(RobenchConfig.from_dict(config)) if is_exported else files.build_network(loader)

    config = files.read_json("config.json")
    is_exported = not prompted and config.get("model_type") == RobenchConfig.model_type
    loader: Any = AutoModelForCausalLM if prompted else AutoModelForSequenceClassification
    if is_exported:
        loader = RobenchForSequenceClassification
    # The code of an exported model is known: robench has the same, and runs that.
    check_config(replace(files, trust_remote_code=files.trust_remote_code or is_exported))
    check_size(files, build)
    return loader, build
