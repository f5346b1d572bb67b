from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from robench.defenses.base import Base
from robench.defenses.taichi import TaiChi
from robench.errors import RobenchError
from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.training.defense import Defense, Terms
from robench.training.loop import TrainingResult
from robench.training.objectives import cross_entropy
from robench.training.settings import TrainingSettings
from support import tiny

LONG = TrainingSettings(epochs=6, batch_size=16, learning_rate=1e-2, max_length=24, eval_every=8)
SHORT = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24, eval_every=3)


def weights(result: TrainingResult) -> dict[str, torch.Tensor]:
    return result.predictor.classifier.state_dict()


def same(one: TrainingResult, two: TrainingResult) -> bool:
    return all(torch.equal(value, weights(two)[name]) for name, value in weights(one).items())


def dev_accuracy(result: TrainingResult) -> float:
    dev = tiny.examples(20, seed=99)
    found = result.predictor.logits([example.text for example in dev]).argmax(1).tolist()
    return sum(label == example.label for label, example in zip(found, dev, strict=True)) / len(dev)


@pytest.mark.parametrize(
    ("defense", "precision"),
    [
        pytest.param(Base(), "fp32", id="Base-fp32"),
        pytest.param(TaiChi(), "bf16", id="TaiChi-bf16", marks=pytest.mark.slow),
        pytest.param(Base(), "bf16", id="Base-bf16", marks=pytest.mark.slow),
        pytest.param(TaiChi(), "fp32", id="TaiChi-fp32", marks=pytest.mark.slow),
    ],
)
def test_an_easy_task_is_learned(defense: Defense, precision: str) -> None:
    result = tiny.trained(defense, tiny.rows(256, pairs=isinstance(defense, TaiChi)), LONG, precision=precision)
    assert dev_accuracy(result) > 0.9
    assert result.steps == 96
    assert {value.dtype for value in weights(result).values()} == {torch.float32}


@pytest.mark.parametrize("defense", [Base(), TaiChi()], ids=lambda defense: type(defense).__name__)
def test_the_seed_decides_every_bit_and_nothing_else_does(defense: Defense) -> None:
    rows = tiny.rows(40, pairs=isinstance(defense, TaiChi))
    first = tiny.trained(defense, rows, SHORT)
    torch.rand(5)
    assert same(first, tiny.trained(defense, rows, SHORT))
    assert not same(first, tiny.trained(defense, rows, SHORT, seed=4))


def test_the_random_numbers_of_others_are_left_alone() -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    tiny.trained(Base(), tiny.rows(16), SHORT)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


@dataclass(frozen=True)
class Drawing(Base):
    """Draws from the generators of NumPy and Python, before training and in each step."""

    def before_training(self, networks: Sequence[Classifier]) -> None:
        with torch.no_grad():
            networks[0].head.weight += np.random.normal() + random.gauss(0, 1)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        factor = 1 + np.random.random() + random.random()
        return {"ce": cross_entropy(networks[0](batch.texts).logits * factor, batch.labels)}


def test_the_seed_decides_what_a_defense_draws_from_numpy_and_python() -> None:
    first = tiny.trained(Drawing(), tiny.rows(16), SHORT)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    second = tiny.trained(Drawing(), tiny.rows(16), SHORT)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]
    random.seed(11)
    np.random.seed(11)
    assert same(first, second) and same(first, tiny.trained(Drawing(), tiny.rows(16), SHORT))
    assert not same(first, tiny.trained(Drawing(), tiny.rows(16), SHORT, seed=2**32 + 3))


@dataclass(frozen=True, kw_only=True)
class Spoiled(Base):
    """Learns for some steps, then the opposite of what it learned."""

    good_steps: int
    seen: list[int] = field(default_factory=list)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        self.seen.append(len(self.seen))
        labels = batch.labels if len(self.seen) <= self.good_steps else 1 - batch.labels
        return {"ce": cross_entropy(networks[0](batch.texts).logits, labels)}


