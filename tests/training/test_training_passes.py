"""What a training step costs, in multiplications: the passes that it needs and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from robench.defenses.base import Base
from robench.models.batches import TrainingRow
from robench.models.classifier import Classifier
from robench.plugins import registry
from robench.training.defense import Defense, TrainsOn
from robench.training.passes import estimate_passes
from robench.training.settings import TrainingSettings
from support import tiny

PASSES = {
    **{"base": 1, "base-adv": 1, "base-adv-soft": 1, "ada": 1, "fgsm": 2, "fgm": 2, "freelb": 2, "freelb++": 10},
    **{"clean": 2, "adversarial": 2, "taichi-no-adv": 2, "taichi-no-ctr": 4, "taichi": 4},
    # A pass that only asks for the perturbation's gradient spares that of the weights, a third.
    **{"pgd": 2 + 2 * 2 / 3, "smart": 2 + 2 / 3, "smart-paper": 2 + 2 / 3 + 1 / 3},
}


class Counted(TorchDispatchMode):
    """Counts the multiplications of matrix products, as torch's own counter does but under autograd.grad too."""

    def __init__(self) -> None:
        super().__init__()
        self.total: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=result)
        return result


def rows_of(defense: Defense) -> list[TrainingRow]:
    """Eight rows of the kind that a defense trains on."""
    return [
        TrainingRow(
            row.text,
            row.label,
            row.text if defense.trains_on is TrainsOn.PAIRS else None,
            (0.5, 0.5) if defense.trains_on is TrainsOn.ADVERSARIAL else None,
        )
        for row in tiny.rows(8)
    ]


def cost(name: str) -> int:
    """Of one step on eight texts; counterparts are as long as their texts."""
    defense: Defense = registry.entry("defenses", name).load()
    networks = [tiny.classifier(index).train() for index in range(defense.network_count)]
    defense.before_training(networks)
    (batch,) = tiny.training_set(rows_of(defense), batch_size=8).epoch(0)
    with Counted() as counted:
        for terms in defense.passes(networks, batch):
            torch.stack(list(terms.values())).sum().backward()
    return counted.total


@pytest.mark.parametrize("name", PASSES)
def test_a_step_costs_the_passes_that_it_needs(name: str) -> None:
    assert cost(name) / cost("base") == pytest.approx(PASSES[name], rel=0.03)


COUNTS = {
    **{"base": (1, 1), "base-adv-soft": (1, 1), "ada": (1, 1), "fgm": (2, 2), "freelb": (2, 2), "freelb++": (10, 10)},
    # Two networks, each on a text and its counterpart.
    "taichi": (4, 4),
    # Clean, two passes that only move the perturbation, and the last.
    "pgd": (4, 4),
    # Clean, perturbed once to find the noise, perturbed; in the paper's form a network of averaged weights, too.
    **{"smart": (3, 3), "smart-paper": (4, 3)},
}
"""Forward and backward passes of a text in one step."""


@pytest.mark.parametrize("name", COUNTS)
def test_the_counted_passes_of_a_training_are_those_of_its_steps(name: str) -> None:
    defense: Defense = registry.entry("defenses", name).load()
    settings = TrainingSettings(epochs=2, batch_size=4, learning_rate=1e-3, max_length=24, eval_every=2)
    result = tiny.trained(defense, rows_of(defense), settings)
    assert (result.forwards / 16, result.backwards / 16) == COUNTS[name], "8 texts in 2 epochs, evaluations aside"
    assert abs(estimate_passes(defense) - COUNTS[name][0]) <= 1


def test_the_passes_of_a_frozen_encoder_have_no_gradient_to_count() -> None:
    class Frozen(Base):
        def before_training(self, networks: Sequence[Classifier]) -> None:
            networks[0].encoder.requires_grad_(False)

    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24, eval_every=1)
    result = tiny.trained(Frozen(), tiny.rows(8), settings)
    assert (result.forwards, result.backwards) == (8, 0)
