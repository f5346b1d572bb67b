"""TextAttack as its users run it: PWWS with its own code, its own WordNet and a wrapper around the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from robench.models.exported_model import RobenchConfig, RobenchForSequenceClassification
from robench.models.predictor import Predictor
from robench.resources.textattack import load_textattack
from robench.resources.textattack_guard import block_nltk_downloads

Labelled = Sequence[tuple[int, str, int]]
"""Id, text, label."""


class Padded:
    """A wrapper as careful users write it: at most 32 texts at a time, padded to the longest of them."""

    def __init__(self, base: Predictor) -> None:
        self._tokenizer, self.model = base._tokenizer, base.classifier.eval()

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        found = []
        for start in range(0, len(texts), 32):
            chosen = list(texts[start : start + 32])
            batch = self._tokenizer(chosen, padding=True, truncation=True, max_length=50, return_tensors="pt")
            with torch.no_grad():
                found.append(self.model(dict(batch)).logits)
        return torch.cat(found)


def own_wrapper(base: Predictor) -> Any:
    """TextAttack's wrapper around the same classifier, as ``robench export`` writes it."""
    load_textattack()
    from textattack.models.wrappers import HuggingFaceModelWrapper

    head = base.classifier.head
    config = RobenchConfig(encoder_config=base.classifier.encoder.config.to_dict(), num_labels=head.out_features)
    model = RobenchForSequenceClassification(config).eval()
    model.load_state_dict(base.classifier.state_dict())
    return HuggingFaceModelWrapper(model, base._tokenizer)


def searches(victim: Callable[[Predictor], Any], base: Predictor, texts: Labelled) -> Iterator[tuple[int, float]]:
    """Queries and seconds of each search in turn."""
    load_textattack()
    from textattack import attack_recipes
    from textattack.shared import AttackedText, attacked_text
    from textattack.shared.utils import words_from_text

    attacked_text.words_from_text = words_from_text  # not robench's, which remembers
    with block_nltk_downloads():
        attack = attack_recipes.PWWSRen2019.build(victim(base))
    attack.transformation(AttackedText("begin"))  # starts NLTK's WordNet
    for _, text, label in texts:
        started = time.perf_counter()
        queries = attack.attack(text, label).num_queries
        yield queries, time.perf_counter() - started
