"""Digests of pairs in memory are the same under every version of Transformers.

``ROBENCH_FREEZE=1 python -m pytest tests/victims/test_pair_contents.py`` writes the golden in place of comparing.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification, AutoTokenizer

from robench.victims import find_victim
from support import small_bert, tiny
from support.freezing import FREEZING, GOLDENS, how

pytestmark = pytest.mark.filterwarnings("ignore")  # Transformers' own, about parts of its networks

GOLDEN = GOLDENS / "pairs.json"
WORDS = len(tiny.tokenizer())
WIDTHS = {"vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
SIZES: dict[str, Any] = {**WIDTHS, "intermediate_size": 64, "max_position_embeddings": 64}
LABELS = {"id2label": {"0": "bad", "1": "good"}, "label2id": {"bad": 0, "good": 1}}
WRITTEN_BY_4 = {"architectures": ["X"], "torch_dtype": "float32", "transformers_version": "4.31.0", "use_cache": True}
SCALING = {
    **{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    "original_max_position_embeddings": 32,
}
T5 = {**{"d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4}, "decoder_start_token_id": 0}
CASES: dict[str, dict[str, Any]] = {
    "bert": {**SIZES, **LABELS, **WRITTEN_BY_4, "position_embedding_type": "absolute", "finetuning_task": "sst2"},
    "distilbert": {**{"dim": 32, "hidden_dim": 64, "n_heads": 4, "n_layers": 2}, "vocab_size": WORDS, **LABELS},
    "roberta": {**SIZES, **WRITTEN_BY_4, "problem_type": "regression", "position_embedding_type": "absolute"},
    "llama": {**SIZES, "pad_token_id": 0, "rope_theta": 500000.0, "rope_scaling": SCALING, "num_key_value_heads": 2},
    "qwen3": {**SIZES, "pad_token_id": 0, "head_dim": 8, "num_key_value_heads": 2, "tie_word_embeddings": False},
    "modernbert": {**SIZES, **LABELS, "pad_token_id": 0, "local_attention": 16, "global_attn_every_n_layers": 3},
    "t5": {**T5, "vocab_size": WORDS, "task_specific_params": {"translation": {"num_beams": 4}}},
}
"""Configurations of seven families, as their files have them."""


def make_network(family: str, content: dict[str, Any]) -> Any:
    config = CONFIG_MAPPING[family].from_dict(copy.deepcopy(content))
    network = AutoModelForSequenceClassification.from_config(config).eval()
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_((torch.arange(value.numel()) % 97 / 97).view(value.shape))
    return network


def read_tokenizer(folder: Path) -> Any:
    """A tokenizer of letters as GPT-2's files have it, loaded by the class that they name."""
    vocabulary = {
        letter: number for number, letter in enumerate(["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())])
    }
    words = Tokenizer(models.BPE(vocab={**vocabulary, "th": len(vocabulary)}, merges=[("t", "h")]))
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    words.post_processor = processors.ByteLevel(trim_offsets=False)
    words.add_special_tokens(["<end>"])
    words.save(str(folder / "tokenizer.json"))
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<end>")
    settings = {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 64, **special}
    for name, content in (("tokenizer_config", settings), ("config", {"model_type": "gpt2"})):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return AutoTokenizer.from_pretrained(folder)


def digest_of(family: str, tokenizer: Any, **changes: Any) -> str:
    return find_victim((make_network(family, CASES[family] | changes), tokenizer)).digest


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    words = tiny.tokenizer()
    found = {family: digest_of(family, words) for family in CASES}
    return found | {"letters": digest_of("bert", read_tokenizer(tmp_path_factory.mktemp("letters")))}


def test_digests_of_pairs_are_the_frozen_ones(digests: dict[str, str]) -> None:
    if FREEZING:
        GOLDEN.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
    assert digests == json.loads(GOLDEN.read_text(encoding="utf-8")), how(__file__)
    assert len(set(digests.values())) == len(CASES) + 1


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("bert", {"architectures": None, "transformers_version": "5.1.0", "_name_or_path": "/elsewhere"}),
        ("bert", {"use_cache": False, "temperature": 2.0}),
        ("llama", {"rope_theta": 500000}),
        ("t5", {"task_specific_params": None}),
    ],
)
def test_a_digest_does_not_follow_what_no_classification_reads(
    digests: dict[str, str], family: str, changes: dict[str, Any]
) -> None:
    assert digest_of(family, tiny.tokenizer(), **changes) == digests[family]


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("bert", {"id2label": {"0": "good", "1": "bad"}}),
        ("bert", {"layer_norm_eps": 1e-6}),
        ("bert", {"pooling": "max"}),  # of a network of the user's own
        ("llama", {"rope_theta": 10000.0}),
        ("llama", {"rope_scaling": SCALING | {"factor": 4.0}}),
        ("roberta", {"problem_type": None}),
        ("modernbert", {"local_attention": 8}),
    ],
)
def test_a_digest_follows_the_configuration(digests: dict[str, str], family: str, changes: dict[str, Any]) -> None:
    assert digest_of(family, tiny.tokenizer(), **changes) != digests[family]


def test_a_digest_follows_the_tokenizer_and_not_its_last_call(digests: dict[str, str]) -> None:
    words = tiny.tokenizer()
    words(["a", "a b"], padding=True, truncation=True, max_length=3)
    assert digest_of("bert", words) == digests["bert"]
    other = small_bert.tokenizer(["word"], letters=tiny.LETTERS)
    assert digest_of("bert", other) != digests["bert"]
