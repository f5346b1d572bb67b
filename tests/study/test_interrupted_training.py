"""Trainings of whole runs that are killed, and continued from their checkpoints."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors

from robench.study.stages import trained_model
from robench.training import checkpoints
from robench.training.run import TrainingRun
from support.processes import Processes
from support.runs import everything, snapshot
from support.tiny_job import TinyJob, robench, write_data

FILE = "checkpoint.safetensors"
SLOW = """
import pathlib
import time
from dataclasses import dataclass
import robench
from robench.defenses.base import Base

@robench.register("slow")
@dataclass(frozen=True, kw_only=True)
class Slow(Base):
    def loss(self, networks, batch):
        if not pathlib.Path({mark!r}).exists():
            pathlib.Path({mark!r}).touch()
            time.sleep(1)
        return super().loss(networks, batch)
"""
LONG = (pytest.mark.slow, pytest.mark.timeout(900))


def models(runs: Path) -> dict[str, Any]:
    """Every bit of the trained models, by folder; of their logs, all but the time."""
    found: dict[str, Any] = {}
    for folder in runs.glob("models/[!.]*"):
        lines = map(json.loads, (folder / "training.jsonl").read_text(encoding="utf-8").splitlines())
        log = [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
        files = {name: (folder / name).read_bytes() for name in ("model.safetensors", "clean.jsonl")}
        found[folder.name] = files | {"log": log}
    return found


def kill_during_training(
    processes: Processes, command: list[str], runs: Path, stream: random.Random, kills: int
) -> list[int]:
    """Start a command, kill it at random moments after a checkpoint, and start it again, some times.

    Returns:
        The steps at which trainings continued.
    """
    steps: list[int] = []
    for _ in range(kills):
        before = {file: file.stat().st_mtime_ns for file in runs.glob(f"models/*/{FILE}")}
        started = processes.start(*command, checkpoint_always=True)
        while started.is_alive:
            if any(file.stat().st_mtime_ns != before.get(file) for file in list(runs.glob(f"models/*/{FILE}"))):
                break
            time.sleep(0.002)
        time.sleep(stream.uniform(0, 0.15))
        os.kill(started.id, signal.SIGKILL)  # its process is not reaped before the wait
        assert started.wait() in (0, -signal.SIGKILL), started.stderr
        steps += [int(step.replace(",", "")) for step in re.findall(r"continues at step ([\d,]+) of", started.stderr)]
    return steps


@pytest.mark.parametrize(
    ("defense", "precision", "kills"),
    [
        pytest.param("base", "bf16", 3, marks=LONG),
        pytest.param("base", "fp32", 12, marks=LONG),
        pytest.param("taichi", "fp32", 12, marks=LONG),
        pytest.param("taichi", "bf16", 12, marks=LONG),
        pytest.param("a2t-training", "fp32", 8, marks=LONG),
    ],
)
def test_a_training_killed_at_random_moments_ends_in_the_same_bits(
    defense: str, precision: str, kills: int, processes: Processes, tiny_job: TinyJob, tmp_path: Path
) -> None:
    rows = 80 if defense == "base" else 48
    job = replace(tiny_job, data=write_data(tmp_path / "data", train=rows, dev=10, test=4))
    options = ("--precision", precision, "--set", "training.eval_every=4")
    assert robench(*job.command(tmp_path / "undisturbed", *options, defense=defense)).exit_code == 0
    runs = tmp_path / "runs"
    command = job.command(runs, *options, defense=defense)
    steps = kill_during_training(processes, command, runs, random.Random(f"{defense}/{precision}"), kills)
    done = robench(*command)
    assert done.exit_code == 0, done.output
    assert steps and models(runs) == models(tmp_path / "undisturbed")
    assert everything(runs) == everything(tmp_path / "undisturbed")
    assert not list(runs.rglob(f"*{FILE}*")), "the checkpoint goes when the training is finished"


@pytest.fixture
def checkpoint_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SHORTEST_INTERVAL", 0.0)
    monkeypatch.setattr(checkpoints, "INTERVAL_PER_WRITE", 0.0)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let Ctrl-C come in the middle of a step."""
    do = TrainingRun.step

    def interrupted(run: TrainingRun, batch: Any) -> None:
        do(run, batch)
        if run.result.steps == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingRun, "step", interrupted)


@pytest.mark.usefixtures("checkpoint_always")
def test_an_interrupted_training_is_unfinished_and_no_fault(
    finished: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 4)
        stopped = robench(*tiny_job.command(runs))
    assert stopped.exit_code == 130 and "the same command continues from there" in stopped.stderr
    assert [path.name for path in runs.glob("models/*/*")] == [FILE]
    verified = robench("verify", "--runs", runs)
    assert verified.exit_code == 0 and "1 unfinished" in verified.stdout
    assert "no cell" in robench("show", "x", "--runs", runs).stderr
    again = robench(*tiny_job.command(runs))
    assert again.exit_code == 0
    (told,) = re.findall(r"^    training continues at step 3 of (\d+)\n", again.stderr, re.MULTILINE)
    assert f" training: {told} steps in " in again.stderr
    (folder,) = runs.glob("models/*")
    assert models(runs)[folder.name] == models(finished)[folder.name] and not (folder / FILE).exists()


