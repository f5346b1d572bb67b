"""Networks whose configuration or tokenizer says odd things of itself are refused by a sentence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import BertForSequenceClassification

from robench.errors import RobenchError
from robench.victims.networks import NetworkScorer
from support import small_bert


@pytest.mark.parametrize(
    ("labels", "length", "sentence"),
    [
        (None, 64, r"mine: its configuration names no labels \(id2label\)"),
        ({}, 64, r"mine: its configuration names no labels \(id2label\)"),
        ({0: "a", 1: "b"}, "x", "mine: its tokenizer's model_max_length is 'x', which is no number"),
        ({0: "a", 1: "b"}, None, "mine: its tokenizer's model_max_length is None, which is no number"),
    ],
)
def test_network_scorer_of_odd_values_is_refused(labels: Any, length: Any, sentence: str) -> None:
    words = small_bert.tokenizer(["dull", "fine"])
    model = small_bert.model(BertForSequenceClassification, words, seed=1, spread=0.1)
    model.config.id2label, words.model_max_length = labels, length
    with pytest.raises(RobenchError, match=sentence):
        NetworkScorer("mine", model, words, max_length=None, precision="fp32", device=torch.device("cpu"))
