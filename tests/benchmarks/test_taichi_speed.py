"""TaiChi's training: one step against the schedule of its authors' code, one epoch against its bare passes.

Run with ``pytest tests/benchmarks/test_taichi_speed.py --benchmark-only``. On film reviews, in batches of 16, with
MiniLM. Each way takes turns with its baseline, step by step, so that a machine that slows down slows both. The authors'
schedule has a process of its own, where nothing that robench does for its speed can serve it; the bare passes have all
of that, as they are the limit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from robench.data.load import TaskData
from robench.models import devices
from robench.models.batches import Batch, TrainingRow, TrainingSet
from robench.models.encoders import EncoderSource, find_encoder
from robench.study.stages.stage import sample
from robench.training.dropout import use_fast_dropout
from support import authors_schedule
from support.authors_schedule import networks
from support.elsewhere import elsewhere
from support.stepwise import Stepwise, timed

CPU = torch.device("cpu")
BATCH, LENGTH = 16, 50
STEPS, ROUNDS = 40, 16

pytestmark = pytest.mark.benchmark(group="training TaiChi on film reviews, batches of 16, MiniLM")


@pytest.fixture(scope="module")
def encoder() -> EncoderSource:
    return find_encoder("minilm")


@pytest.fixture(scope="module")
def rows(reviews: TaskData) -> list[TrainingRow]:
    """Reviews, each with a counterpart in which every fifth word is another one."""

    def changed(text: str) -> str:
        return " ".join("picture" if i % 5 == 2 else word for i, word in enumerate(text.split()))

    return [
        TrainingRow(example.text, example.label, changed(example.text))
        for _, example in sample(reviews.train, BATCH * STEPS, "train")
    ]


def bare(encoder: EncoderSource, rows: list[TrainingRow]) -> Callable[[Batch], None]:
    """Both networks forward over both texts, backward from the simplest of losses, one optimiser step."""
    both = networks(encoder)
    parameters = [p for network in both for p in network.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=3e-5, fused=True)
    precision = devices.choose_precision("auto", CPU)

    def step(batch: Batch) -> None:
        with devices.autocast(precision, CPU), use_fast_dropout(CPU):
            loss = torch.stack([part.logits.square().mean() for network in both for part in network.pair(batch)]).sum()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def test_one_step(encoder: EncoderSource, rows: list[TrainingRow], told: list[str], benchmark: Any) -> None:
    """The mean of the steps counts: batches differ in length, which the authors' padding hides."""
    training = Stepwise("taichi", encoder, rows, BATCH)
    baseline: list[float] = []

    def theirs() -> None:
        seconds = their_step()
        assert seconds is not None
        baseline.append(seconds)

    with elsewhere(authors_schedule.steps, rows, BATCH, LENGTH) as their_step:
        for _ in range(2):
            training.step()
            their_step()
        benchmark.pedantic(training.step, setup=theirs, rounds=ROUNDS)
    training.stop()
    if benchmark.stats is not None:
        ours, other = benchmark.stats.stats.mean, sum(baseline) / len(baseline)
        benchmark.extra_info.update(ratio=other / ours)
        told.append(
            f"one step: {1000 * ours:.0f} ms, the authors' schedule {1000 * other:.0f} ms: {other / ours:.1f} times"
        )


def test_one_epoch(encoder: EncoderSource, rows: list[TrainingRow], told: list[str], benchmark: Any) -> None:
    """The bare passes get the very batches, one after each of robench's steps."""
    training, step = Stepwise("taichi", encoder, rows, BATCH), bare(encoder, rows)
    data = TrainingSet(rows, encoder.tokenizer(), batch_size=BATCH, max_length=LENGTH, seed=0, device=CPU)
    batches = list(data.epoch(0))
    training.step()
    step(batches[0])
    ours, limit = [], []
    for batch in batches[1:]:
        ours.append(timed(training.step))
        limit.append(timed(functools.partial(step, batch)))
    training.stop()
    benchmark.pedantic(lambda: step(batches[-1]), rounds=1)
    ratio = sum(ours) / sum(limit)
    benchmark.extra_info.update(ratio=ratio)
    told.append(f"one epoch of {len(ours)} steps: {sum(ours):.1f} s, its passes alone {sum(limit):.1f} s: {ratio:.2f}")
