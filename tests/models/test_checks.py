"""What is checked of any model: padding, saturation, and the window."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaConfig,
    GPT2Config,
    PretrainedConfig,
    RobertaConfig,
    XLNetConfig,
)

from robench.models.batches import collate
from robench.models.checks import ROUNDING, depends_on_padding, warn_of_padding, warn_of_saturation, warn_of_window
from robench.models.classifier import Classifier
from robench.models.positions import Positions
from robench.models.predictor import Predictor
from robench.victims.networks import NetworkScorer
from support import tiny
from support.encoder_families import RELATIVE, WORDS

TEXTS = [example.text for example in tiny.examples(12, seed=4)]
FAMILIES: dict[str, PretrainedConfig] = {
    "xlnet": XLNetConfig(
        vocab_size=WORDS, d_model=32, n_layer=2, n_head=2, d_inner=64, initializer_range=0.5, pad_token_id=0
    ),
    "bert": BertConfig(vocab_size=WORDS, **tiny.SHAPE),
    "roberta": RobertaConfig(vocab_size=WORDS, max_position_embeddings=66, pad_token_id=0, **tiny.SHAPE),
    "deberta": DebertaConfig(vocab_size=WORDS, **RELATIVE, **tiny.SHAPE),
    "gpt2": GPT2Config(vocab_size=WORDS, n_embd=32, n_layer=2, n_head=2, n_positions=64, pad_token_id=0),
}


def draw_network(family: str) -> Any:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return AutoModelForSequenceClassification.from_config(FAMILIES[family]).eval()


SIDES = [("xlnet", "left"), ("bert", "right"), ("roberta", "right"), ("deberta", "right")]
SIDES += [("gpt2", "left"), ("gpt2", "right")]


@pytest.mark.parametrize(("family", "side"), SIDES)
@pytest.mark.parametrize(("precision", "bound"), [("fp32", 1e-5), ("bf16", 0.05)])
def test_scores_of_a_text_are_those_of_the_text_alone(family: str, side: str, precision: Any, bound: float) -> None:
    if (family, precision) == ("deberta", "bf16"):
        pytest.skip("Transformers' DeBERTa fails under autocast")
    network, tokenizer = draw_network(family), tiny.tokenizer(side)
    scorer = NetworkScorer("m", network, tokenizer, max_length=32, precision=precision, device=tiny.CPU)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        alone = torch.cat([network(**tokenizer(text, return_tensors="pt")).logits.float() for text in TEXTS])
    found = scorer(TEXTS)
    assert (found - alone).abs().max() <= bound * alone.abs().max().clamp(min=1)
    assert scorer.warn_of_padding(TEXTS) == []
    if precision == "fp32":
        assert found.argmax(1).tolist() == alone.argmax(1).tolist()


@pytest.mark.parametrize(("family", "side"), [("xlnet", "right"), ("bert", "left")])
def test_a_tokenizer_that_pads_on_the_wrong_side_is_warned_about(family: str, side: str) -> None:
    scorer = NetworkScorer(
        "m", draw_network(family), tiny.tokenizer(side), max_length=32, precision="fp32", device=tiny.CPU
    )
    (warning,) = scorer.warn_of_padding(TEXTS)
    assert "pads on the wrong side" in warning


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_states_of_an_encoder_do_not_depend_on_padding(family: str, side: str) -> None:
    classifier = Classifier(draw_network(family).base_model, 2).eval()
    predictor = Predictor(classifier, tiny.tokenizer(side), max_length=32, precision="fp32", device=tiny.CPU)
    assert not depends_on_padding(predictor, TEXTS)
    rows = [row for (row,) in predictor.tokens(TEXTS[:4])]
    inputs = collate(tiny.tokenizer(side), rows, tiny.CPU, length=20)
    none = torch.zeros(4, 20, classifier.embedding_width)
    with torch.no_grad():
        torch.testing.assert_close(classifier(inputs, none), classifier(inputs), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("family", "count", "first"),
    [("bert", 512, 0), ("roberta", 65, 1), ("gpt2", 64, 0), ("xlnet", None, 0), ("deberta-relative", None, 0)],
)
def test_absolute_positions_are_counted_and_relative_ones_have_no_limit(
    family: str, count: int | None, first: int
) -> None:
    relative = DebertaConfig(vocab_size=WORDS, position_biased_input=False, **RELATIVE, **tiny.SHAPE)
    config = relative if family == "deberta-relative" else FAMILIES[family]
    found = Positions(AutoModelForSequenceClassification.from_config(config))
    assert (found.count, found.first) == (count, first)


class Blind(Classifier):
    """Takes padding for text."""

    def forward(self, inputs: Any, perturbation: Any = None, embeddings: Any = None) -> Any:
        return super().forward({**inputs, "attention_mask": torch.ones_like(inputs["attention_mask"])})


def test_a_model_that_ignores_the_mask_is_warned_about() -> None:
    predictor = tiny.predictor(Blind(tiny.encoder(), 2))
    (warning,) = warn_of_padding(predictor, TEXTS)
    assert warning.startswith("a text's scores depend on its padding")
    assert warn_of_padding(tiny.predictor(tiny.classifier()), TEXTS) == []
    assert ROUNDING["fp32"] < ROUNDING["bf16"]


def graded(texts: Sequence[str]) -> torch.Tensor:
    return torch.tensor([[float(len(text)), 0.0] for text in texts])


SATURATED: list[tuple[Any, str]] = [
    (graded, ""),
    (tiny.predictor(tiny.classifier()).logits, ""),
    (lambda texts: torch.eye(2)[(graded(texts)[:, 0] > 20).long()], "the model's scores are hard labels"),
    (
        lambda texts: graded(texts).softmax(1).round(decimals=3).clamp(min=1e-9).log(),
        "the model's scores are hard labels",
    ),
    (lambda texts: (graded(texts) / 200).round(), "the model's scores are (hard labels|rounded)"),
    (lambda texts: graded(texts).bfloat16().float().div(4).ceil(), ""),
]


@pytest.mark.parametrize(("logits", "told"), SATURATED)
def test_scores_that_do_not_move_are_warned_about(logits: Any, told: str) -> None:
    warnings = warn_of_saturation(logits, TEXTS)
    assert (not told and not warnings) or re.match(told, warnings[0])
    assert warn_of_saturation(logits, ["word", "another"]) == []


def test_the_window_is_warned_about_above_five_percent() -> None:
    assert warn_of_window(5, 100, 50, "") == []
    (warning,) = warn_of_window(52, 100, 50, "--set training.max_length=N")
    assert warning.startswith("52% of the test texts are longer than 50 tokens") and "=N)" in warning
