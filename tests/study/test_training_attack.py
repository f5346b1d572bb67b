"""Attacks between the epochs of a training: their rows, and what an interrupt leaves."""

from __future__ import annotations

import random
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robench.data.load import Example
from robench.models.batches import TrainingRow
from robench.models.classifier import Classifier
from robench.models.predictor import Predictor
from robench.progress import SilentReporter
from robench.results import records
from robench.results.info import ModelInfo
from robench.results.records import Record
from robench.results.store import Store
from robench.study.request import Request
from robench.study.stages.attack import CellStage
from robench.study.stages.attacked_rows import LIVE_EXAMPLES
from robench.study.stages.context import Context
from robench.study.stages.train import ModelStage
from robench.study.stages.training_attack import TrainingAttack, _Feed
from robench.training.reattack import Reattack
from support.hand_made import record
from support.processes import Processes
from support.runs import contents
from support.tiny_job import TASK, TinyJob, robench
from support.tiny_stage import SETTING

CPU = torch.device("cpu")
ORDER = [(i, Example(f"text {i}", i % 2)) for i in random.Random(0).sample(range(40), 40)]


@pytest.mark.parametrize("live", [1, 3, 64])
@pytest.mark.parametrize("successes", [0, 1, 5, 13, 99, None])
def test_feed_gives_the_shortest_beginning_that_has_the_successes_in_whatever_order_they_come(
    live: int, successes: int | None
) -> None:
    """A third of the texts falls, so 13 successes take nearly all; which search ends next is drawn."""
    falls = {i for i, _ in ORDER if i % 3 == 0}
    needed = [i for i, _ in ORDER]
    while successes is not None and needed and len(falls.intersection(needed[:-1])) >= successes:
        needed.pop()
    for seed in range(20):
        stream = random.Random(seed)
        known = {i: outcome(i, falls) for i in stream.sample(needed, stream.randrange(len(needed) + 1))}
        feed, searched = _Feed(ORDER, known, successes), list[int]()
        items = iter(feed)
        while True:
            while len(searched) < live and (example := next(items, "over")) not in (None, "over"):
                assert isinstance(example, tuple)
                searched.append(example[0])
            if not searched:
                break
            feed.receive(outcome(searched.pop(stream.randrange(len(searched))), falls))
        assert set(feed.known) == set(needed)


def outcome(row: int, falls: set[int]) -> Record:
    return replace(record(0, "succeeded" if row in falls else "failed"), id=row)


@pytest.fixture(scope="module")
def stage(tiny_job: TinyJob) -> ModelStage:
    """The training of a defense that attacks between epochs."""
    request = Request(
        task=[TASK],
        defense=["a2t-training"],
        attack=["deepwordbug"],
        data=tiny_job.data,
        encoder=str(tiny_job.encoder),
        preset="quick",
        precision="fp32",
        offline=True,
    )
    (cell,) = request.stages(SilentReporter())
    assert isinstance(cell, CellStage)
    return cell.model


def network(stage: ModelStage, seed: int = 0) -> Predictor:
    """An untrained network that gives each label to about half of the texts."""
    classifier = Classifier(stage.setting.encoder.model(), 2)
    classifier.initialise_head(seed)
    made = Predictor(classifier, stage.setting.encoder.tokenizer(), max_length=24, precision="fp32", device=CPU)
    with torch.no_grad():
        classifier.head.bias.sub_(made.logits([example.text for _, example in stage.training_rows()]).mean(0))
    return made


def attack(stage: ModelStage, folder: Path, epoch: int = 2, seed: int = 0) -> list[TrainingRow]:
    """The adversarial rows of four successes."""
    assert stage.adversarial is not None
    context = Context(Store(folder), SilentReporter(), CPU, offline=True)
    made = TrainingAttack(context, stage, stage.defense.defense, stage.adversarial.attack, folder / "model")
    return made(network(stage, seed), epoch, Reattack(successes=4))


def lines(folder: Path, epoch: int = 2) -> list[Record]:
    found = records.read(folder / "model" / f"attack-{epoch}.jsonl")
    return [replace(one, seconds=0) for one in found]


