"""Time and memory of attacking long reviews, and one word of thousands of letters.

Run with ``pytest tests/benchmarks/test_long_texts.py --benchmark-only``. MR's snippets are joined to ten reviews of
about 230 words and one of 2,500, the mean and the longest of IMDB. Each attack runs in a process of its own, on MiniLM
with a head that was not trained and sees 256 tokens. Each batch runs twice, once for the search and once for the limit:
the forward passes over the distinct inputs alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

ATTACKS = ("deepwordbug", "pwws", "textfooler", "textbugger")
TIMES: list[tuple[float, float]] = []

pytestmark = pytest.mark.benchmark(group="long texts")

COMMON = """
import json, resource, sys, time
import torch
from robench.attacking.engine import BatchStatistics, attack_examples
from robench.plugins import registry

name = sys.argv[1]
attack = registry.entry("attacks", name).load()

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

def search(victim, examples, **options):
    return list(attack_examples(attack, victim, examples, seed=42, attack_name=name, **options))
"""

REVIEWS = """
from robench.data.load import load_task
from robench.models.classifier import Classifier
from robench.models.encoders import find_encoder
from robench.models.predictor import Predictor

class Twice(Predictor):
    seconds = 0.0

    def batch_logits(self, tokens, shape):
        logits = super().batch_logits(tokens, shape)
        started = time.perf_counter()
        super().batch_logits(tokens, shape)
        self.seconds += time.perf_counter() - started
        return logits

snippets = iter(load_task("mr", registry.entry("tasks", "mr").load(), order=("index",)).train)

def review(words):
    text = ""
    while len(text.split()) < words:
        text += next(snippets).text + " "
    return text.strip()

texts = [review(230) for _ in range(int(sys.argv[2]))] + [review(words) for words in map(int, sys.argv[3:])]
torch.manual_seed(0)
encoder = find_encoder("minilm")
model = Classifier(encoder.model(), 2)
cpu = torch.device("cpu")
victim = Twice(model, encoder.tokenizer(), max_length=256, precision="fp32", device=cpu)
search(victim, [(0, "A fine film", 0)])
labels = victim.logits(texts).argmax(1).tolist()
statistics, victim.seconds, started = BatchStatistics(), 0.0, time.perf_counter()
examples = [(i, text, label) for i, (text, label) in enumerate(zip(texts, labels))]
records = search(victim, examples, statistics=statistics)
print(json.dumps({
    "seconds": time.perf_counter() - started - victim.seconds,
    "limit": victim.seconds,
    "peak_mb": peak(),
    "queries": sum(record.queries for record in records),
    "inputs": statistics.computed_texts,
}))
"""

LETTERS = """
def victim(texts):
    return torch.tensor([[1.0, text.count("e") / len(text)] for text in texts])

word = ("letters without an end " * 400).replace(" ", "")[: int(sys.argv[2])]
search(victim, [(0, "A fine film", 0)])
before = peak()
search(victim, [(0, f"A {word} film", 0)])
print(json.dumps({"added_mb": peak() - before}))
"""


def measure(script: str, *arguments: object) -> dict[str, float]:
    """Run a script in a fresh process and return the numbers that it prints last."""
    command = [sys.executable, "-c", COMMON + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_reviews(name: str, told: list[str], benchmark: Any) -> None:
    """At most 2 times the forward passes over all four attacks, and a peak below 2 GB."""
    found = benchmark.pedantic(lambda: measure(REVIEWS, name, 10, 2500), rounds=1)
    TIMES.append((found["seconds"], found["limit"]))
    benchmark.extra_info.update(found)
    told.append(
        f"{name}: {found['seconds']:.0f} s, the forwards alone {found['limit']:.0f} s:"
        f" {found['seconds'] / found['limit']:.2f} times; {found['queries']} queries, {found['inputs']} inputs;"
        f" peak {found['peak_mb']:.0f} MB"
    )
    if name == ATTACKS[-1]:
        together, limit = (sum(times) for times in zip(*TIMES, strict=True))
        told.append(f"all: {together:.0f} s, the forwards alone {limit:.0f} s: {together / limit:.2f} times")
    assert found["peak_mb"] < 2000


def test_one_long_word(told: list[str], benchmark: Any) -> None:
    """One word of 8,000 letters under TextBugger adds less than 200 MB."""
    found = benchmark.pedantic(lambda: measure(LETTERS, "textbugger", 8000), rounds=1)
    benchmark.extra_info.update(found)
    told.append(f"textbugger, one word of 8,000 letters: {found['added_mb']:.0f} MB more")
    assert found["added_mb"] < 200
