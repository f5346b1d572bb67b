"""Every family of sequence classifiers is scored as Transformers scores each text alone, without padding."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from robench.victims.networks import NetworkScorer
from support import tiny
from support.classifier_families import MAJOR, NOT_TRIED, PADDED_ON_THE_LEFT, SEES_PADDING, families, tiny_config

TEXTS = [example.text for example in tiny.examples(8, seed=4)]
MAIN = ("bert", "deberta-v2", "distilbert", "gemma3", "gpt2", "llama", "modernbert", "qwen3", "t5", "xlnet")
"""Families of which `make test` is sure; the others are slow."""
LEAST = 45 if MAJOR >= 5 else 40
"""Families at least whose scores are those of the text alone."""
DOCS = Path(__file__).parents[2] / "docs" / "models.md"


def marked(family: str) -> Any:
    return pytest.param(family, marks=[] if family in MAIN else [pytest.mark.slow])


def draw_network(family: str) -> Any:
    build, config = AutoModelForSequenceClassification.from_config, tiny_config(family)
    with torch.device("meta"):
        assert sum(part.numel() for part in build(config).parameters()) < 2_000_000, f"{family} needs sizes of its own"
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return build(config).eval()


def score_alone(network: Any, accepted: frozenset[str], tokenizer: Any) -> torch.Tensor:
    """The logits of texts as plain Transformers computes them, each in a batch of its own."""
    rows = [tokenizer(text, return_tensors="pt") for text in TEXTS]
    with torch.no_grad():
        return torch.cat([network(**{key: row[key] for key in row if key in accepted}).logits.float() for row in rows])


@pytest.mark.filterwarnings("ignore")  # Transformers' own, about its old networks
@pytest.mark.parametrize("family", [marked(family) for family in families()])
def test_scores_of_a_family_are_those_of_the_text_alone(family: str) -> None:
    own, other = ("left", "right") if family in PADDED_ON_THE_LEFT else ("right", "left")
    for side in (own, other):
        network, tokenizer = draw_network(family), tiny.tokenizer(side)
        scorer = NetworkScorer("m", network, tokenizer, max_length=32, precision="fp32", device=tiny.CPU)
        alone = score_alone(network, scorer._predictor.classifier._accepts.names, tokenizer)
        assert alone.std(0).min() > 0.01, "texts have to differ"
        is_equal = bool((scorer(TEXTS) - alone).abs().max() <= 1e-5 * alone.abs().max().clamp(min=1))
        is_warned = bool(scorer.warn_of_padding(TEXTS))
        if family in SEES_PADDING or side == other:
            assert is_equal or is_warned, "a user is told"
        else:
            assert is_equal and not is_warned
        if side == own:
            assert is_warned == (family in SEES_PADDING)


def test_families_with_equal_scores_are_as_many_as_robench_promises() -> None:
    known = families()
    assert set(MAIN) <= set(known)
    assert len(set(known) - SEES_PADDING.keys()) >= LEAST


def test_families_that_see_padding_are_those_of_the_docs() -> None:
    (sentence,) = re.findall(r"\*\*Families that see padding\.\*\*(.*?)\n\n", DOCS.read_text(encoding="utf-8"), re.S)
    assert set(re.findall(r"`([\w-]+)`", sentence)) == SEES_PADDING.keys() | {"doge"}
    assert not SEES_PADDING.keys() & NOT_TRIED.keys()
