"""Transformers models in memory: a model and its tokenizer, with an adapter in it or not, or a pipeline of both."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from robench.errors import RobenchError
from robench.escaping import name_type, show_value
from robench.victims.pair_contents import describe_tokenizer, list_entries
from robench.victims.source import PairSource, hash_texts

_LAYER_STATE = ("active_adapters", "merged_adapters", "disable_adapters", "scaling")
"""What a layer of PEFT has besides its weights that affects its output."""


def is_pipeline(thing: Any) -> bool:
    """Return whether an object is a pipeline of Transformers."""
    module = sys.modules.get("transformers.pipelines.base")  # if it was not imported, there is no such object
    return module is not None and isinstance(thing, module.Pipeline)


def pipeline_source(pipeline: Any, *, name: str, shown: str = "", sigmoid: bool = False) -> PairSource:
    """Make the source of a pipeline: its model and tokenizer, its length, and the sigmoid if it applies that.

    Args:
        pipeline: the pipeline.
        name: the name of its row in tables.
        shown: its location, as users see it; empty if it is in memory.
        sigmoid: whether the user says that its one output is a logit.

    Raises:
        RobenchError: it does not classify texts.
    """
    from transformers import TextClassificationPipeline

    if not isinstance(pipeline, TextClassificationPipeline):
        raise RobenchError(
            f"a {type(pipeline).__name__} is no text-classification pipeline; give a function that calls it and returns"
            " a row of scores for each text."
        )
    length = pipeline._preprocess_params.get("max_length")
    config = pipeline.model.config
    chosen = getattr(pipeline._postprocess_params.get("function_to_apply"), "name", "")
    applies_sigmoid = chosen == "SIGMOID" or (chosen == "" and config.problem_type != "regression")
    return pair_source(
        pipeline.model,
        pipeline.tokenizer,
        name=name,
        shown=shown,
        length=length if type(length) is int else None,
        sigmoid=sigmoid or (config.num_labels == 1 and applies_sigmoid),
    )


def pair_source(
    model: Any, tokenizer: Any, *, name: str, shown: str = "", length: int | None = None, sigmoid: bool = False
) -> PairSource:
    """Make the source of a model in memory; its digest covers its parameters, configuration and tokenizer.

    Args:
        model: the model, in which PEFT may have put an adapter.
        tokenizer: its tokenizer.
        name: the name of its row in tables.
        shown: its location, as users see it; empty if it is in memory.
        length: most tokens of a text unless the user chooses another number.
        sigmoid: whether the user says that its one output is a logit.

    Raises:
        RobenchError: the pair is not a Transformers model and its tokenizer.
    """
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    model, adapters = _take_adapters(model)
    if not (isinstance(model, PreTrainedModel) and isinstance(tokenizer, PreTrainedTokenizerBase)):
        raise RobenchError(
            f"a pair is a Transformers model and its tokenizer, not {name_type(model)} and {name_type(tokenizer)}."
        )
    place = shown or f"a {type(model).__name__} in memory"
    digest = _hash_pair(place, model, tokenizer)
    changes = [adapters, f"length {length}" if length else "", "sigmoid" if sigmoid else ""]
    command = ("--model", shown, *(["--sigmoid"] if sigmoid else [])) if shown else ()
    return PairSource(
        name,
        place,
        hash_texts(digest, *filter(None, changes)),
        model,
        tokenizer,
        length=length,
        sigmoid=sigmoid,
        command=command,
    )


def _take_adapters(model: Any) -> tuple[Any, str]:
    """Return the network that runs, and a text that distinguishes the adapters in it beyond their weights."""
    configs = getattr(model, "peft_config", None)
    if not configs:
        return model, ""
    from robench.victims.adapters import check_kind

    for config in configs.values():
        check_kind(f"a {type(model).__name__} in memory", config.peft_type, config.task_type)
    texts = [json.dumps(config.to_dict(), default=_sort, sort_keys=True) for _, config in sorted(configs.items())]
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    for part in model.modules():
        if hasattr(part, "merged_adapters"):
            texts.append(" ".join(str(getattr(part, state, "")) for state in _LAYER_STATE))
    return model, "\n".join(texts)


def _sort(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, set) else str(value)


def _hash_pair(shown: str, model: Any, tokenizer: Any) -> str:
    """Return the sha256 of a model's configuration and weights, and of its tokenizer.

    Raises:
        RobenchError: the weights cannot be read.
    """
    import torch

    if not isinstance(model.config.id2label, Mapping):
        raise RobenchError(f"{shown}: its config.id2label is {show_value(model.config.id2label)}, not a dictionary.")
    config = [type(model).__name__, list_entries(model.config)]
    words = [describe_tokenizer(tokenizer), tokenizer.model_max_length]
    total = hashlib.sha256(json.dumps([config, words], default=str).encode())
    for key, value in sorted(model.state_dict().items()):
        if not isinstance(value, torch.Tensor) or value.is_meta or value.is_quantized:
            raise RobenchError(
                f"{shown}: its weights, such as {key}, are quantised or not there, and robench distinguishes models by"
                " their weights; give a function that calls it, with a version."
            )
        total.update(f"{key} {value.dtype} {tuple(value.shape)}\0".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()
