"""PWWS by two workers of one thread: against one worker, against the engine with two threads, and against TextAttack.

Run with ``pytest tests/benchmarks/test_jobs_speed.py --benchmark-only``. Workers are warm: their start and their first
texts are not counted, and told apart. Each measurement has workers and a runs folder of its own, as workers remember
the logits of texts.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from robench.data.load import TaskData
from robench.models import devices
from robench.models.predictor import Predictor
from robench.progress import SilentReporter
from robench.results import records
from robench.results.store import RECORDS_FILE, Store
from robench.study.executors.choice import ExecutorChoice
from robench.study.executors.run_job import use_threads
from robench.study.request import Request
from robench.study.runner import Runner
from robench.study.setting import Setting
from robench.study.shared_rows import SHARD_ROWS
from robench.study.stages.adversarial import AdversarialStage
from robench.study.stages.attack import CellStage
from robench.study.stages.attacked_rows import search_rows
from robench.study.stages.context import Context
from support import textattack_alone
from support.elsewhere import elsewhere
from support.machine import real_data_if_any, scaled
from support.textattack_alone import Padded, own_wrapper
from support.warm_executor import warm_workers

QUESTIONS, TWICE, SENTENCES = scaled(200), scaled(100), scaled(100)
FEW = {"own": scaled(2), "padded": scaled(20, least=2)}
"""Sentences that TextAttack attacks: with its own wrapper, one takes most of a minute."""
CPU = torch.device("cpu")

pytestmark = pytest.mark.benchmark(group="PWWS by jobs, MiniLM")


def make_context(runs: Path) -> Context:
    return Context(Store(runs), SilentReporter(), CPU)


class Trained(NamedTuple):
    """Trained models and their attacks.

    Attributes:
        runs: a runs folder with the models.
        cells: an attack on test samples for each of them.
    """

    runs: Path
    cells: list[CellStage]

    def copy(self, folder: Path) -> Context:
        """Copy the runs folder, and return the context of the copy."""
        return make_context(Path(shutil.copytree(self.runs, folder)))

    def adversarial(self, number: int, rows: int) -> AdversarialStage:
        """The attack on so many training rows with one of the models."""
        cell = self.cells[number]
        setting: Setting = replace(cell.setting, train_limit=rows)
        return AdversarialStage(setting, cell.data, cell.seed, cell.model, cell.attack)


def train(runs: Path, jobs: int, **request: Any) -> Trained:
    """Train a Base for each seed."""
    cells = Request(defense="base", attack="pwws", preset="quick", **request).stages(SilentReporter())
    attacks = [cell for cell in cells if isinstance(cell, CellStage)]
    Runner(make_context(runs), executor=ExecutorChoice("auto", jobs)).run([cell.model for cell in attacks])
    return Trained(runs, attacks)


@pytest.fixture(scope="module")
def trec(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two Bases on TREC; two shards of test questions are there to warm up with."""
    runs = tmp_path_factory.mktemp("trec") / "runs"
    return train(runs, 2, task="trec", seed=(42, 43), train_limit=QUESTIONS, attack_limit=2 * SHARD_ROWS)


def measure_engine(trained: Trained, threads: int) -> float:
    """Return the seconds of the searches of all questions in this process."""
    context, training = make_context(trained.runs), trained.adversarial(0, QUESTIONS)
    cell = trained.cells[0]
    with use_threads(threads):
        list(search_rows(context, cell, cell.model, cell.attack, cell.examples()))
        started = time.perf_counter()
        list(search_rows(context, training, training.model, training.attack, training.examples()))
        return time.perf_counter() - started


def test_two_jobs_against_the_engine_with_two_threads(
    benchmark: Any, trec: Trained, tmp_path: Path, told: list[str]
) -> None:
    engine = measure_engine(trec, 2)
    with warm_workers(trec.copy(tmp_path / "runs"), 2, trec.cells[0]) as warm:
        two = benchmark.pedantic(warm.measure, ([trec.adversarial(0, QUESTIONS)],), rounds=1)
    ratio = engine / two
    benchmark.extra_info.update(ratio=ratio)
    told.append(
        f"PWWS, {QUESTIONS} TREC questions: engine with 2 threads {engine:.1f} s, 2 jobs {two:.1f} s: {ratio:.2f} times"
        f" as fast (at least 1.4); start-up {warm.start_up:.1f} s"
    )


