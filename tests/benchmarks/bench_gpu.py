"""How busy a GPU is kept, in less than eight minutes on an H100: ``make bench-gpu``.

* Table 5 of TREC with the preset quick, at 1, 2, 4 and 8 jobs, each of which has a process and a CUDA context of its
  own. A run is stopped after some seconds, so stages and attacked rows a second are what is compared.
* PWWS in one process at 1, 64 and 512 live examples: queries a second, and the share of the time that the same batches
  take without a search.

``python bench_gpu.py --device cpu --rows 20 --seconds 60 --jobs 1,2`` tries the script itself without a GPU.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.table import Table

from robench.attacking.engine import attack_examples
from robench.console import Console
from robench.data.load import TaskData, load_task
from robench.models import devices
from robench.models.batches import TrainingRow
from robench.models.encoders import find_encoder
from robench.models.predictor import Predictor
from robench.plugins import registry
from robench.results.inspection import KINDS
from robench.results.store import Store
from robench.training.loop import train
from robench.training.settings import TrainingSettings

TASK, ATTACK, LIVE = "trec", "pwws", (1, 64, 512)
TRAINING = TrainingSettings(batch_size=8, learning_rate=2e-4, epochs=2)
STOP_SECONDS = 30
"""Seconds that a stopped run has to end by itself."""


class Run(NamedTuple):
    """What a run did in its time."""

    seconds: float
    stages: int
    planned: str
    rows: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how busy a GPU is kept.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--encoder", default="minilm", help="a bundled one, a folder or a Hub id")
    parser.add_argument("--jobs", default="1,2,4,8", help="numbers of jobs, separated by commas")
    parser.add_argument("--rows", type=int, default=500, help="training rows, and most attacked rows of a cell")
    parser.add_argument("--seconds", type=float, default=80, help="most seconds of each run of table 5")
    parser.add_argument("--offline", action="store_true", help="fetch nothing")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit(
            "bench-gpu measures a GPU, and torch finds none here. To try the script itself: python"
            " tests/benchmarks/bench_gpu.py --device cpu --rows 20 --seconds 60 --jobs 1,2"
        )
    device, console = devices.choose_device(options.device), Console()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    console.print(f"{name}, {options.encoder}, torch {torch.__version__}", markup=False)
    console.print(measure_searches(options, device))
    console.print(measure_jobs(options))


def measure_jobs(options: Any) -> Table:
    """Run table 5 at each number of jobs, in a runs folder of its own."""
    table = Table("jobs", "stages", "seconds", "stages/min", "attacked rows/s", "times 1 job", title="table 5 of TREC")
    first: Run | None = None
    for jobs in (int(word) for word in options.jobs.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            run = run_table(options, jobs, Path(folder))
        first = first or run
        gain = run.rows / run.seconds / max(first.rows / first.seconds, 1e-9)
        stages, rows = 60 * run.stages / run.seconds, run.rows / run.seconds
        done = f"{run.stages} of {run.planned}"
        table.add_row(str(jobs), done, f"{run.seconds:.0f}", f"{stages:.1f}", f"{rows:.1f}", f"{gain:.2f}")
    return table


def run_table(options: Any, jobs: int, runs: Path) -> Run:
    """Run table 5 for some seconds, and count what it has left."""
    words = ["run", "--table", "5", "--task", TASK, "--preset", "quick", "--runs", str(runs), "--jobs", str(jobs)]
    words += ["--device", options.device, "--encoder", options.encoder]
    words += ["--train-limit", str(options.rows), "--attack-limit", str(min(100, options.rows))]
    words += ["--offline"] if options.offline else []
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "robench", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        _, errors = process.communicate(timeout=options.seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        seconds = time.monotonic() - started
        try:
            _, errors = process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
    else:
        seconds = time.monotonic() - started
        if process.returncode:
            sys.exit(errors.decode())
    planned = re.findall(r"\[\d+/(\d+)\]", errors.decode())
    stages = sum(1 for kind in KINDS for _ in Store(runs).stages(kind, names=()))
    files = [*runs.glob("*/*/records.jsonl"), *runs.glob("*/*/.parts/*.jsonl")]
    return Run(seconds, stages, planned[-1] if planned else "?", sum(file.read_bytes().count(b"\n") for file in files))


class Recorder:
    """A victim that keeps the batches that it is given."""

    def __init__(self, base: Predictor) -> None:
        self._base, self.batches = base, list[tuple[Sequence[Any], Any]]()
        self.max_in_flight, self.freeze_weights = base.max_in_flight, base.freeze_weights
        self.tokens, self.identify, self.shape = base.tokens, base.identify, base.shape

    def batch_logits(self, tokens: Sequence[Any], shape: Any) -> torch.Tensor:
        self.batches.append((tokens, shape))
        return self._base.batch_logits(tokens, shape)


def measure_searches(options: Any, device: torch.device) -> Table:
    """Attack the texts that a model has right, at several numbers of live examples."""
    data = load_task(TASK, registry.entry("tasks", TASK).load(), offline=options.offline, order=("local", "index"))
    base = train_base(options, data, device)
    table = Table("live", "texts", "queries/s", "seconds", "batches alone", "share", title=f"{ATTACK}, one process")
    texts = [example.text for example in data.train[options.rows : options.rows + 4 * options.rows]]
    labels = base.logits(texts).argmax(-1).tolist()  # so no text is skipped
    examples = list(zip(range(len(texts)), texts, labels, strict=True))
    search(base, examples[:2], 2)  # loads the attack's resources
    for live in LIVE:
        chosen = examples[: max(8, len(examples) // 50) if live == 1 else len(examples)]
        recorder = Recorder(base)
        queries, seconds = search(recorder, chosen, live)
        alone = replay(base, recorder.batches, device)
        table.add_row(
            str(live),
            str(len(chosen)),
            f"{queries / seconds:.0f}",
            f"{seconds:.1f}",
            f"{alone:.1f}",
            f"{alone / seconds:.0%}",
        )
    return table


def train_base(options: Any, data: TaskData, device: torch.device) -> Predictor:
    """Train Base for some seconds."""
    encoder = find_encoder(options.encoder, offline=options.offline)
    return train(
        registry.entry("defenses", "base").load(),
        [TrainingRow(example.text, example.label) for example in data.train[: options.rows]],
        data.dev[:100],
        encoder=encoder.model,
        tokenizer=encoder.tokenizer(),
        classes=len(data.labels),
        settings=TRAINING,
        precision=devices.choose_precision("auto", device),
        device=device,
        seed=42,
    ).predictor


def search(victim: Any, examples: list[tuple[int, str, int]], live: int) -> tuple[int, float]:
    """Attack examples; return the number of queries and the seconds."""
    attack = registry.entry("attacks", ATTACK).load()
    started = time.perf_counter()
    with contextlib.closing(attack_examples(attack, victim, examples, seed=42, attack_name=ATTACK, live=live)) as found:
        queries = sum(record.queries for record in found)
    return queries, time.perf_counter() - started


def replay(base: Predictor, batches: list[tuple[Sequence[Any], Any]], device: torch.device) -> float:
    """Return the seconds that batches take without a search, as many of them in flight as in an attack."""
    started = time.perf_counter()
    with base.freeze_weights():
        flying: list[torch.Tensor] = []
        for tokens, shape in batches:
            flying.append(base.batch_logits(tokens, shape))
            if len(flying) >= base.max_in_flight:
                flying.pop(0).cpu()
        for logits in flying:
            logits.cpu()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
