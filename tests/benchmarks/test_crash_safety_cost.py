"""What it costs that nothing is lost: checkpoints of a training, and waiting for the disk before a stage is finished.

Run with ``pytest tests/benchmarks/test_crash_safety_cost.py --benchmark-only``. Each figure stands beside the same work
without it, in turns.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

from robench.models.batches import TrainingRow
from robench.models.classifier import Classifier
from robench.models.encoders import EncoderSource, find_encoder
from robench.plugins import registry
from robench.results.integrity import write_stage
from robench.study.stages import trained_model
from robench.training import checkpoints as module
from robench.training.checkpoints import INTERVAL_PER_WRITE, SHORTEST_INTERVAL, Checkpoints
from robench.training.defense import TrainsOn
from support.hand_made import write_records
from support.stepwise import Stepwise, timed
from support.tiny import model_info

ROUNDS = 5
FILE = "checkpoint.safetensors"
TEXT = "a long quiet story with bright music that never seemed dull but was short on a scene or two"
MOST = 0.02
"""Share of the training time that checkpoints may take."""

pytestmark = pytest.mark.benchmark(group="crash safety, MiniLM")


@pytest.fixture(scope="module")
def encoder() -> EncoderSource:
    return find_encoder("minilm")


def rows(name: str) -> list[TrainingRow]:
    pairs = registry.entry("defenses", name).load().trains_on is TrainsOn.PAIRS
    return [TrainingRow(TEXT, i % 2, TEXT.replace("dull", "bleak") if pairs else None) for i in range(64)]


class TimedCheckpoints(Checkpoints):
    """Checkpoints that note how long each took."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.durations: list[float] = []

    def write(self) -> None:
        self.durations.append(timed(super().write))


@pytest.mark.parametrize("name", ["base", "taichi"])
def test_checkpoints_of_a_training(
    name: str,
    encoder: EncoderSource,
    told: list[str],
    benchmark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The step after a write is shown too: the system may still be busy with the disk."""
    kept = TimedCheckpoints(tmp_path / FILE, {}, set_aside=lambda file, reason: None, warn=told.append)
    run = Stepwise(name, encoder, rows(name), 16, kept)
    monkeypatch.setattr(module, "SHORTEST_INTERVAL", torch.inf)
    for _ in range(3):
        run.step()
    plain: list[float] = []
    after: list[float] = []

    def rest() -> None:
        plain.extend(timed(run.step) for _ in range(3))
        monkeypatch.setattr(module, "SHORTEST_INTERVAL", 0.0)
        monkeypatch.setattr(module, "INTERVAL_PER_WRITE", 0.0)

    def write() -> None:
        after.append(timed(run.step))
        monkeypatch.setattr(module, "SHORTEST_INTERVAL", torch.inf)

    benchmark.pedantic(write, setup=rest, rounds=ROUNDS)
    run.stop()
    cost, step = median(kept.durations), median(plain)
    share = cost / (cost + max(SHORTEST_INTERVAL, INTERVAL_PER_WRITE * cost))
    benchmark.extra_info.update(share=share)
    size = (tmp_path / FILE).stat().st_size / 1e6
    next_step = median(a - b for a, b in zip(after, kept.durations, strict=True))
    told.append(
        f"{name}: a checkpoint of {size:.0f} MB takes {cost:.2f} s: {share:.2%} of the time; a step"
        f" {1000 * step:.0f} ms, the one after a checkpoint {1000 * next_step:.0f} ms"
    )
    assert len(kept.durations) == ROUNDS and share < MOST


@pytest.fixture
def without_syncs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], float]]:
    """A function that takes the time of some work which does not wait for the disk."""

    def measure(work: Callable[[], object]) -> float:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda handle: None)
            return timed(work)

    yield measure


def compare(
    name: str,
    work: Callable[[], object],
    setup: Callable[[], object],
    measure: Callable[[Callable[[], object]], float],
    told: list[str],
    benchmark: Any,
) -> None:
    baseline: list[float] = []

    def prepare() -> None:
        setup()
        baseline.append(measure(work))
        setup()

    benchmark.pedantic(work, setup=prepare, rounds=ROUNDS)
    if benchmark.stats is not None:
        ours, other = benchmark.stats.stats.median, median(baseline)
        benchmark.extra_info.update(more=ours - other)
        told.append(f"{name}: {1000 * ours:.0f} ms, without waiting for the disk {1000 * other:.0f} ms")


def test_a_model_of_90_mb(
    encoder: EncoderSource,
    without_syncs: Callable[[Callable[[], object]], float],
    told: list[str],
    benchmark: Any,
    tmp_path: Path,
) -> None:
    classifier, tokenizer = Classifier(encoder.model(), 2), encoder.tokenizer()
    folder = tmp_path / "models" / "mr-base-0123456789abcdef"

    def save() -> None:
        trained_model.save(folder, classifier, tokenizer, [], [], model_info())

    compare(
        "a model of 90 MB",
        save,
        lambda: shutil.rmtree(folder, ignore_errors=True),
        without_syncs,
        told,
        benchmark,
    )


def test_a_cell_of_1000_records(
    without_syncs: Callable[[Callable[[], object]], float], told: list[str], benchmark: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "cells" / "mr-base-pwws-0123456789abcdef"

    def setup() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def finish() -> None:
        write_records(folder, failed=500, n=1000)
        write_stage(folder, model_info())

    compare("a cell of 1,000 records", finish, setup, without_syncs, told, benchmark)
