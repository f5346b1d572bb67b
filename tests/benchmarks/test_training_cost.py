"""Time of one training step of each defense, beside that of Base in the same run and what its passes predict.

Run with ``pytest tests/benchmarks/test_training_cost.py --benchmark-only``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from greenlet import getcurrent, greenlet

from robench import devices, registry
from robench.batches import TrainingRow
from robench.data import Example
from robench.defense import Defense, TrainsOn
from robench.encoders import EncoderSource, find_encoder
from robench.spec import TrainingSettings
from robench.training import train

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
def base(encoder: EncoderSource) -> Training:
    return Training("base", encoder)


@pytest.fixture(scope="module")
def ratios(request: pytest.FixtureRequest) -> Iterator[dict[str, float]]:
    """Times of Base by name, told at the end."""
    found: dict[str, float] = {}
    yield found
    plugins = request.config.pluginmanager
    terminal = plugins.getplugin("terminalreporter")
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        terminal.write_line(f"\n{'defense':<15}{'passes':>8}{'x base':>8}{'above':>8}")
        for name, ratio in found.items():
            terminal.write_line(f"{name:<15}{PASSES[name]:>8.2f}{ratio:>8.2f}{ratio / PASSES[name] - 1:>+8.0%}")


class Training:
    """A training run that does one step at a time, in robench's own loop."""

    def __init__(self, name: str, encoder: EncoderSource) -> None:
        defense: Defense = registry.entry("defenses", name).load()
        cpu = devices.device("cpu")
        rest = getcurrent()
        self._run = greenlet(
            lambda: train(
                defense,
                rows(defense, BATCH * 4 * ROUNDS),
                [Example("a film", 0)],
                encoder=encoder.model,
                tokenizer=encoder.tokenizer(),
                classes=2,
                settings=TrainingSettings(epochs=100, batch_size=BATCH, eval_every=10**9),
                precision=devices.precision("auto", cpu),
                device=cpu,
                seed=0,
                on_step=lambda step, steps: rest.switch(),
            )
        )

    def step(self) -> None:
        self._run.switch()

    def timed(self) -> float:
        started = time.perf_counter()
        self.step()
        return time.perf_counter() - started

    def stop(self) -> None:
        self._run.throw()


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
def test_one_step(name: str, encoder: EncoderSource, base: Training, ratios: dict[str, float], benchmark: Any) -> None:
    """A step of Base goes before each, so that a machine that slows down slows both; the fastest of each counts."""
    training = Training(name, encoder)
    baseline: list[float] = []
    for _ in range(2):
        training.step()
        base.step()
    benchmark.pedantic(training.step, setup=lambda: baseline.append(base.timed()), rounds=ROUNDS)
    training.stop()
    if benchmark.stats is not None:
        ratios[name] = benchmark.stats.stats.min / min(baseline)
        benchmark.extra_info.update(times_base=ratios[name], passes=PASSES[name])