def test_the_best_weights_are_kept_not_the_last() -> None:
    result = tiny.trained(Spoiled(good_steps=40), tiny.rows(256), LONG)
    accuracies = {entry["step"]: entry["dev_accuracy"] for entry in result.log}
    assert accuracies[result.steps] < 0.6
    assert result.best_step <= 40
    assert accuracies[result.best_step] == max(accuracies.values()) > 0.9
    assert dev_accuracy(result) == pytest.approx(accuracies[result.best_step])


@dataclass(frozen=True, kw_only=True)
class Counting(Base):
    """Terms whose values are known: the number of the step, in two passes of which the first gives a third."""

    seen: list[int] = field(default_factory=list)

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        self.seen.append(len(self.seen) + 1)
        for share in (1, 2):
            zero = networks[0](batch.texts).logits.sum() * 0
            terms = {"number": zero + self.seen[-1] * share / 3}
            yield terms if share == 1 else {**terms, "ten": zero + 10}


def test_the_log_has_the_mean_of_each_term_since_the_last_entry() -> None:
    seen: list[tuple[int, int]] = []
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1.0, max_length=24, eval_every=3)
    result = tiny.trained(Counting(), tiny.rows(50), settings, on_step=lambda *at: seen.append(at))
    assert [entry["step"] for entry in result.log] == [3, 6, 7]
    assert [entry["loss"] for entry in result.log] == [
        pytest.approx({"number": mean, "ten": 10}) for mean in (2.0, 5.0, 7.0)
    ]
    assert [entry["learning_rate"] for entry in result.log] == pytest.approx([4 / 7, 1 / 7, 0])
    assert seen == [(step, 7) for step in range(1, 8)]
    assert result.best_step == 3  # nothing was learned: of equals, the first
    seconds = [entry["seconds"] for entry in result.log]
    assert seconds == sorted(seconds) and seconds[-1] <= result.seconds + 0.01


@pytest.mark.parametrize(("every", "steps"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (75, [5])])
def test_the_development_set_is_asked_at_the_interval_and_at_the_end(every: int, steps: list[int]) -> None:
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24, eval_every=every)
    assert [entry["step"] for entry in tiny.trained(Base(), tiny.rows(40), settings).log] == steps


@dataclass(frozen=True, kw_only=True)
class Watched(Base):
    """A loss in two parts; keeps the head's gradient after each, beside what it should be."""

    seen: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        (network,) = networks
        due = torch.zeros_like(network.head.weight)
        for share in (0.25, 0.75):
            loss = share * cross_entropy(network(batch.texts).logits, batch.labels)
            (gradient,) = torch.autograd.grad(loss, [network.head.weight], retain_graph=True)
            due = due + gradient
            yield {"ce": loss}
            assert network.head.weight.grad is not None
            self.seen.append((network.head.weight.grad.clone(), due))


def test_the_passes_of_a_step_add_their_gradients_up() -> None:
    still = {"encoder": lambda: tiny.encoder(dropout=0)}
    parts, whole = Watched(), Base()
    split = tiny.trained(parts, tiny.rows(24), SHORT, **still)
    assert len(parts.seen) == 2 * split.steps == 6
    for found, due in parts.seen:
        torch.testing.assert_close(found, due)
    # 1/4 + 3/4 of a loss is the loss: the same training, but for rounding, which Adam's first steps enlarge.
    at_once = tiny.trained(whole, tiny.rows(24), SHORT, **still)
    assert split.log[-1]["loss"] == pytest.approx(at_once.log[-1]["loss"], rel=1e-3)


def test_one_step_is_one_step_of_adamw() -> None:
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-2, weight_decay=0.1, max_length=24)
    result = tiny.trained(Base(), tiny.rows(8), settings, encoder=lambda: tiny.encoder(dropout=0))
    network = Classifier(tiny.encoder(dropout=0), 2)
    network.initialise_head(3)
    (batch,) = tiny.training_set(tiny.rows(8), max_length=24, seed=3).epoch(0)
    cross_entropy(network(batch.texts).logits, batch.labels).backward()
    for name, parameter in network.named_parameters():
        after = weights(result)[name]
        if parameter.grad is None:
            assert torch.equal(after, parameter)
            continue
        # At the first step Adam's moments are the gradient and its square.
        step = parameter.grad / (parameter.grad.abs() + 1e-8)
        sure = parameter.grad.abs() > 1e-5
        expected = parameter * (1 - 1e-2 * 0.1) - 1e-2 * step
        torch.testing.assert_close(after[sure], expected[sure], atol=2e-5, rtol=1e-4)


