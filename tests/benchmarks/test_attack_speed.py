"""Attacks on 100 film reviews: robench's engine against TextAttack's own loop, and against the bare forward passes.

Run with ``pytest tests/benchmarks/test_attack_speed.py --benchmark-only``. The victim is a MiniLM Base, trained for a
minute first. The reviews are SST-2's test sentences where they are at hand, else MR's from the package index.
TextAttack with its own wrapper takes minutes for a few sentences: it gets the first :data:`FEW`, and speed is counted
in queries that the search asked for, which are the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from robench import devices, registry
from robench.batches import TrainingRow
from robench.data import TaskData
from robench.devices import Precision
from robench.encoders import find_encoder
from robench.engine.batcher import Statistics
from robench.engine.pool import attack_examples
from robench.prediction import Predictor
from robench.spec import TrainingSettings
from robench.stages import sample
from robench.streams import Stream
from robench.textattack_env import build_attack
from robench.training import train

ATTACKS = ("deepwordbug", "pwws", "textfooler", "textbugger")
MANY, FEW = 100, 5
CPU = torch.device("cpu")

pytestmark = pytest.mark.benchmark(group="attacking film reviews, MiniLM")
Examples = list[tuple[int, str, int]]


@pytest.fixture(scope="module")
def base(reviews: TaskData) -> Predictor:
    encoder = find_encoder("minilm")
    rows = [TrainingRow(example.text, example.label) for _, example in sample(reviews.train, 500, "train")]
    result = train(
        registry.entry("defenses", "base").load(),
        rows,
        reviews.dev[:200],
        encoder=encoder.model,
        tokenizer=encoder.tokenizer(),
        classes=2,
        settings=TrainingSettings(batch_size=8, learning_rate=2e-4, epochs=2),
        precision=devices.precision("auto", CPU),
        device=CPU,
        seed=42,
    )
    return result.predictor


@pytest.fixture(scope="module")
def examples(reviews: TaskData) -> Examples:
    return [(i, example.text, example.label) for i, example in sample(reviews.test, MANY, "test")]


def predictor(base: Predictor, precision: Precision) -> Predictor:
    return Predictor(base.classifier, base._tokenizer, max_length=50, precision=precision, device=CPU)


class Padded:
    """A victim as TextAttack's users write it: each call is one batch of at most 32, padded to ``length``."""

    def __init__(self, base: Predictor, length: int | None) -> None:
        self._base, self._length = base, length
        self.model = self

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        found = []
        for start in range(0, len(texts), 32):
            padding: dict[str, Any] = {"padding": "max_length", "max_length": self._length or 50}
            if self._length is None:
                padding["padding"] = True
            batch = self._base._tokenizer(
                list(texts[start : start + 32]), truncation=True, return_tensors="pt", **padding
            )
            with torch.no_grad():
                found.append(self._base.classifier.eval()(dict(batch)).logits)
        return torch.cat(found)


def one_by_one(name: str, victim: Any, examples: Examples) -> int:
    """TextAttack's own loop; the queries that the searches asked for."""
    attack = build_attack(registry.entry("attacks", name).load(), victim)
    attack.goal_function.batch_size = 32
    queries = 0
    for number, text, label in examples:
        with Stream(42, name, number).active():
            queries += attack.attack(text, label).num_queries
    return queries


def together(name: str, victim: Any, examples: Examples, statistics: Statistics | None = None) -> int:
    """robench's engine."""
    attack = registry.entry("attacks", name).load()
    found = attack_examples(attack, victim, examples, seed=42, attack_name=name, statistics=statistics)
    return sum(record.queries for record in found)


def speed(work: Callable[[], int], benchmark: Any) -> float:
    """Queries a second of one run."""
    queries = benchmark.pedantic(work, rounds=1)
    benchmark.extra_info["queries"] = queries
    return queries / benchmark.stats.stats.min if benchmark.stats is not None else float("nan")


SPEEDS: dict[str, float] = {}


