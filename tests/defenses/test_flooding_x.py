"""Flooding: the loss and its gradient above and below the level."""

from __future__ import annotations

import pytest
import torch

from robench.defenses.base import Base
from robench.defenses.flooding_x import FloodingX
from robench.models.classifier import Classifier
from robench.training.defense import Defense
from support import tiny


def step(defense: Defense, network: Classifier) -> tuple[float, torch.Tensor]:
    """The loss of one batch, and the gradient of all weights."""
    network.zero_grad()
    (loss,) = defense.loss([network], tiny.batch(6)).values()
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def test_flooded_loss_is_reflected_at_the_level() -> None:
    network = tiny.classifier()
    ce, gradient = step(Base(), network)
    assert ce > 0.2
    for level, expected, sign in ((0.0, ce, 1), (ce / 4, ce, 1), (ce + 0.5, ce + 1, -1), (2 * ce, 3 * ce, -1)):
        loss, found = step(FloodingX(level=level), network)
        assert loss == pytest.approx(expected, rel=1e-5)
        torch.testing.assert_close(found, sign * gradient, atol=1e-7, rtol=1e-5)
    assert gradient.abs().max() > 1e-3


def test_flooding_is_of_the_batch_and_not_of_each_text() -> None:
    """Texts on both sides of the level whose mean lies above it are all descended."""
    network, batch = tiny.classifier(), tiny.batch(6)
    with torch.no_grad():
        each = torch.nn.functional.cross_entropy(network(batch.texts).logits, batch.labels, reduction="none")
    level = (each.min().item() + each.mean().item()) / 2
    assert each.min() < level < each.mean()
    loss, gradient = step(FloodingX(level=level), network)
    assert loss == pytest.approx(each.mean().item(), rel=1e-5)
    torch.testing.assert_close(gradient, step(Base(), network)[1])
