"""TextAttack as its users run it: PWWS with its own code, its own WordNet and a wrapper around the model."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from robench.exported_model import RobenchConfig, RobenchForSequenceClassification
from robench.prediction import Predictor
from robench.textattack_env import load_textattack, without_nltk_downloads


class Padded:
    """A wrapper as careful users write it: at most 32 texts at a time, padded to the longest of them."""

    def __init__(self, base: Predictor) -> None:
        self._tokenizer = base._tokenizer
        self.model = copy.deepcopy(base.classifier).eval()  # robench may pack the weights of its own

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


class OneByOne:
    """TextAttack's own PWWS over the examples, a step at a time, with none of what robench does for its speed."""

    def __init__(self, victim: Any, examples: Sequence[tuple[int, str, int]]) -> None:
        load_textattack()
        from textattack import attack_recipes
        from textattack.shared import AttackedText

        self._waiting = list(examples)
        with _as_it_comes():
            self._attack = attack_recipes.PWWSRen2019.build(victim)
            self._attack.transformation(AttackedText("begin"))  # starts NLTK's WordNet
        self.queries, self.seconds = 0, 0.0

    def step(self) -> bool:
        """Attack the next example, if there is one left."""
        if not self._waiting:
            return False
        _, text, label = self._waiting.pop(0)
        with _as_it_comes():
            started = time.perf_counter()
            self.queries += self._attack.attack(text, label).num_queries
            self.seconds += time.perf_counter() - started
        return True

    @property
    def speed(self) -> float:
        """Queries a second."""
        return self.queries / self.seconds


@contextlib.contextmanager
def _as_it_comes() -> Iterator[None]:
    """TextAttack without robench's memory of what a string's words are."""
    from textattack.shared import attacked_text
    from textattack.shared.utils import words_from_text

    remembering = attacked_text.words_from_text
    attacked_text.words_from_text = words_from_text
    try:
        with without_nltk_downloads():
            yield
    finally:
        attacked_text.words_from_text = remembering
