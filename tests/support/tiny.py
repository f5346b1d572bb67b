"""Encoders of two small layers with fixed random weights, and a task that they learn in seconds."""

from __future__ import annotations

import functools
import random
from typing import Any

import torch
from transformers import BertModel, BertTokenizerFast, PreTrainedModel

from robench.data.load import Example
from robench.models.batches import Batch, TrainingRow, TrainingSet
from robench.models.classifier import Classifier
from robench.models.predictor import Predictor
from robench.results.info import ModelInfo
from robench.results.info_parts import Clean, DataInfo, EncoderInfo, PluginInfo
from robench.training.loop import TrainingResult, train
from robench.training.reattack import Reattack
from support import small_bert

CPU = torch.device("cpu")
FILLERS = "the a film story ending actor scene was is and but with for long short quiet loud music".split()
MARKERS = (("superb", "bright", "lovely"), ("dull", "weak", "awful"))
LETTERS = "abcdefghijklmnopqrstuvwxyz.,!?'"
SPREAD = 0.1
SHAPE: dict[str, Any] = {**small_bert.SHAPE, "initializer_range": SPREAD}
"""Of small encoders of other families."""


def examples(count: int, seed: int = 0) -> list[Example]:
    """Texts of 3 to 15 words; one word of each tells the label."""
    stream = random.Random(seed)
    found = []
    for i in range(count):
        words = stream.choices(FILLERS, k=stream.randint(2, 14))
        words.insert(stream.randrange(len(words) + 1), stream.choice(MARKERS[i % 2]))
        found.append(Example(" ".join(words), i % 2))
    return found


def rows(count: int, seed: int = 0, *, pairs: bool = False) -> list[TrainingRow]:
    """The same as training rows; a counterpart has one letter doubled, so that it is longer in tokens."""
    return [
        TrainingRow(e.text, e.label, e.text.replace("l", "ll").replace("a", "aa") if pairs else None)
        for e in examples(count, seed)
    ]


@functools.cache
def tokenizer(padding_side: str = "right") -> BertTokenizerFast:
    """WordPiece: the task's words, and letters for all others."""
    words = [*FILLERS, *(marker for markers in MARKERS for marker in markers)]
    return small_bert.tokenizer(words, letters=LETTERS, padding_side=padding_side)


def encoder(seed: int = 0, *, dropout: float = 0.1) -> PreTrainedModel:
    """A BERT for that tokenizer."""
    rates: dict[str, Any] = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return small_bert.model(BertModel, tokenizer(), seed=seed, spread=SPREAD, **rates)


def classifier(seed: int = 0, classes: int = 2) -> Classifier:
    """A classifier in evaluation mode, its head drawn wide enough for logits that differ."""
    with torch.random.fork_rng([]):
        made = Classifier(encoder(seed), classes)
    made.initialise_head(seed)
    with torch.no_grad():
        made.head.weight.mul_(10)
    return made.eval()


def predictor(model: Classifier, *, max_length: int = 24) -> Predictor:
    """Its logits, in float32 on the CPU."""
    return Predictor(model, tokenizer(), max_length=max_length, precision="fp32", device=CPU)


def batch(count: int = 5, *, pairs: bool = False) -> Batch:
    """One batch of that many rows."""
    return next(training_set(rows(count, pairs=pairs), batch_size=count).epoch(0))


def training_set(data: list[TrainingRow], *, batch_size: int = 8, max_length: int = 32, seed: int = 0) -> TrainingSet:
    """Rows as batches on the CPU."""
    return TrainingSet(data, tokenizer(), batch_size=batch_size, max_length=max_length, seed=seed, device=CPU)


def attack(predictor: Predictor, epoch: int, wanted: Reattack) -> list[TrainingRow]:
    """Adversarial rows of an epoch, as many as are wanted at most: other texts with one letter doubled."""
    made = rows(wanted.count_most(12, drops=True), seed=epoch, pairs=True)
    return [TrainingRow(row.adversarial or "", row.label) for row in made]


def trained(defense: Any, data: list[TrainingRow], settings: Any, **changes: Any) -> TrainingResult:
    """Train the tiny encoder; ``changes`` replace what ``train`` is given."""
    given: dict[str, Any] = {
        "dev": examples(20, seed=99),
        "encoder": encoder,
        "tokenizer": tokenizer(),
        "classes": 2,
        "settings": settings,
        "precision": "fp32",
        "device": CPU,
        "seed": 3,
        "attacker": attack,
    }
    return train(defense, data, **(given | changes))


def model_info(**changes: Any) -> ModelInfo:
    """Describe a trained tiny model, with as little as ``stage.json`` may say."""
    values: dict[str, Any] = {
        "key": "0123456789abcdef",
        "task": "mr",
        "data": DataInfo(digest="d"),
        "encoder": EncoderInfo(name="tiny", digest="e"),
        "seed": 0,
        "defense": PluginInfo(name="base"),
        "clean": Clean(correct=1, n=2),
    }
    return ModelInfo(**(values | changes))
