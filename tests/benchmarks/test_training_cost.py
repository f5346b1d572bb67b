"""Time of one training step of each defense, beside that of Base in the same run and what its passes predict.

Run with ``pytest tests/benchmarks/test_training_cost.py --benchmark-only``.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from robench.models.batches import TrainingRow
from robench.models.encoders import EncoderSource, find_encoder
from robench.plugins import registry
from robench.training.defense import Defense, TrainsOn
from support.stepwise import Stepwise, timed

PASSES = {
    **{"base": 1, "base-adv": 1, "base-adv-soft": 1, "ada": 1, "fgsm": 2, "fgm": 2, "pgd": 4, "freelb": 2},
    **{"freelb++": 10, "smart": 3, "smart-paper": 3 + 1 / 3, "clean": 2, "adversarial": 2, "taichi-no-adv": 2},
    **{"taichi-no-ctr": 4, "taichi": 4},
}
"""Forward and backward passes over 16 texts in one step; a forward pass alone is a third of one."""
ROUNDS = 8
BATCH = 16
WORDS = "the a long short film story actor scene music ending was is seemed and but never quite dull bright".split()

pytestmark = pytest.mark.benchmark(group="one training step, batches of 16, MiniLM")


@pytest.fixture(scope="module")
def encoder() -> EncoderSource:
    return find_encoder("minilm")


@pytest.fixture(scope="module")
def base(encoder: EncoderSource) -> Stepwise:
    return training("base", encoder)


def training(name: str, encoder: EncoderSource) -> Stepwise:
    return Stepwise(name, encoder, rows(registry.entry("defenses", name).load(), BATCH * 4 * ROUNDS), BATCH)


def rows(defense: Defense, count: int) -> list[TrainingRow]:
    """Texts of 20 words; their counterparts are as long."""
    stream = random.Random(0)
    found = []
    for i in range(count):
        text = " ".join(stream.choices(WORDS, k=20))
        pair = " ".join(stream.choices(WORDS, k=20)) if defense.trains_on is TrainsOn.PAIRS else None
        soft = (0.3, 0.7) if defense.trains_on is TrainsOn.ADVERSARIAL else None
        found.append(TrainingRow(text, i % 2, pair, soft))
    return found


@pytest.mark.parametrize("name", PASSES)
def test_one_step(name: str, encoder: EncoderSource, base: Stepwise, told: list[str], benchmark: Any) -> None:
    """A step of Base goes before each, so that a machine that slows down slows both; the fastest of each counts."""
    run = training(name, encoder)
    baseline: list[float] = []
    for _ in range(2):
        run.step()
        base.step()
    benchmark.pedantic(run.step, setup=lambda: baseline.append(timed(base.step)), rounds=ROUNDS)
    run.stop()
    if benchmark.stats is not None:
        passes, ratio = PASSES[name], benchmark.stats.stats.min / min(baseline)
        benchmark.extra_info.update(times_base=ratio, passes=passes)
        told.append(f"{name}: {passes:.2f} passes, {ratio:.2f} times base: {ratio / passes - 1:+.0%}")
