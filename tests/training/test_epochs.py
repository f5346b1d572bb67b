"""Adversarial rows that are made again between epochs: what each epoch has, its steps, and interruptions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors.torch
import torch

from robench.errors import RobenchError
from robench.models.batches import Batch, TrainingRow, TrainingSet
from robench.models.classifier import Classifier
from robench.models.predictor import Predictor
from robench.training import checkpoints as module
from robench.training.attack_plan import count_steps
from robench.training.checkpoints import Checkpoints
from robench.training.defense import AdversarialDefense, Defense, Terms, TrainsOn
from robench.training.epochs import Epochs
from robench.training.loop import TrainingResult
from robench.training.objectives import cross_entropy
from robench.training.reattack import Reattack
from robench.training.settings import TrainingSettings
from support import tiny

SETTINGS = TrainingSettings(epochs=3, batch_size=4, learning_rate=1e-3, max_length=24, eval_every=3)
CLEAN = tiny.rows(10)
STATIC = [TrainingRow(f"static {i}", i % 2) for i in range(5)]


@dataclass(frozen=True, kw_only=True)
class Renewing(AdversarialDefense):
    """Has some rows attacked before each epoch but the first."""

    trains_on: ClassVar[TrainsOn] = TrainsOn.UNION
    keeps_rows: bool = False

    def reattack(self, epoch: int, rows: int) -> Reattack | None:
        return Reattack(rows=4, keeps_rows=self.keeps_rows) if epoch > 1 else None

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        return {"ce": cross_entropy(networks[0](batch.texts).logits, batch.labels)}


def found(epoch: int, count: int) -> list[TrainingRow]:
    return [TrainingRow(f"found before {epoch} {'a' * i}", i % 2) for i in range(count)]


class Recorder:
    """Makes the sets of epochs, and remembers their rows."""

    def __init__(self) -> None:
        self.texts = list[Counter[str]]()

    def __call__(self, rows: Sequence[TrainingRow]) -> TrainingSet:
        self.texts.append(Counter(row.text.split(" a")[0] for row in rows if row not in CLEAN))
        return tiny.training_set(list(rows), batch_size=4)


def walk(defense: Defense, counts: dict[int, int]) -> tuple[Recorder, list[int]]:
    """The sets of three epochs, and the expected steps at each step."""
    sets = Recorder()
    epochs = Epochs(defense, [*CLEAN, *STATIC], len(CLEAN), count=3, batch_size=4, make_set=sets)
    expected = [epochs.steps]
    for _ in epochs.batches(lambda epoch, wanted: found(epoch, counts[epoch])):
        expected.append(epochs.steps)
    return sets, expected


@pytest.mark.parametrize(
    ("keeps_rows", "rows"),
    [
        (False, [{"static": 5}, {"found before 2": 2}, {"found before 3": 4}]),
        (True, [{"static": 5}, {"static": 5, "found before 2": 2}, {"static": 5, "found before 2": 2, "before 3": 4}]),
    ],
    ids=["replaced", "kept"],
)
def test_each_epoch_has_the_rows_of_the_last_attack(keeps_rows: bool, rows: list[dict[str, int]]) -> None:
    sets, _ = walk(Renewing(keeps_rows=keeps_rows), {2: 2, 3: 4})
    for texts, expected in zip(sets.texts, rows, strict=True):
        assert {key: sum(n for text, n in texts.items() if key in text) for key in expected} == expected
        assert sum(texts.values()) == sum(expected.values())


def test_expected_steps_are_a_bound_until_the_last_attack_is_over() -> None:
    """15 rows make 4 batches, 10 and at most 4 make 4, 10 and 2 make 3."""
    assert walk(Renewing(), {2: 2, 3: 2})[1] == [12, *[12] * 4, *[11] * 3, *[10] * 3]
    assert count_steps(Renewing(), 10, 5, range(1, 4), 4) == 4 + 4 + 4
    assert count_steps(Renewing(keeps_rows=True), 10, 5, range(1, 4), 4) == 4 + 5 + 6


@dataclass(frozen=True, kw_only=True)
class UntilTwoFall(Renewing):
    """Has rows attacked until two have fallen."""

    def reattack(self, epoch: int, rows: int) -> Reattack | None:
        return Reattack(successes=2) if epoch > 1 else None


@pytest.mark.parametrize(("unsuccessful", "later"), [("drop", 3), ("original", 5), ("perturbed", 5)])
def test_expected_steps_never_rise_if_rows_without_a_success_are_kept(unsuccessful: Any, later: int) -> None:
    """Two of ten rows fall, the last one at the end: an epoch has 12 rows, or all 20."""
    found_rows = 2 if unsuccessful == "drop" else 10
    _, expected = walk(UntilTwoFall(unsuccessful=unsuccessful), {2: found_rows, 3: found_rows})
    assert expected == [4 + 2 * later] * (1 + 4 + 2 * later)


def test_defense_without_attacks_has_one_set_and_no_position() -> None:
    sets = Recorder()
    epochs = Epochs(tiny_base(), CLEAN, len(CLEAN), count=2, batch_size=4, make_set=sets)
    assert (epochs.steps, epochs.position) == (6, None)
    epochs.move(4, None)
    assert len(list(epochs.batches(never))) == 2 and len(sets.texts) == 1


def tiny_base() -> Defense:
    from robench.defenses.base import Base

    return Base()


def never(epoch: int, wanted: Reattack) -> list[TrainingRow]:
    raise AssertionError("nothing is attacked")


def train(**changes: Any) -> TrainingResult:
    rows = [*tiny.rows(10), *tiny.rows(4, seed=7)]
    return tiny.trained(Renewing(), rows, SETTINGS, clean=10, **changes)


def test_learning_rate_reaches_zero_at_the_last_step_of_the_rows_there_are() -> None:
    steps: list[tuple[int, int]] = []
    result = train(attacker=lambda *_: found(0, 1), on_step=lambda *at: steps.append(at))
    assert result.steps == 4 + 3 + 3
    assert steps[0] == (1, 12) and steps[-1] == (10, 10)
    assert result.log[-1]["step"] == 10 and result.log[-1]["learning_rate"] == pytest.approx(0, abs=1e-12)
    assert result.log[1] | {"learning_rate": pytest.approx(1e-3 * (1 - 6 / 11))} == result.log[1]


def test_network_is_attacked_as_it_is_and_random_numbers_are_its_own() -> None:
    seen: list[tuple[int, float]] = []

    def attack(predictor: Predictor, epoch: int, wanted: Reattack) -> list[TrainingRow]:
        torch.rand(3), np.random.rand(3), random.random()
        seen.append((epoch, float(predictor.logits(["the film was superb"])[0, 0])))
        return tiny.attack(predictor, epoch, wanted)

    assert result_of(train(attacker=attack)) == result_of(train())
    (before_2, first), (before_3, second) = seen
    assert (before_2, before_3) == (2, 3) and first != second


def result_of(result: TrainingResult) -> tuple[bytes, list[dict[str, Any]]]:
    log = [{name: value for name, value in entry.items() if name != "seconds"} for entry in result.log]
    weights = {name: value.contiguous() for name, value in result.predictor.classifier.state_dict().items()}
    return safetensors.torch.save(weights), log


class InterruptedHereError(Exception):
    """Stands for the end of a process."""


def interrupt_before(epoch: int) -> dict[str, Any]:
    def attack(predictor: Predictor, now: int, wanted: Reattack) -> list[TrainingRow]:
        if now == epoch:
            raise InterruptedHereError
        return tiny.attack(predictor, now, wanted)

    return {"attacker": attack}


def interrupt_at(step: int) -> dict[str, Any]:
    def stop(done: int, steps: int) -> None:
        if done == step:
            raise InterruptedHereError

    return {"on_step": stop}


@pytest.mark.parametrize(
    ("interrupted", "continued"),
    [(interrupt_before(2), 4), (interrupt_before(3), 8), (interrupt_at(5), 4), (interrupt_at(7), 6)],
    ids=["attack 2", "attack 3", "first step after an attack", "later"],
)
def test_interrupted_training_continues_to_the_bits_of_an_undisturbed_one(
    interrupted: dict[str, Any], continued: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack is kept before it begins, at whatever interval; here all other steps are, too."""
    monkeypatch.setattr(module, "SHORTEST_INTERVAL", 0.0)
    monkeypatch.setattr(module, "INTERVAL_PER_WRITE", 0.0)
    told, started = list[str](), list[int]()
    with pytest.raises(InterruptedHereError):
        train(checkpoints=opened(tmp_path, told), **interrupted)
    again = train(checkpoints=opened(tmp_path, told), on_start=lambda step, steps: started.append(step))
    assert started == [continued] and told == []
    assert result_of(again) == result_of(train())


