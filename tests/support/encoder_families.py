"""Small encoders of every family that Transformers' AutoModel loads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from transformers import (
    AlbertConfig,
    AutoTokenizer,
    BertConfig,
    DebertaConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    RobertaConfig,
)

from support import tiny

WORDS = len(tiny.tokenizer())

RELATIVE: dict[str, Any] = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 0}

FAMILIES: dict[str, Callable[[], PretrainedConfig]] = {
    "bert": lambda: BertConfig(vocab_size=WORDS, **tiny.SHAPE),
    "roberta": lambda: RobertaConfig(vocab_size=300, max_position_embeddings=40, type_vocab_size=1, **tiny.SHAPE),
    "deberta": lambda: DebertaConfig(vocab_size=WORDS, **RELATIVE, **tiny.SHAPE),
    "deberta-v2": lambda: DebertaV2Config(
        vocab_size=WORDS, position_biased_input=False, conv_kernel_size=3, **RELATIVE, **tiny.SHAPE
    ),
    "distilbert": lambda: DistilBertConfig(
        vocab_size=WORDS, dim=32, n_layers=2, n_heads=2, hidden_dim=64, initializer_range=0.1
    ),
    "electra": lambda: ElectraConfig(vocab_size=WORDS, embedding_size=16, **tiny.SHAPE),
    "albert": lambda: AlbertConfig(vocab_size=WORDS, embedding_size=16, **tiny.SHAPE),
}


def letters(folder: Path) -> PreTrainedTokenizerBase:
    """RoBERTa's tokenizer without a merge: every letter is a token, and padding is number 1."""
    letter = [chr(code) for code in [*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324)]]
    vocabulary = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letter])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return cast(PreTrainedTokenizerBase, AutoTokenizer.from_pretrained(folder))