@pytest.mark.parametrize("way", ["own wrapper", "padded to the batch, fp32", "robench fp32", "robench auto"])
def test_pwws(way: str, base: Predictor, examples: Examples, told: list[str], benchmark: Any) -> None:
    """TextAttack's wrapper pads to what the tokenizer allows (512 tokens for MiniLM)."""
    limit = min(base._tokenizer.model_max_length, 512)
    together("pwws", base, examples[:1])  # starts NLTK's WordNet
    work: Callable[[], int] = {
        "own wrapper": lambda: one_by_one("pwws", Padded(base, limit), examples[:FEW]),
        "padded to the batch, fp32": lambda: one_by_one("pwws", Padded(base, None), examples),
        "robench fp32": lambda: together("pwws", predictor(base, "fp32"), examples),
        "robench auto": lambda: together("pwws", base, examples),
    }[way]
    SPEEDS[way] = speed(work, benchmark)
    ratios = ", ".join(f"{SPEEDS[way] / other:.1f} x {name}" for name, other in SPEEDS.items() if name != way)
    told.append(f"pwws, {way}: {SPEEDS[way]:.0f} queries/s{'; ' if ratios else ''}{ratios}")


class Twice:
    """A victim that runs each batch a second time: what the attack would take if it were nothing but its batches."""

    def __init__(self, base: Predictor) -> None:
        self._base = base
        self.seconds = 0.0
        self.ahead, self.tokens, self.shape = base.ahead, base.tokens, base.shape

    def batch_logits(self, tokens: Sequence[Any], shape: Any) -> torch.Tensor:
        logits = self._base.batch_logits(tokens, shape)
        started = time.perf_counter()
        self._base.batch_logits(tokens, shape)
        self.seconds += time.perf_counter() - started
        return logits


LIMITS: list[tuple[float, float]] = []


@pytest.mark.parametrize("name", ATTACKS)
def test_beside_the_forward_passes_alone(
    name: str, base: Predictor, examples: Examples, told: list[str], benchmark: Any
) -> None:
    """The limit: the same batches of the same texts without a search."""
    twice, statistics = Twice(base), Statistics()
    together(name, base, examples[:1])
    benchmark.pedantic(lambda: together(name, twice, examples, statistics), rounds=1)
    if benchmark.stats is not None:
        whole = benchmark.stats.stats.min - twice.seconds
        LIMITS.append((whole, twice.seconds))
        filled = statistics.forwards / statistics.places
        benchmark.extra_info.update(attack_seconds=whole, texts=statistics.forwards, ratio=whole / twice.seconds)
        told.append(
            f"{name}: {whole:.1f} s, the forwards alone {twice.seconds:.1f} s: {whole / twice.seconds:.2f} times the"
            f" limit; {statistics.batches} batches {filled:.0%} full"
        )
        if name == ATTACKS[-1]:
            together_, limit = (sum(times) for times in zip(*LIMITS, strict=True))
            told.append(f"all: {together_:.1f} s, the forwards alone {limit:.1f} s: {together_ / limit:.2f}")


@pytest.mark.parametrize("count", [250, 500, 1000])
def test_growth(count: int, base: Predictor, reviews: TaskData, told: list[str], benchmark: Any) -> None:
    """Seconds a sample should not grow with the number of samples."""
    examples = [(i, example.text, example.label) for i, example in sample(reviews.test, count, "test")]
    together("deepwordbug", base, examples[:1])
    cpu = time.process_time()
    benchmark.pedantic(lambda: together("deepwordbug", base, examples), rounds=1)
    cpu = time.process_time() - cpu
    if benchmark.stats is not None:
        told.append(
            f"deepwordbug, {len(examples)} samples: {1000 * benchmark.stats.stats.min / count:.0f} ms a sample,"
            f" {1000 * cpu / count:.0f} ms of processor"
        )


def test_start_up(told: list[str], tmp_path: Path, benchmark: Any) -> None:
    """From torch, transformers and the victim's classes imported to the first query of PWWS, in a fresh process."""
    import subprocess
    import sys

    script = (
        "import time, torch, transformers\n"
        "import robench.prediction\n"
        "started = time.perf_counter()\n"
        "from robench.attacks.pwws import PWWS\n"
        "from robench.engine.pool import attack_examples\n"
        "def victim(texts):\n"
        "    print(time.perf_counter() - started)\n"
        "    raise SystemExit\n"
        "for _ in attack_examples(PWWS(), victim, [(0, 'a fine film', 1)], seed=1, attack_name='pwws'): pass\n"
    )

    def start() -> float:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        return float(done.stdout.splitlines()[0])

    seconds: list[float] = []
    benchmark.pedantic(lambda: seconds.append(start()), rounds=3)
    told.append(f"start-up of an attack beyond torch and transformers: {min(seconds):.1f} s")