def test_checkpoint_is_written_before_an_attack_though_none_is_due(tmp_path: Path) -> None:
    with pytest.raises(InterruptedHereError):
        train(checkpoints=opened(tmp_path, []), **interrupt_before(2))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def opened(folder: Path, told: list[str]) -> Checkpoints:
    def set_aside(file: Path, reason: str) -> None:
        told.append(reason)

    return Checkpoints(folder / "checkpoint.safetensors", {"key": "k"}, set_aside=set_aside, warn=told.append)


@dataclass(frozen=True, kw_only=True)
class OnPairs(Renewing):
    """Trains on pairs."""

    trains_on: ClassVar[TrainsOn] = TrainsOn.PAIRS


@dataclass(frozen=True, kw_only=True)
class Odd(Renewing):
    """Returns a number."""

    def reattack(self, epoch: int, rows: int) -> Any:
        return 4


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (OnPairs, r"its trains_on should be TrainsOn\.UNION, not TrainsOn\.PAIRS"),
        (Odd, r"failed to say what to attack before epoch 1: .*returned 4, neither a Reattack nor None"),
    ],
)
def test_defense_that_wants_what_there_is_not_is_rejected(make: Callable[[], Defense], sentence: str) -> None:
    with pytest.raises(RobenchError, match=sentence):
        count_steps(make(), 10, 0, range(1, 3), 4)


def test_training_without_an_attacker_is_rejected_with_the_cure() -> None:
    with pytest.raises(RobenchError, match=r"attacks texts before epoch 2, and has no attack: train it with `robench"):
        train(attacker=None)
