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

from robench.attacking.engine import BatchStatistics, attack_examples
from robench.data.load import TaskData
from robench.models import devices
from robench.models.batches import TrainingRow
from robench.models.devices import Precision
from robench.models.encoders import find_encoder
from robench.models.predictor import Predictor
from robench.plugins import registry
from robench.study.stages.stage import sample
from robench.training.loop import train
from robench.training.settings import TrainingSettings
from support import textattack_alone
from support.elsewhere import elsewhere
from support.textattack_alone import Padded, own_wrapper

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
        precision=devices.choose_precision("auto", CPU),
        device=CPU,
        seed=42,
    )
    return result.predictor


@pytest.fixture(scope="module")
def examples(reviews: TaskData) -> Examples:
    return [(i, example.text, example.label) for i, example in sample(reviews.test, MANY, "test")]


def predictor(base: Predictor, precision: Precision) -> Predictor:
    return Predictor(base.classifier, base._tokenizer, max_length=50, precision=precision, device=CPU)


class Turns:
    """TextAttack's searches, one at a time, in a process of their own."""

    def __init__(self, step: Callable[[], tuple[int, float] | None]) -> None:
        self._step = step
        self._queries, self._seconds = 0, 0.0

    def take(self) -> bool:
        """Attack the next example, if there is one left."""
        found = self._step()
        if found is not None:
            self._queries += found[0]
            self._seconds += found[1]
        return found is not None

    @property
    def speed(self) -> float:
        """Queries a second."""
        return self._queries / self._seconds


class Wrapped:
    """A victim around another one."""

    def __init__(self, base: Predictor) -> None:
        self._base, self.seconds = base, 0.0
        self.max_in_flight, self.freeze_weights, self.tokens, self.identify, self.shape = (
            base.max_in_flight,
            base.freeze_weights,
            base.tokens,
            base.identify,
            base.shape,
        )


class TakingTurns(Wrapped):
    """A victim that lets others have a turn every few batches, so that all meet the same noise."""

    def __init__(self, base: Predictor, others: dict[int, Turns]) -> None:
        super().__init__(base)
        self._others, self._batches = others, 0

    def batch_logits(self, tokens: Sequence[Any], shape: Any) -> torch.Tensor:
        logits = self._base.batch_logits(tokens, shape)
        started = time.perf_counter()
        self._batches += 1
        for every, other in self._others.items():
            if self._batches % every == 0:
                other.take()
        self.seconds += time.perf_counter() - started
        return logits


def together(name: str, victim: Any, examples: Examples, statistics: BatchStatistics | None = None) -> int:
    """robench's engine."""
    attack = registry.entry("attacks", name).load()
    found = attack_examples(attack, victim, examples, seed=42, attack_name=name, statistics=statistics)
    return sum(record.queries for record in found)


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_pwws(precision: str, base: Predictor, examples: Examples, told: list[str], benchmark: Any) -> None:
    """TextAttack's wrapper pads to what the tokenizer allows (512 tokens for MiniLM)."""
    together("pwws", base, examples[:1])  # loads the synonyms
    ours = predictor(base, devices.choose_precision(precision, CPU))
    with (
        elsewhere(textattack_alone.searches, Padded, base, examples) as next_padded,
        elsewhere(textattack_alone.searches, own_wrapper, base, examples[:FEW]) as next_own,
    ):
        padded, own = Turns(next_padded), Turns(next_own)
        turns = TakingTurns(ours, {5: padded, 100: own})
        queries = benchmark.pedantic(lambda: together("pwws", turns, examples), rounds=1)
        while benchmark.stats is not None and (padded.take() or own.take()):
            pass
    if benchmark.stats is not None:
        speed = queries / (benchmark.stats.stats.min - turns.seconds)
        ratios = {"own": speed / own.speed, "padded": speed / padded.speed}
        benchmark.extra_info.update(queries=queries, queries_per_second=speed, **ratios)
        told.append(
            f"pwws, robench {precision}: {speed:.0f} queries/s; {ratios['own']:.1f} x TextAttack's own wrapper"
            f" ({own.speed:.0f}), {ratios['padded']:.2f} x padded to the batch in fp32 ({padded.speed:.0f})"
        )


class Twice(Wrapped):
    """A victim that runs each batch a second time: what the attack would take if it were nothing but its batches."""

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
    twice, statistics = Twice(base), BatchStatistics()
    together(name, base, examples[:1])
    benchmark.pedantic(lambda: together(name, twice, examples, statistics), rounds=1)
    if benchmark.stats is not None:
        whole = benchmark.stats.stats.min - twice.seconds
        LIMITS.append((whole, twice.seconds))
        filled = statistics.computed_texts / statistics.batch_rows
        benchmark.extra_info.update(attack_seconds=whole, texts=statistics.computed_texts, ratio=whole / twice.seconds)
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
        "import robench.models.predictor\n"
        "started = time.perf_counter()\n"
        "from robench.attacks.pwws import PWWS\n"
        "from robench.attacking.engine import attack_examples\n"
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