@dataclass(frozen=True, kw_only=True)
class Cast(Base):
    """Notes whether autocast is on in the loss, and on the way back."""

    seen: list[tuple[str, bool]] = field(default_factory=list)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        self.seen.append(("loss", torch.is_autocast_enabled("cpu")))
        logits = networks[0](batch.texts).logits
        logits.register_hook(lambda gradient: self.seen.append(("backward", torch.is_autocast_enabled("cpu"))))
        return {"ce": cross_entropy(logits, batch.labels)}


@pytest.mark.parametrize(("precision", "cast"), [("fp32", False), ("bf16", True)])
def test_precision_is_that_of_the_loss_and_not_of_the_way_back(precision: str, cast: bool) -> None:
    defense = Cast()
    tiny.trained(defense, tiny.rows(16), SHORT, precision=precision)
    assert defense.seen == [("loss", cast), ("backward", False)] * 2


@dataclass(frozen=True, kw_only=True)
class Diverging(Base):
    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        ce = cross_entropy(networks[0](batch.texts).logits, batch.labels)
        return {"ce": ce, "wild": ce * torch.inf}


@pytest.mark.parametrize(
    ("defense", "learning_rate", "rows", "culprit"),
    [
        (Diverging(), 1e-3, 40, r"at step 1 in the defense Diverging \(.*the loss term wild .*: mend the loss"),
        (Base(), 1e36, 40, r"at step 2 in the defense base: the loss term ce .*smaller learning rate"),
        (Base(), 1e36, 8, r"before step 1 in the defense base: an output is no longer .*smaller learning rate"),
    ],
    ids=["infinite term", "weights broken on the way", "weights broken by the last step"],
)
def test_a_training_that_diverges_is_an_error(defense: Defense, learning_rate: float, rows: int, culprit: str) -> None:
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=learning_rate, max_length=24)
    with pytest.raises(RobenchError, match=f"training diverged {culprit}"):
        tiny.trained(defense, tiny.rows(rows), settings)


@pytest.mark.parametrize("count", [1, 5, 9])
@pytest.mark.parametrize("defense", [Base(), TaiChi()], ids=lambda defense: type(defense).__name__)
def test_few_rows_are_enough_to_train_on(defense: Defense, count: int) -> None:
    result = tiny.trained(defense, tiny.rows(count, pairs=isinstance(defense, TaiChi)), SHORT)
    assert result.steps == -(-count // 8)
    assert all(value.isfinite().all() for value in weights(result).values())


@dataclass(frozen=True, kw_only=True)
class Twins(TaiChi):
    """Keeps its networks, and their weights from before and after."""

    seen: list[Any] = field(default_factory=list)

    def before_training(self, networks: Sequence[Classifier]) -> None:
        self.seen.extend([networks, *(copy.deepcopy(network.state_dict()) for network in networks)])


def test_two_networks_differ_in_their_heads_are_both_trained_and_the_first_is_deployed() -> None:
    defense = Twins()
    result = tiny.trained(defense, tiny.rows(16, pairs=True), SHORT, encoder=lambda: tiny.encoder(dropout=0))
    (clean, adversarial), *before = defense.seen
    assert result.predictor.classifier is clean
    heads = [state.pop("head.weight") for state in before]
    assert not torch.equal(*heads)
    assert all(torch.equal(before[0][name], before[1][name]) for name in before[0] if "encoder" in name)
    words = "encoder.embeddings.word_embeddings.weight"
    moved = [network.state_dict()[words] for network in (clean, adversarial)]
    assert not torch.equal(moved[0], before[0][words])
    assert not torch.equal(moved[1], before[1][words])
    assert not torch.equal(*moved)