def test_a_model_interrupted_after_its_training_is_not_trained_again(
    finished: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    with monkeypatch.context() as patch:
        predict = trained_model.predict_clean

        def interrupted(*arguments: Any) -> Any:
            signal.raise_signal(signal.SIGTERM)
            return predict(*arguments)

        patch.setattr(trained_model, "predict_clean", interrupted)
        stopped = robench(*tiny_job.command(runs, "--jobs", "1"))
    assert stopped.exit_code == 128 + signal.SIGTERM and "continues from there" in stopped.stderr
    assert [path.name for path in runs.glob("models/*/*")] == [FILE]
    again = robench(*tiny_job.command(runs, "--jobs", "1"))
    step, steps = re.findall(r"training continues at step (\d+) of (\d+)", again.stderr)[0]
    assert again.exit_code == 0 and step == steps
    (folder,) = runs.glob("models/*")
    assert models(runs)[folder.name] == models(finished)[folder.name] and not (folder / FILE).exists()


def test_a_model_that_does_not_fit_on_the_disk_is_not_trained(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=1000))
    done = robench(*tiny_job.command(tmp_path / "runs", "--jobs", "1"))
    assert done.exit_code == 2 and "whose disk has 0.0 MB free" in done.stderr and " training: " not in done.stderr


@pytest.mark.slow
def test_a_training_in_a_worker_is_kept_when_its_command_is_interrupted(
    tiny_job: TinyJob, processes: Processes, tmp_path: Path
) -> None:
    runs, mark = tmp_path / "runs", tmp_path / "began"
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW.format(mark=str(mark)), encoding="utf-8")
    command = tiny_job.command(runs, "--plugin", str(slow), "--jobs", "2", defense="slow")
    started = processes.start(*command, warm_workers=True)
    assert started.signal_when(mark.exists, signal.SIGTERM, seconds=240) == 128 + signal.SIGTERM, started.stderr
    (file,) = runs.glob("models/*/*")
    with safetensors.safe_open(file, "pt") as stored:
        assert file.name == FILE and json.loads(stored.metadata()["content"])["progress"]["step"] == 1


@pytest.mark.usefixtures("checkpoint_always")
def test_a_training_that_is_done_again_continues_too_and_the_old_model_stays_till_then(
    finished: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    before, command = snapshot(runs), tiny_job.command(runs, "--existing", "always")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 4)
        assert robench(*command).exit_code == 130
    assert before.items() <= snapshot(runs).items()
    assert len(list(runs.glob(f".redo/*/models/*/{FILE}"))) == 1
    assert robench("verify", "--runs", runs).exit_code == 0
    again = robench(*command)
    assert again.exit_code == 0 and "training continues at step 3 of " in again.stderr
    assert models(runs) == models(finished) and not (runs / ".redo").exists()


@pytest.mark.usefixtures("checkpoint_always")
def test_a_checkpoint_of_another_model_is_set_aside_and_the_training_begins_anew(
    finished: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    (model,) = runs.glob("models/*-ada-pwws-*")
    shutil.rmtree(model)
    shutil.rmtree(next(runs.glob("cells/*-ada-pwws-*")))
    with monkeypatch.context() as patch:
        interrupt_at(patch, 4)
        assert robench(*tiny_job.command(tmp_path / "other")).exit_code == 130
    model.mkdir()
    (foreign,) = tmp_path.glob(f"other/models/*/{FILE}")
    foreign.rename(model / FILE)
    done = robench(*tiny_job.command(runs, defense="ada"))
    assert done.exit_code == 0 and "continues at step" not in done.stderr
    (place,) = runs.glob(f".aside/models/*/{FILE}")
    told = " ".join(done.stderr.split())
    assert f"{model / FILE} is not used: it is of another training: key, parents differ; it is moved to {place}" in told
    assert models(runs) == models(finished)


@pytest.mark.usefixtures("checkpoint_always")
def test_what_a_killed_process_was_writing_of_a_checkpoint_is_deleted(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    assert robench(*tiny_job.command(runs)).exit_code == 0
    (model,) = runs.glob("models/*")
    shutil.rmtree(model)
    shutil.rmtree(next(runs.glob("cells/*")))
    model.mkdir()
    half = model / f".{FILE}.abcd1234"
    half.write_bytes(b"half")
    with monkeypatch.context() as patch:
        interrupt_at(patch, 2)
        assert robench(*tiny_job.command(runs)).exit_code == 130
    assert [path.name for path in model.iterdir()] == [FILE]


@pytest.mark.slow
def test_a_disk_that_has_no_room_for_a_checkpoint_is_a_note_and_the_model_is_finished(
    processes: Processes, tiny_job: TinyJob, tmp_path: Path
) -> None:
    """A checkpoint is four times as large as the model."""
    runs = tmp_path / "runs"
    assert robench(*tiny_job.command(tmp_path / "roomy")).exit_code == 0
    (weights,) = tmp_path.glob("roomy/models/*/model.safetensors")
    largest = 2 * weights.stat().st_size
    started = processes.start(*tiny_job.command(runs), checkpoint_always=True, largest_file=largest)
    assert started.wait() == 0, started.stderr
    assert "note: no checkpoint of the training was written: cannot write" in started.stderr
    assert models(runs) == models(tmp_path / "roomy") and not list(runs.rglob(f"*{FILE}*"))
