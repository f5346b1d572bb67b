"""What the configuration and the tokenizer of a model in memory say, alike under all versions of Transformers.

How it works: every version of Transformers has entries of its own in each configuration, most of them at a default. So
an entry counts if it differs from that of a configuration of the same class that was made without arguments. Entries
that no version reads when it classifies do not count, nor do values that other versions take without a word. Of a
tokenizer, versions write what does nothing in several ways, of which one is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_UNREAD = {
    *("_name_or_path", "architectures", "dtype", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id"),
    *("task_specific_params", "tokenizer_class", "torch_dtype", "transformers_version", "use_cache"),
}
"""Entries about a model's file, its numbers (of which the weights say more) and how it writes texts."""
_SILENT = {
    "global_attn_every_n_layers": 3,
    "position_embedding_type": "absolute",
    "reference_compile": False,
    "repad_logits_with_grad": False,
    "rope_type": "default",
    "scale_decoder_outputs": True,
    "untie_r": True,
}
"""Entries that only some versions have, with the value that the others take."""
_ROTARY = ("rope_parameters", "rope_scaling")
"""Where versions put the settings of rotary positions that others have at the top."""
_DEPTH = "num_hidden_layers"
"""The number of layers, on which defaults that list the layers' kinds depend."""

_AFFIXES = ("continuing_subword_prefix", "end_of_word_suffix")
"""What marks parts of words; versions say either nothing or an empty text if there are no such marks."""


def list_entries(config: Any) -> list[tuple[str, Any]]:
    """Return the entries of a configuration that distinguish it from others of its class, sorted by name.

    Args:
        config: the configuration of a network (``PretrainedConfig``).

    Returns:
        Names and plain values; a name has dots if the entry is part of another, as in ``text_config.hidden_size``. An
        entry that lacks what the class has by default is None.
    """
    from transformers import GenerationConfig

    depth = getattr(config, _DEPTH, None)
    usual = _make_default(type(config), depth)
    entries, defaults = dict(_flatten(config.to_dict(), usual)), dict(_flatten(usual, usual))
    unread = _UNREAD | {name for name in GenerationConfig().to_dict() if not name.endswith("_token_id")}
    found = {_DEPTH: depth}
    for name in entries.keys() | defaults.keys():
        group, _, last = name.rpartition(".")
        default = (_SILENT | defaults).get(last if group in _ROTARY else name)
        if last not in unread and entries.get(name) != default:
            found[name] = entries.get(name)
    return sorted(found.items())


def describe_tokenizer(tokenizer: Any) -> str:
    """Return what distinguishes a tokenizer from others: all that its fast implementation has, else its vocabulary.

    Args:
        tokenizer: the tokenizer (``PreTrainedTokenizerBase``).
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return repr(sorted(tokenizer.get_vocab().items()))
    content = json.loads(backend.to_str())
    content |= {"truncation": None, "padding": None}  # of its last call, which the next one replaces
    content["model"] |= {name: None for name in _AFFIXES if content["model"].get(name) == ""}
    after = content["post_processor"]
    if after is not None and after["type"] == "TemplateProcessing" and not after["special_tokens"]:  # adds nothing
        content["post_processor"] = None
    return json.dumps(content, sort_keys=True)


def _make_default(kind: Any, depth: int | None) -> dict[str, Any]:
    """Return the content of a configuration made without arguments, with the lists that it has at that depth.

    It is empty if the class wants arguments.
    """
    try:
        content: dict[str, Any] = kind().to_dict()
    except Exception:  # the class may be code of others, whose exceptions are of any type
        return {}
    if depth is None:
        return content
    try:
        deep = kind(**{_DEPTH: depth}).to_dict()
    except Exception:  # such as GPT-Neo's, which wants the kinds of its layers, too
        return content
    return content | {key: value for key, value in deep.items() if isinstance(value, (list, tuple))}


def _flatten(content: Mapping[Any, Any], usual: Mapping[Any, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield names and plain values of what is not None; ``usual`` is what the class has in its place."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            inner = usual.get(key)
            inside = place if key in _ROTARY and key in usual else f"{place}{key}."
            yield from _flatten(value, inner if isinstance(inner, Mapping) else {}, inside)
        elif value is not None:
            yield f"{place}{key}", _simplify(value)


def _simplify(value: Any) -> Any:
    """Return a value as every version has it: no tuples, and whole numbers without a point."""
    if isinstance(value, (list, tuple)):
        return [_simplify(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