def test_rows_are_the_same_for_any_number_of_searches_and_others_in_another_epoch(
    stage: ModelStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = attack(stage, tmp_path / "64")
    labels = {example.text: example.label for _, example in stage.training_rows()}
    assert len(expected) == 4 and all(row.text not in labels for row in expected)
    succeeded = {(one.final, one.label) for one in lines(tmp_path / "64") if one.status == "succeeded"}
    assert succeeded == {(row.text, row.label) for row in expected}
    monkeypatch.setitem(LIVE_EXAMPLES, "cpu", 1)
    assert attack(stage, tmp_path / "1") == expected
    assert lines(tmp_path / "1") == lines(tmp_path / "64")
    assert attack(stage, tmp_path / "1", epoch=3) != expected


def interrupt_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come after that many records of attacks between epochs."""
    append, written = records.append, list[Record]()

    def interrupted(file: Any, one: Record, key: str = "") -> int:
        length = append(file, one, key)
        if Path(str(file.name)).name.startswith("attack-"):
            written.append(one)
            if len(written) == count:
                raise KeyboardInterrupt
        return length

    monkeypatch.setattr(records, "append", interrupted)


def test_interrupted_attack_keeps_its_records_for_the_same_network_alone(
    stage: ModelStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = attack(stage, tmp_path / "undisturbed")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(3, patch)
        attack(stage, tmp_path)
    file = tmp_path / "model" / "attack-2.jsonl"
    kept = file.read_bytes()
    assert kept.count(b"\n") == 3
    file.write_bytes(kept + kept[:20])  # what a killed process was writing
    assert attack(stage, tmp_path) == expected
    assert file.read_bytes().startswith(kept)
    assert lines(tmp_path) == lines(tmp_path / "undisturbed")
    other = attack(stage, tmp_path / "other", seed=1)
    assert attack(stage, tmp_path, seed=1) == other
    assert lines(tmp_path) == lines(tmp_path / "other") != lines(tmp_path / "undisturbed")


A2T = {"defense": "a2t-training", "attack": "deepwordbug"}
OPTIONS = ("--set", "training.epochs=2", "--set", "a2t-training.share=0.3")
KILLER = """
import os, signal
from pathlib import Path
import robench
from robench.defenses.base import Base
from robench.results import records

append, left = records.append, [{count}]

def append_and_die(file, one, key=""):
    length = append(file, one, key)
    left[0] -= Path(str(file.name)).name.startswith("attack-")
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return length

records.append = append_and_die
robench.register("unused", Base())
"""


def results(runs: Path) -> dict[str, Any]:
    """Weights, records but for their seconds, and the numbers of rows that the defense was trained on."""
    (model,) = [stage for stage in Store(runs).stages(ModelInfo) if stage.info.defense.name == "a2t-training"]
    assert model.info.rows is not None and model.info.rows.succeeded_between_epochs > 0
    assert (model.info.rows.clean, model.info.rows.adversarial) == (20, 0), "the first epoch has no row of D_adv"
    return contents(runs) | {"rows": model.info.rows}


@pytest.fixture(scope="module")
def undisturbed(tiny_job: TinyJob, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed") / "runs"
    done = robench(*tiny_job.command(runs, *OPTIONS, **A2T))
    assert done.exit_code == 0, done.output
    *_, told = re.findall(r"attacking before epoch 2: (\d+) texts", done.stderr)  # a slow machine says it more often
    assert results(runs)["rows"].attacked_between_epochs == int(told)
    return runs


def check_continuation(command: list[str], runs: Path, undisturbed: Path) -> None:
    """Run the command of an interrupted training again, and compare what comes of it."""
    names = sorted(file.name for file in runs.glob("models/*a2t*/*"))
    assert names == ["attack-2.jsonl", "checkpoint.safetensors"]
    again = robench(*command)
    assert again.exit_code == 0, again.output
    (told,) = re.findall(r"training continues at step (\d+) of", again.stderr)
    assert int(told) == 3, "20 rows in batches of 8"
    assert re.search(r"attacking before epoch 2: \d+ texts", again.stderr)
    assert results(runs) == results(undisturbed)
    assert not list(runs.rglob("attack-*.jsonl")), "they go when the training is finished"


@pytest.mark.slow
def test_run_interrupted_in_an_attack_between_epochs_continues_to_the_same_bits(
    undisturbed: Path, tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tiny_job.command(tmp_path / "runs", *OPTIONS, **A2T)
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        stopped = robench(*command)
    assert stopped.exit_code == 130
    check_continuation(command, tmp_path / "runs", undisturbed)


@pytest.mark.slow
def test_run_killed_twice_in_an_attack_between_epochs_continues_to_the_same_bits(
    undisturbed: Path, tiny_job: TinyJob, tmp_path: Path, processes: Processes
) -> None:
    """Each process kills itself after a record, so that the moment is always within the attack."""
    runs, kept = tmp_path / "runs", b""
    command = tiny_job.command(runs, *OPTIONS, **A2T)
    for count in (2, 1):
        plugin = tmp_path / f"killer_{count}.py"
        plugin.write_text(KILLER.format(count=count), encoding="utf-8")
        started = processes.start(*command, "--plugin", plugin)
        assert started.wait() == -signal.SIGKILL, started.stderr
        (file,) = runs.glob("models/*a2t*/attack-2.jsonl")
        before, kept = kept, file.read_bytes()
        assert kept.startswith(before) and kept.count(b"\n") == before.count(b"\n") + count
    check_continuation(command, runs, undisturbed)


def test_defense_that_attacks_while_it_trains_needs_the_resources_of_its_attack(stage: ModelStage) -> None:
    assert stage.adversarial is not None and stage._training_attack is stage.adversarial.attack
    once = replace(stage, setting=replace(stage.setting, training=replace(SETTING.training, epochs=1)))
    assert once._training_attack is None, "one epoch on clean texts"
    steps = stage.size.count
    clean, batch = len(stage.training_rows()), stage.setting.training.batch_size
    assert steps == -(-clean // batch) + 2 * -(-(clean + 4) // batch), "a fifth of 20 rows in each later epoch"
