"""A tokenizer with more tokens than its network has embeddings is refused when both are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertForSequenceClassification, BertModel, BertTokenizerFast

from robench.errors import RobenchError
from robench.models.encoders import find_encoder
from robench.victims.networks import NetworkScorer
from support import small_bert, tiny

FEW, MANY = small_bert.tokenizer([]), small_bert.tokenizer(["zebra", "zebras"])
SENTENCE = rf"2 tokens, such as 'zebra', that the network with {len(FEW)} word embeddings lacks: .*resize_token_emb"


def test_encoder_with_too_large_a_tokenizer_is_refused_at_loading(tmp_path: Path) -> None:
    small_bert.save(tmp_path, MANY, small_bert.model(BertModel, FEW, seed=1, spread=0.1))
    with pytest.raises(RobenchError, match=rf"^encoder {tmp_path}: its tokenizer has {SENTENCE}"):
        find_encoder(str(tmp_path)).model()


def score(tokenizer: BertTokenizerFast) -> NetworkScorer:
    network = small_bert.model(BertForSequenceClassification, FEW, seed=1, spread=0.1)
    return NetworkScorer("mine", network, tokenizer, max_length=None, precision="fp32", device=tiny.CPU)


def test_victim_with_too_large_a_tokenizer_is_refused_at_loading() -> None:
    with pytest.raises(RobenchError, match=f"^mine: its tokenizer has {SENTENCE}"):
        score(MANY)


def test_victim_with_its_own_tokenizer_is_scored() -> None:
    assert score(FEW)(["a zebra"]).shape == (1, 2)
