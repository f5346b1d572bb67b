"""What the golden records are made of: twenty texts, two victims, and each registered attack with cheap options.

Records depend on which of many candidates is best, so a last digit could turn a whole search. Three things keep them
from that: the function's logits are exact in float32, the network's logits are spread wide, and freezing checks that
weights which differ in their last digits give the same records (``shaken``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from robench.attacking.attack import Attack
from robench.attacking.engine import attack_examples
from robench.models.predictor import Predictor
from robench.plugins import registry
from robench.results.records import Record
from support import small_models, tiny

TEXTS = (
    "The old waiter forgot our tea and the bread was cold.",
    "A bright, honest comedy with a clever ending!",
    "Nobody remembers who wrote the second novel.",
    "The band looked tired and the evening was dull.",
    "Why does the mayor sleep on the train?",
    "I don't think that 12 buses were an hour late.",
    "They are not here; we are 7 at the door.",
    "Prices rose again while the streets were frozen.",
    "This is the worst recipe that I have ever bought!",
    "My new laptop is quiet, but it isn't fast.",
    "Anna painted her house green in Lisbon.",
    "Good soup",
    "Storm.",
    "The and of",
    "A superb actor saves this awful film.",
    "The scene is long and the music too loud for the story.",
    "We won't have another winter like it, will we?",
    "He laughed at every proposal of the committee.",
    "An empty thriller about a small farm in the village.",
    "She never walked home without her 3 cats.",
)
CLASSES = 3
SEED = 5
VICTIMS = ("function", "network")


def options(folder: Path) -> dict[str, dict[str, Any]]:
    """What an attack is given beside its defaults: small models in folders, and searches that end soon."""
    bert, gpt2 = str(folder / "bert"), str(folder / "gpt2")
    return {
        "a2t": {"sentence_model": bert, "min_sentence_similarity": 0.5, "min_word_similarity": 0.5},
        "bae": {"language_model": bert, "max_candidates": 8},
        "bert-attack": {"language_model": bert, "max_candidates": 3},
        "checklist": {"entities": "none"},  # Flair's tagger is only on the Hub
        "clare": {"language_model": bert, "max_candidates": 4, "max_actions": 2, "min_sentence_similarity": 0.5},
        "iga": {"population": 6, "iterations": 3, "max_candidates": 8},
        "kuleshov": {"language_model": gpt2, "max_candidates": 5},
        "textattack:LEAP2023": {"query_budget": 60},
    }


FAMILIES = {"random-order": "random-order:pwws", "textattack": "textattack:LEAP2023"}
"""The member of each family that stands for it."""


def names() -> list[str]:
    """Every attack that robench registers, a family by one of its members."""
    found = [entry for entry in registry.entries("attacks") if entry.origin == "robench"]
    return sorted(FAMILIES.get(entry.name, entry.pattern) for entry in found)


def attack(name: str, models: Path) -> Attack:
    """The attack of that name as it is frozen."""
    made: Attack = dataclasses.replace(registry.entry("attacks", name).load(), **options(models).get(name, {}))
    return made


def function(texts: Sequence[str]) -> torch.Tensor:
    """Three sums of what each word and each pair of letters counts, in steps of 1/1024: (N, 3), exact in float32."""
    return torch.tensor([_votes(text) for text in texts])


def _votes(text: str) -> list[float]:
    words = text.lower().split()
    parts = [(part, 1) for word in words for part in map("".join, itertools.pairwise(word))]
    counts = [0] * CLASSES
    for part, weight in [*parts, *((word, 4) for word in words)]:
        digest = hashlib.sha256(part.encode()).digest()
        for k in range(CLASSES):
            counts[k] += weight * (digest[k] - 128)
    return [count / 1024 for count in counts]


def network(shaken: int = 0) -> Predictor:
    """The tiny encoder with weights that Python draws, alike on every machine."""
    classifier = tiny.classifier(classes=CLASSES)
    stream = random.Random("golden")
    with torch.no_grad():
        for name, weight in classifier.named_parameters():
            if "LayerNorm" not in name and weight.dim() == 2:
                drawn = torch.tensor([stream.uniform(-1, 1) for _ in range(weight.numel())])
                weight.copy_(drawn.view(weight.shape) * (0.6 if name.startswith("head") else 0.3))
        classifier.head.bias.copy_(torch.tensor([2.0, -1.35, 0.43]))  # else it answers the same to nearly everything
    shake(classifier, shaken)
    return tiny.predictor(classifier, max_length=64)


def shake(model: torch.nn.Module, seed: int) -> None:
    """Move each weight by up to two units of its last place; not at all with seed 0."""
    if seed:
        stream = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(1 + 2e-7 * (2 * torch.rand(weight.shape, generator=stream) - 1))


def language_models(folder: Path, shaken: int = 0) -> Path:
    """A masked language model and a GPT-2 in folders."""
    small_models.bert(folder / "bert")
    small_models.gpt2(folder / "gpt2")
    if shaken:
        for name, kind in (("bert", AutoModelForMaskedLM), ("gpt2", AutoModelForCausalLM)):
            model = kind.from_pretrained(folder / name)
            shake(model, shaken)
            model.save_pretrained(folder / name)
    return folder


def victim(name: str, shaken: int = 0) -> Any:
    """The function or the network."""
    return network(shaken) if name == "network" else function


def records(attack: Attack, name: str, victim: Any, *, live: int = 7) -> list[Record]:
    """The records of all texts; the victim's own answers are the labels, but for each seventh text."""
    logits: Callable[[Sequence[str]], torch.Tensor] = victim.logits if isinstance(victim, Predictor) else victim
    labels = logits(TEXTS).argmax(dim=1).tolist()
    examples = [(n, text, (labels[n] + (n % 7 == 6)) % CLASSES) for n, text in enumerate(TEXTS)]
    found = attack_examples(attack, victim, examples, seed=SEED, attack_name=name, live=live)
    return sorted(found, key=lambda record: record.id)
