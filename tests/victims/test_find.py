"""A model in memory or a function that cannot be identified or called is refused by a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertForSequenceClassification

from robench.errors import RobenchError
from robench.victims.find import find_victim
from support import small_bert


def pair(change: Callable[[Any], Any]) -> tuple[Any, Any]:
    words = small_bert.tokenizer(["film"])
    network = small_bert.model(BertForSequenceClassification, words, seed=1, spread=0.25)
    return change(network) or network, words


def quantise(network: Any) -> Any:
    return torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, torch.qint8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            quantise,
            r"its weights, such as .*, are quantised or not there, and robench .* give a function that calls it",
        ),
        (lambda network: network.to("meta"), "its weights, such as .*, are quantised or not there"),
        (lambda network: setattr(network.config, "id2label", None), "its config.id2label is None, not a dictionary"),
    ],
    ids=["quantised", "meta", "labels"],
)
def test_find_victim_of_a_pair_that_cannot_be_identified_is_a_sentence(
    change: Callable[[Any], Any], sentence: str
) -> None:
    with pytest.raises(RobenchError, match=f"^a BertForSequenceClassification in memory: {sentence}"):
        find_victim(pair(change))


def test_find_victim_of_an_async_generator_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    code = "async def f(texts): yield []\nasync def g(texts): return []\n"
    (tmp_path / "awaited.py").write_text(code, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "awaited", raising=False)
    with pytest.raises(RobenchError, match=r"^--model awaited:f: f is an async generator; name a function"):
        find_victim("awaited:f")
    assert find_victim("awaited:g").kind == "Python function"


def test_find_victim_of_a_function_that_wraps_itself_has_a_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "itself.py").write_text("def f(texts): return []\nf.__wrapped__ = f\n", encoding="utf-8")
    assert find_victim("itself:f", version="1").digest
