"""The optimiser's steps against AdamW worked out in NumPy: its betas, its epsilon, and no clipping of gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from robench.defenses.base import Base
from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.training.defense import Terms
from robench.training.objectives import cross_entropy
from robench.training.settings import TrainingSettings
from support import tiny

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Scaled(Base):
    """The cross-entropy times another factor at each step; notes all weights and gradients."""

    factors: tuple[float, ...]
    weights: list[Array] = field(default_factory=list)
    gradients: list[Array] = field(default_factory=list)

    def before_training(self, networks: Sequence[Classifier]) -> None:
        self.weights.append(flat(p.detach() for p in used(networks[0])))

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        factor = self.factors[len(self.gradients)]
        yield {"ce": factor * cross_entropy(networks[0](batch.texts).logits, batch.labels)}
        self.gradients.append(flat(p.grad for p in used(networks[0])))

    def after_step(self, networks: Sequence[Classifier]) -> None:
        self.weights.append(flat(p.detach() for p in used(networks[0])))


def used(network: Classifier) -> list[torch.nn.Parameter]:
    """The parameters that every step gives a gradient."""
    return [p for name, p in network.named_parameters() if "pooler" not in name]


def flat(tensors: Any) -> Array:
    return np.concatenate([tensor.double().numpy().ravel().copy() for tensor in tensors])


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("factors", [(1e4, 1.0, 1e-3), (1e-7, 1e-7, 1e-7)], ids=["huge, then small", "near epsilon"])
def test_steps_are_those_of_adamw_by_hand_without_clipping(factors: tuple[float, ...], decay: float) -> None:
    rate, steps = 1e-3, len(factors)
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=rate, weight_decay=decay, max_length=24)
    defense = Scaled(factors=factors)
    tiny.trained(defense, tiny.rows(8 * steps), settings, encoder=lambda: tiny.encoder(dropout=0))
    assert len(defense.gradients) == steps and len(defense.weights) == steps + 1
    mean, square = np.zeros_like(defense.weights[0]), np.zeros_like(defense.weights[0])
    for t, gradient in enumerate(defense.gradients, start=1):
        before, after = defense.weights[t - 1 : t + 1]
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        now = rate * (1 - (t - 1) / steps)  # linear decay, no warm-up
        moment = mean / (1 - 0.9**t) / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
        expected = before * (1 - now * decay) - now * moment
        np.testing.assert_allclose(after, expected, rtol=3e-7, atol=now * 1e-3)
        assert np.abs(after - before).max() > now / 10
    if factors[0] > 1:
        assert np.linalg.norm(defense.gradients[0]) > 1e3, "clipping would show"


@dataclass(frozen=True, kw_only=True)
class Thawing(Base):
    """Freezes a part of its network until a step is over; notes whether the encoder has dropout."""

    frozen: str
    until: int = 99
    training: list[bool] = field(default_factory=list)

    def before_training(self, networks: Sequence[Classifier]) -> None:
        networks[0].get_submodule(self.frozen).requires_grad_(False)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        self.training.append(networks[0].encoder.training)
        return super().loss(networks, batch)

    def after_step(self, networks: Sequence[Classifier]) -> None:
        if len(self.training) == self.until:
            networks[0].requires_grad_(True)


@pytest.mark.parametrize(("until", "learns"), [(99, False), (1, True)])
def test_parameters_that_are_unfrozen_later_are_trained_from_then_on(until: int, learns: bool) -> None:
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24, eval_every=3)
    network = tiny.trained(Thawing(frozen="encoder", until=until), tiny.rows(24), settings).predictor.classifier
    before, after = tiny.encoder().state_dict(), network.encoder.state_dict()
    moved = [not torch.equal(value, after[name]) for name, value in before.items() if "pooler" not in name]
    assert any(moved) is learns


def test_encoder_below_a_frozen_head_has_dropout() -> None:
    defense = Thawing(frozen="head")
    tiny.trained(defense, tiny.rows(8), TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24))
    assert defense.training == [True]
