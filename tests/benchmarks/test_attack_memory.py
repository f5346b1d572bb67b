"""Memory of attacking 1,000 news texts, and how it grows with their number.

Run with ``pytest tests/benchmarks/test_attack_memory.py --benchmark-only``. A process of its own attacks them with
MiniLM loaded beside a victim that only counts letters: what the search needs does not depend on how the victim thinks,
and MiniLM would take an hour. AG's test texts where they are at hand, else BBC's from the package index.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.machine import real_data_if_any

pytestmark = pytest.mark.benchmark(group="memory of attacking 1,000 news texts")

SCRIPT = """
import resource, sys
from pathlib import Path
from string import ascii_lowercase

import torch

from robench.plugins import registry
from robench.models.classifier import Classifier
from robench.data.load import load_task
from robench.models.encoders import find_encoder
from robench.attacking.engine.pool import attack_examples
from robench.models.predictor import Predictor
from robench.study.stages.stage import sample

name, folder = sys.argv[1], Path(sys.argv[2])
task = "ag" if (folder / "ag").is_dir() else "bbc"
data = load_task(task, registry.entry("tasks", task).load(), data_dir=folder, order=("local", "index"))
encoder = find_encoder("minilm")
classes = len(data.labels)
cpu = torch.device("cpu")
model = Classifier(encoder.model(), classes)
minilm = Predictor(model, encoder.tokenizer(), max_length=50, precision="fp32", device=cpu)
rows = sample(data.test, 1000, "test")
minilm.logits([example.text for _, example in rows[:100]])
letters = torch.randn(26, classes, generator=torch.Generator().manual_seed(0))


def count(texts):
    return torch.tensor([[float(text.lower().count(letter)) for letter in ascii_lowercase] for text in texts]) @ letters


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


labels = count([example.text for _, example in rows]).argmax(1).tolist()
examples = [(i, example.text, label) for (i, example), label in zip(rows, labels)]
attack = registry.entry("attacks", name).load()
for done, _ in enumerate(attack_examples(attack, count, examples, seed=42, attack_name=name), start=1):
    if done in (100, 250, 500, len(examples)):
        print(f"{done} {peak():.2f}", flush=True)
"""


@pytest.mark.parametrize("name", ["pwws", "textfooler"])
def test_peak(name: str, told: list[str], tmp_path: Path, benchmark: Any) -> None:
    """TextFooler brings word vectors, a sentence encoder and a tagger."""
    folder = real_data_if_any() or tmp_path
    lines: list[str] = []

    def work() -> None:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, name, str(folder)], capture_output=True, text=True, check=True
        )
        lines.extend(done.stdout.splitlines())

    benchmark.pedantic(work, rounds=1)
    peaks = dict(line.split() for line in lines)
    benchmark.extra_info.update(peaks)
    told.append(f"{name}: peak in GiB after so many texts: {', '.join(f'{n}: {gib}' for n, gib in peaks.items())}")
