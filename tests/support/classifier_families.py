"""A tiny configuration of every family of sequence classifiers that Transformers' AutoModel knows.

How it works: families name their sizes alike. So most configurations are what :data:`SIZES` says of the entries that
they have, and :data:`SPECIAL` adds what a family needs beyond that.
"""

from __future__ import annotations

from typing import Any

import transformers
from transformers import CONFIG_MAPPING, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as NAMES

from support import small_bert, tiny

WORDS = len(tiny.tokenizer())
MAJOR = int(transformers.__version__.partition(".")[0])
PAD, BEGIN, END = (small_bert.SPECIAL.index(name) for name in ("[PAD]", "[CLS]", "[SEP]"))

TEXT: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "pad_token_id": PAD,
    "bos_token_id": BEGIN,
    "eos_token_id": END,
}
WIDTHS = {
    **dict.fromkeys(("d_model", "n_embd", "dim", "emb_dim", "embedding_size"), 32),
    **dict.fromkeys(("ffn_dim", "d_inner", "d_ff", "dff", "hidden_dim", "n_inner"), 64),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 64),
    **dict.fromkeys(("d_kv", "d_head", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "entity_emb_size"), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 32),
    **dict.fromkeys(("mamba_d_state", "mamba_dt_rank"), 4),
}
COUNTS = {
    **dict.fromkeys(("n_layer", "n_layers", "num_layers", "num_decoder_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("n_head", "n_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "entity_vocab_size"), 4),
    **dict.fromkeys(("n_group", "topk_group"), 1),
    **dict.fromkeys(("shape_vocab_size", "pronunciation_vocab_size"), 8),
    "num_experts_per_tok": 2,
    "n_positions": 64,
    "attention_window": 4,
}
SIZES: dict[str, Any] = {**TEXT, **WIDTHS, **COUNTS, "init_std": 0.3}

_STARTS: dict[str, Any] = {"decoder_start_token_id": PAD}
_LINEAR: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"],
    **dict.fromkeys(("linear_num_key_heads", "linear_num_value_heads"), 2),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim"), 8),
}
_LATENT: dict[str, Any] = {"num_key_value_heads": 4, "first_k_dense_replace": 1}
_PICTURES: dict[str, Any] = {
    **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
    **{"image_size": 28, "patch_size": 14},
}

SPECIAL: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("t5", "mt5", "umt5", "bigbird_pegasus"), _STARTS),
    **dict.fromkeys(("qwen3_next", "qwen3_5_text"), _LINEAR),
    **dict.fromkeys(("axk1", "axk2", "deepseek_v3"), _LATENT),
    "deepseek_v2": {**_LATENT, "topk_method": "greedy"},
    **{name: {"num_key_value_heads": 4} for name in ("esmc", "minicpm3")},
    "funnel": {"block_sizes": [1, 1]},
    "gemma3": {"text_config": TEXT, "vision_config": _PICTURES},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 4},
    "jamba": {
        **{"attn_layer_offset": 1, "attn_layer_period": 2, "expert_layer_offset": 1, "expert_layer_period": 2},
        "use_mamba_kernels": False,
    },
    "t5gemma": {"encoder": TEXT, "decoder": TEXT},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
}
"""What a family's configuration needs beyond its sizes."""

SIZED_OTHERWISE = {
    "funnel": ("num_hidden_layers",),
    "xlnet": ("max_position_embeddings",),
}
"""Entries that a family's configuration answers but does not take."""

PADDED_ON_THE_LEFT = {"xlnet"}
"""Families whose own tokenizers pad on the left, as their networks classify by the last token."""

SEES_PADDING = {
    "canine": "it reads letters in blocks, and pools those of a block, padding included",
    "convbert": "its convolution reaches from a text's last tokens into the padding",
    **({} if MAJOR >= 5 else {"doge": "its mask is chosen among all places of the row"}),
    "fnet": "it mixes all places of a row by a Fourier transform, without a mask",
    "nystromformer": "its convolution reaches from a text's last tokens into the padding",
    "t5gemma": "it is read one place behind the last token, which a row without padding does not have",
    "yoso": "its mask counts on -10000 at padding, where Transformers puts the smallest number",
}
"""Families whose own arithmetic depends on padding, and in what way."""

NOT_TRIED = {
    **dict.fromkeys(("layoutlm", "layoutlmv2", "layoutlmv3", "lilt", "markuplm"), "reads pages"),
    **dict.fromkeys(("modernvbert", "perceiver", "qwen3_5", "ultravbert"), "reads more than texts"),
    **dict.fromkeys(("gpt-sw3", "xlm-prophetnet"), "is GPT-2's network under another name"),
    "reformer": "takes rows of the lengths that it was made for",
    "tapas": "reads tables",
    "mra": "needs a GPU: its attention is a kernel of CUDA, and zero elsewhere",
    "zamba": "cannot be made of two layers",
    "zamba2": "takes most of a minute without its kernels",
    **dict.fromkeys(("cohere_compass_text", "mistral4", "t5gemma2"), "needs a configuration of its own"),
    "qdqbert": "needs the package pytorch-quantization",
    "transfo-xl": "takes no attention mask, and Transformers 5 has it no more",
}
"""Families without a test, and why."""


def families() -> list[str]:
    """The families of the installed Transformers that are tried, sorted."""
    return sorted(NAMES.keys() - NOT_TRIED.keys())


def tiny_config(family: str) -> PretrainedConfig:
    """A configuration of a network with some ten thousand numbers, for the words of ``tiny.tokenizer()``."""
    kind: Any = CONFIG_MAPPING[family]
    usual, fixed = kind(), SIZED_OTHERWISE.get(family, ())
    sizes = {name: value for name, value in SIZES.items() if _takes(usual, name) and name not in fixed}
    made: PretrainedConfig = kind(**{**sizes, "pad_token_id": PAD, **SPECIAL.get(family, {})})
    return made


def _takes(config: PretrainedConfig, name: str) -> bool:
    """Whether a configuration has an entry, and not only a property that is computed of others."""
    entry = getattr(type(config), name, None)
    return hasattr(config, name) and not (isinstance(entry, property) and entry.fset is None)