def test_two_jobs_against_one_on_the_same_work_twice(
    benchmark: Any, trec: Trained, tmp_path: Path, told: list[str]
) -> None:
    """Each of two models is attacked on the same questions."""
    work = [trec.adversarial(number, TWICE) for number in range(2)]
    with warm_workers(trec.copy(tmp_path / "one"), 1, trec.cells[0]) as warm:
        one = warm.measure(work)
    with warm_workers(trec.copy(tmp_path / "two"), 2, trec.cells[0]) as warm:
        two = benchmark.pedantic(warm.measure, (work,), rounds=1)
    benchmark.extra_info.update(ratio=one / two)
    told.append(
        f"PWWS, {TWICE} TREC questions with each of two models: 1 job {one:.1f} s, 2 jobs {two:.1f} s:"
        f" {one / two:.2f} times as fast (at least 1.8)"
    )


class TextAttack:
    """TextAttack with its two wrappers, each in a process of its own."""

    def __init__(self) -> None:
        self.queries, self.seconds = dict.fromkeys(FEW, 0), dict.fromkeys(FEW, 0.0)

    def search(self, base: Predictor, examples: list[tuple[int, str, int]], part: int) -> None:
        """Attack one half of the few sentences of each wrapper."""
        for name, victim in {"own": own_wrapper, "padded": Padded}.items():
            half = examples[part : 2 * -(-FEW[name] // 2) : 2]
            with elsewhere(textattack_alone.searches, victim, base, half) as step:
                while found := step():
                    self.queries[name] += found[0]
                    self.seconds[name] += found[1]

    def speed(self, name: str) -> float:
        """Queries a second."""
        return self.queries[name] / self.seconds[name]


LIMITS = {"auto": (40, 2.3), "fp32": (25, 1.4)}
"""By precision, how many times as fast as TextAttack with its own wrapper, and padded to the batch."""


@pytest.mark.parametrize("precision", LIMITS)
def test_two_jobs_against_textattack(
    benchmark: Any, precision: str, reviews: TaskData, tmp_path: Path, told: list[str]
) -> None:
    """TextAttack, in float32 and with all threads, runs before and after, so that a slow hour slows both."""
    request = {"task": reviews.task, "data": real_data_if_any(), "precision": precision}
    trained = train(tmp_path / "runs", 1, **request, train_limit=scaled(500, least=16), attack_limit=SENTENCES)
    (cell,) = trained.cells
    context = trained.copy(tmp_path / "two")
    base = make_context(trained.runs).model(cell.model)
    assert isinstance(base, Predictor)
    plain = Predictor(
        base.classifier, base._tokenizer, max_length=50, precision=devices.choose_precision("fp32", CPU), device=CPU
    )
    examples = [(i, example.text, example.label) for i, example in cell.examples()]
    textattack = TextAttack()
    textattack.search(plain, examples, 0)
    first = AdversarialStage(
        replace(cell.setting, train_limit=2 * SHARD_ROWS), cell.data, cell.seed, cell.model, cell.attack
    )
    with warm_workers(context, 2, first) as warm:
        seconds = benchmark.pedantic(warm.measure, ([cell],), rounds=1)
    textattack.search(plain, examples, 1)
    speed = sum(record.queries for record in records.read(cell.folder(context.store) / RECORDS_FILE)) / seconds
    ratios = {name: speed / textattack.speed(name) for name in FEW}
    benchmark.extra_info.update(queries_per_second=speed, **ratios)
    own, padded = LIMITS[precision]
    told.append(
        f"pwws, {SENTENCES} of {reviews.task}, 2 jobs, {cell.setting.precision}: {speed:.0f} queries/s;"
        f" {ratios['own']:.1f} x TextAttack's own wrapper ({textattack.speed('own'):.0f}; at least {own}),"
        f" {ratios['padded']:.2f} x padded to the batch in fp32 ({textattack.speed('padded'):.0f}; at least {padded});"
        f" start-up {warm.start_up:.1f} s"
    )
