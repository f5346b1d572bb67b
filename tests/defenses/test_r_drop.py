"""R-Drop against NumPy, on two passes whose dropout masks are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from robench.defenses.base import Base
from robench.defenses.r_drop import RDrop
from robench.models.classifier import Classifier
from support import tiny


def undecided() -> Classifier:
    """A network whose probabilities are far from 0 and 1, in training mode."""
    network = tiny.classifier().train()
    with torch.no_grad():
        network.head.weight.mul_(0.1)
    return network


def log_probabilities(logits: torch.Tensor) -> Any:
    values = logits.detach().numpy().astype(np.float64)
    return values - np.log(np.exp(values).sum(1, keepdims=True))


@pytest.mark.parametrize("alpha", [1.0, 0.3, 5.0])
def test_r_drop_is_two_classifications_and_the_mean_of_both_divergences(alpha: float) -> None:
    network, batch = undecided(), tiny.batch(6)
    torch.manual_seed(2)
    with torch.no_grad():
        first, second = (log_probabilities(network(batch.texts).logits) for _ in range(2))
    torch.manual_seed(2)
    terms = RDrop(alpha=alpha).loss([network], batch)
    at = range(6), batch.labels.tolist()
    there, back = ((np.exp(p) * (p - q)).sum(1) for p, q in ((first, second), (second, first)))
    expected = {"ce_first": -first[at].mean(), "ce_second": -second[at].mean(), "kl": alpha * (there + back).mean() / 2}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected, rel=1e-4)
    assert min(expected.values()) > 1e-3 * alpha and expected["ce_first"] != expected["ce_second"]


def test_r_drop_without_dropout_is_twice_base() -> None:
    network, batch = tiny.classifier(), tiny.batch(6)
    base = Base().loss([network], batch)["ce"].item()
    assert [term.item() for term in RDrop().loss([network], batch).values()] == pytest.approx([base, base, 0], abs=1e-7)


def test_r_drop_divergence_moves_both_passes() -> None:
    """The gradient is that of the symmetric divergence, with neither side fixed."""
    network, batch = undecided(), tiny.batch(6)
    torch.manual_seed(2)
    network.zero_grad()
    RDrop().loss([network], batch)["kl"].backward()
    found = network.head.bias.grad
    torch.manual_seed(2)
    logits = [network(batch.texts).logits for _ in range(2)]
    p, q = (one.detach().softmax(1).numpy().astype(np.float64) for one in logits)
    ratio = np.log(p / q)

    def slope(p: Any, ratio: Any, q: Any) -> Any:  # of KL(p || q) + KL(q || p), by the logits of p
        centred = ratio - (p * ratio).sum(1, keepdims=True)
        return p * centred + p - q

    expected = (slope(p, ratio, q) + slope(q, -ratio, p)).mean(0) / 2
    assert found is not None and np.abs(expected).max() > 1e-5
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6, rtol=1e-3)
