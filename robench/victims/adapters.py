"""PEFT adapters: small changes of a base model's weights, loaded into that model.

How it works: an adapter's configuration names its base model, and may name much else, so robench takes from it only
what changes layers of a network, as LoRA does. Most adapters of classifiers bring a head of their own, whose number of
rows is the number of labels. The network that runs is the base model with the changed layers in it, unmerged.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.extras import format_install_command
from robench.resources.foreign_model import ADAPTER_FILE, check_config, check_size
from robench.resources.model_files import ModelFiles
from robench.resources.model_folder import ADAPTER_WEIGHTS, explain_load_errors, silence_transformers
from robench.victims.pretrained import check_network, check_trained, load_network

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PREFIX = "base_model.model."
"""What PEFT writes before the name of each of a network's weights."""
_HEADS = ("classifier", "score")
"""What PEFT saves of a sequence classifier besides the adapter."""


def load_adapted(
    files: ModelFiles, base_files: ModelFiles, *, native: bool = False, device: torch.device | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a base model with an adapter in it, and the tokenizer of the adapter, or else of the base model.

    Args:
        files: the adapter.
        base_files: the base model.
        native: keep the type of the base model's weights; else it is float32.
        device: the device on which it is to run; None is the CPU.

    Raises:
        RobenchError: the package peft is missing, a file is broken, or the two do not belong together.
    """
    title = files.title
    base_files = replace(base_files, title=f"the base model of {title}")
    with explain_load_errors("the adapter", title), silence_transformers():
        folder, config = _read_config(files)
        check_config(files, is_adapter=True)
        _, build = check_network(base_files)
        check_size(replace(base_files, title=title), lambda: _wrap(build(), config))
        weights = _read_weights(folder)
        base, missing = load_network(
            base_files,
            native=native,
            device=device,
            ignore_mismatched_sizes=True,
            **_count_labels(weights, config, base_files),
        )
        check_trained(title, base, [name for name in missing if f"{_PREFIX}{name}" not in weights])
        model = _insert(base, config, weights, title)
        tokenizer = (files if files.read_json("tokenizer_config.json") else base_files).load_tokenizer()
    return (model if native else model.float()), tokenizer


def _read_config(files: ModelFiles) -> tuple[Path, PeftConfig]:
    """Return the folder of an adapter's files, which are fetched if need be, and its configuration."""
    title = files.title
    try:
        from peft import PeftConfig
    except ImportError as error:
        remedy = format_install_command("peft")
        raise RobenchError(f"{title} is a PEFT adapter, which needs the package peft: {remedy}.") from error
    place = [files.locate(name) for name in (*ADAPTER_WEIGHTS, ADAPTER_FILE)][-1]
    assert place is not None, "an adapter is found by this file"
    kept = files.read_json(ADAPTER_FILE)
    if kept.get("megatron_config"):
        raise RobenchError(f"{title} has a megatron_config, which would import code; remove it from {ADAPTER_FILE}.")
    check_kind(title, kept.get("peft_type", ""), kept.get("task_type"))
    read_config: Any = PeftConfig.from_peft_type
    return place.parent, read_config(**kept | {"auto_mapping": None, "inference_mode": True})


def check_kind(shown: str, kind: str, task: str | None) -> None:
    """Check that an adapter changes layers of a sequence classifier.

    Args:
        shown: the adapter's location, for messages.
        kind: its ``peft_type``.
        task: its ``task_type``.

    Raises:
        RobenchError: it does something else.
        ValueError: this version of PEFT has no such adapters.
    """
    from peft import PeftType, PromptLearningConfig
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    others = (PeftType.ADAPTION_PROMPT, PeftType.XLORA, PeftType.POLY)
    known = PeftType(kind)
    if known in others or issubclass(PEFT_TYPE_TO_CONFIG_MAPPING[known], PromptLearningConfig):
        raise RobenchError(
            f"{shown} is an adapter of the kind {known.value}, which does more than change layers: give a function that"
            " calls it."
        )
    if task not in (None, "SEQ_CLS"):
        raise RobenchError(f"{shown} is an adapter for {show_value(task)}, and robench attacks classifiers (SEQ_CLS).")


def _read_weights(folder: Path) -> dict[str, torch.Tensor]:
    from peft.utils import load_peft_weights

    weights: dict[str, torch.Tensor] = load_peft_weights(str(folder), device="cpu")
    return weights


def _count_labels(weights: dict[str, torch.Tensor], config: PeftConfig, base_files: ModelFiles) -> dict[str, Any]:
    """Return ``num_labels`` if an adapter brings a head of another size than the base model's configuration says."""
    heads = {*_HEADS, *(getattr(config, "modules_to_save", None) or ())}
    rows = [
        len(tensor)
        for name, tensor in weights.items()
        if tensor.ndim == 2 and name.removeprefix(_PREFIX).partition(".")[0] in heads and "lora_" not in name
    ]
    base = base_files.read_json("config.json")
    known = len(base.get("id2label") or {}) or base.get("num_labels", 2)
    return {"num_labels": min(rows)} if rows and min(rows) != known else {}


def _wrap(network: Any, config: PeftConfig) -> PeftModel:
    from peft import PeftModel, PeftModelForSequenceClassification

    kind = PeftModelForSequenceClassification if config.task_type == "SEQ_CLS" else PeftModel
    return kind(network, config)


def _insert(base: PreTrainedModel, config: PeftConfig, weights: dict[str, torch.Tensor], shown: str) -> PreTrainedModel:
    """Return a base model with an adapter's layers and weights in it."""
    from peft import PeftType, set_peft_model_state_dict
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

    adapted = _wrap(base, config)
    report: Any = set_peft_model_state_dict(adapted, weights, adapter_name="default")
    kind = PEFT_TYPE_TO_PREFIX_MAPPING.get(PeftType(config.peft_type), "")
    lost = [name for name in report.missing_keys if ".default" in name and kind in name]
    strange = [*report.unexpected_keys, *lost]
    if strange:
        raise RobenchError(
            f"{shown} does not belong to its base model: {len(strange)} of its tensors, such as {strange[0]}, have no"
            " counterpart."
        )
    return cast("PreTrainedModel", adapted.get_base_model())
