"""Folders of encoders and models with spoilt files, and code in them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from torture.case import Case, Place, kind
from torture.damages import edit_json
from torture.strings import hostile, shuffle, values
from torture.workshop import TASK, attack, run

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
    "num_labels",
)
KEYS = (
    *SIZES,
    "pad_token_id",
    "hidden_act",
    "model_type",
    "architectures",
    "id2label",
    "label2id",
    "torch_dtype",
    "layer_norm_eps",
    "initializer_range",
    "position_embedding_type",
    "hidden_dropout_prob",
    "problem_type",
    "classifier_dropout",
    "tie_word_embeddings",
    "_name_or_path",
    "quantization_config",
    "attn_implementation",
    "_attn_implementation",
    "auto_map",
    "transformers_version",
    "is_decoder",
    "output_hidden_states",
    "return_dict",
    "pruned_heads",
    "use_cache",
    "gradient_checkpointing",
    "torchscript",
)
HUGE: tuple[Any, ...] = (10**9, 2**31, 2**63, 10**30, 0, -1, 1.5, "12", None, [], 10**5)
FAMILIES = (
    "bert",
    "gpt2",
    "t5",
    "llama",
    "xlnet",
    "deberta",
    "whisper",
    "clip",
    "no-such-thing",
    "../bert",
    "",
    "big_bird",
    "roberta",
    "vit",
    "encoder-decoder",
    "mamba",
)


def edit(what: str, file: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Place], None]:
    """Return what changes a JSON file of a folder."""
    return lambda place: edit_json(place.work / what / file, change)


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets a key."""
    return lambda content: content.update({key: value})


def words_for(what: str) -> tuple[str, ...]:
    return run() if what == "encoder" else attack()


@kind(60)
def configs(stream: random.Random) -> Iterator[Case]:
    """Values of ``config.json`` of wrong types and sizes."""
    found: list[tuple[str, Any]] = [(key, value) for key in SIZES for value in HUGE]
    found += [("model_type", value) for value in FAMILIES]
    found += [("num_labels", 10**9), ("num_labels", 7), ("num_labels", 0)]
    found += [
        ("architectures", ["os.system"]),
        ("architectures", [7]),
        ("hidden_act", "eval"),
        ("hidden_act", "os.system"),
    ]
    found += [
        ("torch_dtype", one) for one in ("float16", "bfloat16", "float64", "int8", "complex64", "system", "nn.Module")
    ]
    found += [(stream.choice(KEYS), value) for _ in range(4) for value in values()]
    for key, value in shuffle(stream, found):
        what = stream.choice(("encoder", "model"))
        yield Case(
            name=f"{what}: {key} = {value!r:.40}",
            steps=[words_for(what)],
            spoil=edit(what, "config.json", put(key, value)),
        )


@kind(25)
def label_names(stream: random.Random) -> Iterator[Case]:
    """``id2label`` with escapes, markup, and of other shapes."""
    while True:
        names: Any = stream.choice(
            (
                {"0": hostile(stream), "1": hostile(stream)},
                {"0": hostile(stream), "1": hostile(stream)},
                {"0": "negative", "1": "negative"},
                {"0": "negative"},
                {"x": "negative", "y": "positive"},
                {"0": 7, "1": None},
                {"-1": "negative", "1": "positive"},
                {"9" * 50: "negative", "1": "positive"},
                {str(i): f"l{i}" for i in range(3000)},
                {"0": "n" * 100_000, "1": "positive"},
                ["negative", "positive"],
                "negative",
                {"0": {"a": 1}, "1": []},
            )
        )
        more = ("--label-order", "0,1") if stream.random() < 0.7 else ()
        shown = json.dumps(names)[:60]
        yield Case(
            name=f"id2label = {shown}",
            steps=[attack(*more), ("show", f"{TASK}-model"), ("table", "5", "--format", "json", "--offline")],
            spoil=edit("model", "config.json", put("id2label", names)),
        )


TOKENIZER_VALUES: dict[str, tuple[Any, ...]] = {
    "model_max_length": (-1, 0, 1, 10**30, "x", None),
    "pad_token": (None, "\x1b[2J", 7, ""),
    "tokenizer_class": ("Nothing", "WhisperTokenizer", "", 7),
    "additional_special_tokens": ([f"[w{i}]" for i in range(3000)], "x", [7]),
    "padding_side": ("middle", "left", None),
    "truncation_side": ("left", "x"),
}


@kind(20)
def tokenizers(stream: random.Random) -> Iterator[Case]:
    """Tokenizers that do not belong to their network, or say odd things of themselves."""

    def grow(content: dict[str, Any]) -> None:
        words = content["model"]["vocab"]
        words |= {f"zebra{i}": len(words) + i for i in range(500)}

    def renumber(content: dict[str, Any]) -> None:
        words = content["model"]["vocab"]
        for word in list(words)[20:]:
            words[word] = 10**9

    pattern = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x" * 50}
    changes: dict[str, Callable[[dict[str, Any]], Any]] = {
        "more words than the network": grow,
        "numbers beyond the network": renumber,
        "no words": lambda content: content["model"].update(vocab={}),
        "no model": lambda content: content.update(model=None),
        "a normalizer of a hostile pattern": lambda content: content.update(normalizer=pattern),
    }
    found = [(name, "tokenizer.json", change) for name, change in changes.items()]
    for key, odd in TOKENIZER_VALUES.items():
        for value in odd:
            name = f"{key} = {value!r:.40}"
            found.append((name, "tokenizer_config.json", put(key, value)))
    for name, file, change in shuffle(stream, found):
        what = stream.choice(("encoder", "model"))
        yield Case(name=f"{what}: a tokenizer of {name}", steps=[words_for(what)], spoil=edit(what, file, change))
