"""Adversarial perturbations of word embeddings ("virtual" adversarial examples): one ascent, whose parts vary.

A perturbation ``delta`` (B, L, D) is added to the word embeddings of a batch, before position, type and layer norm.
Each defense of this family says how it starts, how it steps and how it projects. Padding is never perturbed.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from robench.models.batches import Batch, Inputs
from robench.models.classifier import Classifier
from robench.training.defense import Defense, Terms
from robench.training.objectives import cross_entropy


def example_norm(delta: Tensor) -> Tensor:
    """L2 norm over tokens and dimensions of each example: (B, L, D) to (B, 1, 1)."""
    norm: Tensor = torch.linalg.vector_norm(delta, dim=(1, 2), keepdim=True)
    return norm


def to_unit_norm(gradient: Tensor) -> Tensor:
    """The gradient (B, L, D) at length 1 in the L2 norm of each example."""
    return gradient / example_norm(gradient).clamp_min(1e-8)


def project_onto_ball(delta: Tensor, radius: float) -> Tensor:
    """The nearest point of each example's L2 ball of that radius."""
    return delta * (radius / example_norm(delta).clamp_min(1e-8)).clamp_max(1)


def draw_uniform_start(shape: torch.Size, mask: Tensor, magnitude: float) -> Tensor:
    """U(-1, 1) * magnitude / sqrt(tokens * D) on each example's own tokens (FreeLB's released code).

    Args:
        shape: (B, L, D).
        mask: (B, L), 1 where a token is.
        magnitude: bounds the L2 norm of an example's start.
    """
    tokens = mask.sum(1).float()
    scale = magnitude / (tokens * shape[2]).sqrt()
    noise = torch.empty(shape, device=mask.device).uniform_(-1, 1)
    return noise * mask.unsqueeze(2) * scale.view(-1, 1, 1)


def compute_gradient(loss: Tensor, delta: Tensor) -> Tensor:
    """Gradient of a loss with respect to the perturbation alone; the weights' gradients are left as they are."""
    with torch.autocast(delta.device.type, enabled=False):
        return torch.autograd.grad(loss, delta)[0]


def read_gradient(delta: Tensor) -> Tensor:
    """Gradient that the backward pass of the last losses left in the perturbation, a leaf.

    Raises:
        RuntimeError: they have not been run backward.
    """
    if delta.grad is None:
        raise RuntimeError("the losses of one pass must be run backward before the next pass is asked for")
    return delta.grad


def replay_dropout(state: list[Tensor] | None, device: torch.device) -> list[Tensor]:
    """Have the next pass draw the dropout masks of an earlier one.

    Args:
        state: what this gave before the earlier pass; None before the first, which draws its own.
        device: where the networks are.

    Returns:
        The state of the random streams that the next pass starts from.
    """
    on_gpu = device.type == "cuda"
    if state is None:
        return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if on_gpu else [])]
    torch.set_rng_state(state[0])
    if on_gpu:
        torch.cuda.set_rng_state(state[1], device)
    return state


@dataclass(frozen=True, kw_only=True)
class VirtualDefense(Defense):
    """A defense that trains on the clean embeddings and on embeddings perturbed against the network.

    As it stands: the clean loss, ``steps`` ascents from its gradient on, and the loss at the last point. Subclasses
    say how a perturbation starts, steps and projects.

    Attributes:
        steps: ascents, K.
        step_size: of one ascent.
    """

    steps: int
    step_size: float

    def __post_init__(self) -> None:
        """Refuse an ascent without a step, and numbers below 0, of which none means anything here."""
        super().__post_init__()
        if self.steps < 1:
            raise ValueError(f"steps must be 1 or more, not {self.steps}")
        for name, value in vars(self).items():
            if isinstance(value, int | float) and not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a number from 0 on, not {value}")

    def start(self, shape: torch.Size, mask: Tensor) -> Tensor:
        """The perturbation (B, L, D) before the first ascent; nothing, unless a subclass says so."""
        return torch.zeros(shape, device=mask.device)

    @abstractmethod
    def normalise(self, gradient: Tensor) -> Tensor:
        """The direction of an ascent from a gradient, both (B, L, D)."""

    def project(self, delta: Tensor) -> Tensor:
        """Bring a perturbation (B, L, D) back to where it may be; anywhere, unless a subclass says so."""
        return delta

    def ascend(self, delta: Tensor, gradient: Tensor, mask: Tensor) -> Tensor:
        """One step up the loss, as a new leaf whose gradient can be asked for.

        Args:
            delta: (B, L, D).
            gradient: of the loss there, (B, L, D).
            mask: (B, L), 1 where a token is. Most encoders give padding no gradient, but one that convolves does.
        """
        direction = self.normalise(gradient * mask.unsqueeze(2))
        return self.project(delta.detach() + self.step_size * direction).detach().requires_grad_()

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """The clean loss, and the loss at the end of the ascent; both update the weights."""
        (network,) = networks
        delta, mask = self.initial_perturbation(network, batch.texts), batch.texts["attention_mask"]
        yield {"ce_clean": cross_entropy(network(batch.texts, delta).logits, batch.labels)}
        gradient = read_gradient(delta)
        for _ in range(self.steps - 1):
            delta = self.ascend(delta, gradient, mask)
            gradient = compute_gradient(cross_entropy(network(batch.texts, delta).logits, batch.labels), delta)
        delta = self.ascend(delta, gradient, mask).detach()
        yield {"ce_perturbed": cross_entropy(network(batch.texts, delta).logits, batch.labels)}

    def initial_perturbation(self, network: Classifier, texts: Inputs) -> Tensor:
        """The start as a leaf of the batch's shape."""
        shape = torch.Size((*texts["input_ids"].shape, network.embedding_width))
        return self.start(shape, texts["attention_mask"]).requires_grad_()

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """The clean loss alone; training goes through :meth:`passes`."""
        (network,) = networks
        return {"ce_clean": cross_entropy(network(batch.texts).logits, batch.labels)}
