"""The passes of a defense over a batch, and what they leave in a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.training.defense import Defense


def run_passes(defense: Defense, networks: Sequence[Classifier], batch: Batch) -> list[dict[str, float]]:
    """Return the losses of each pass; gradients stay in the networks."""
    losses = []
    for terms in defense.passes(networks, batch):
        torch.stack(list(terms.values())).sum().backward()
        losses.append({name: term.item() for name, term in terms.items()})
    return losses


def gradients(network: Classifier) -> dict[str, Tensor]:
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def perturbations(network: Classifier) -> list[Tensor]:
    """Return a list that every perturbation the network is called with is put into."""
    seen: list[Tensor] = []
    network.register_forward_pre_hook(lambda _, given: seen.append(given[1].detach().clone()) if given[1:] else None)
    return seen
