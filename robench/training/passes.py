"""The passes of texts through encoders that a training makes: what it costs, whatever the machine.

How it works: a hook on each encoder counts the texts of every call, and a hook on its output counts them again when a
gradient comes back to it. So the steps of an adversarial perturbation, a second network and a pass whose gradients
nobody asks for count as what they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from robench.models.classifier import Classifier
from robench.training.defense import Defense, TrainsOn
from robench.training.perturbation import VirtualDefense


class PassCounter:
    """A counter of the texts that go through the encoders of some networks.

    Args:
        networks: the networks.

    Attributes:
        forwards: number of texts that an encoder computed states of.
        backwards: number of texts through whose states a gradient went back into an encoder.
    """

    def __init__(self, networks: Sequence[Classifier]) -> None:
        self._networks = networks
        self.forwards = self.backwards = 0

    @contextlib.contextmanager
    def count(self) -> Iterator[None]:
        """Count the passes inside the block."""
        hooks = [network.encoder.register_forward_hook(self._add) for network in self._networks]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _add(self, encoder: nn.Module, inputs: Any, outputs: Any) -> None:
        states = outputs.last_hidden_state
        count = int(states.shape[0])
        self.forwards += count
        if states.requires_grad:
            states.register_hook(lambda gradient: self._add_backward(count))

    def _add_backward(self, count: int) -> None:
        self.backwards += count


def estimate_passes(defense: Defense) -> int:
    """Estimate the passes of a text through encoders in one step: of each network, its counterpart, and each ascent."""
    texts = 2 if defense.trains_on is TrainsOn.PAIRS else 1
    ascents = defense.steps if isinstance(defense, VirtualDefense) else 0
    return defense.network_count * texts + ascents
