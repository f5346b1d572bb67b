"""Adversarial perturbations of word embeddings ("virtual" adversarial examples): one gradient ascent for all defenses.

How it works: a perturbation ``delta`` (B, L, D) is added to the word embeddings of a batch, before position and type
embeddings and layer norm. It starts at zero or at random; each ascent adds a step along the gradient of the loss and
projects the result. The defenses of this family differ in the start, the direction (``normalise``) and the projection.
Padding is never perturbed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass

import torch
from torch import Tensor

from robench.models.batches import Batch, Inputs
from robench.models.classifier import Classifier
from robench.plugins.option import option
from robench.training.defense import Defense, Terms
from robench.training.objectives import cross_entropy
from robench.training.random_states import read_torch_states, write_torch_states


def example_norm(delta: Tensor) -> Tensor:
    """Compute the L2 norm of each example over tokens and dimensions: (B, L, D) to (B, 1, 1)."""
    norm: Tensor = torch.linalg.vector_norm(delta, dim=(1, 2), keepdim=True)
    return norm


def to_unit_norm(gradient: Tensor) -> Tensor:
    """Scale the gradient (B, L, D) of each example to L2 norm 1."""
    return gradient / example_norm(gradient).clamp_min(1e-8)


def project_onto_ball(delta: Tensor, radius: float) -> Tensor:
    """Project each example's perturbation (B, L, D) onto the L2 ball of that radius."""
    return delta * (radius / example_norm(delta).clamp_min(1e-8)).clamp_max(1)


def draw_uniform_start(shape: torch.Size, mask: Tensor, magnitude: float) -> Tensor:
    """Draw a start from U(-1, 1) * magnitude / sqrt(tokens * D), and 0 at padding (FreeLB's released code).

    Args:
        shape: (B, L, D).
        mask: (B, L), 1 at tokens and 0 at padding.
        magnitude: upper bound of the L2 norm of an example's start.
    """
    tokens = mask.sum(1).float()
    scale = magnitude / (tokens * shape[2]).sqrt()
    noise = torch.empty(shape, device=mask.device).uniform_(-1, 1)
    return noise * mask.unsqueeze(2) * scale.view(-1, 1, 1)


def compute_gradient(loss: Tensor, delta: Tensor) -> Tensor:
    """Compute the gradient of a loss with respect to the perturbation; the weights' gradients stay unchanged."""
    with torch.autocast(delta.device.type, enabled=False):
        return torch.autograd.grad(loss, delta)[0]


def read_gradient(delta: Tensor) -> Tensor:
    """Return the perturbation's gradient from the backward pass of the last losses.

    Args:
        delta: the perturbation, a leaf tensor.

    Raises:
        RuntimeError: the losses were not run backward.
    """
    if delta.grad is None:
        raise RuntimeError("the losses of one pass must be run backward before the next pass is requested")
    return delta.grad


def replay_dropout(state: dict[str, Tensor] | None, device: torch.device) -> dict[str, Tensor]:
    """Make the next pass draw the same dropout masks as an earlier pass.

    Args:
        state: the state returned before the earlier pass; None before the first pass, which draws new masks.
        device: the device of the networks.

    Returns:
        The state of the random generators at the start of the next pass.
    """
    if state is None:
        return read_torch_states(device)
    write_torch_states(state, device)
    return state


@dataclass(frozen=True, kw_only=True)
class VirtualDefense(Defense):
    """A defense that trains on clean embeddings and on embeddings perturbed against the network.

    By default the loss is the clean loss plus the loss after ``steps`` ascents, the first of which uses the gradient of
    the loss at the start. Subclasses define the start, the direction and the projection of a perturbation.
    """

    steps: int = option(MISSING, "ascents, K", minimum=1)
    step_size: float = option(MISSING, "length of one ascent", minimum=0)

    @property
    def augmentation(self) -> str:
        """Return ``virtual``."""
        return "virtual"

    @property
    def minimises_clean_loss(self) -> bool:
        """Return whether the clean loss is minimised as well as the perturbed one."""
        return True

    def start(self, shape: torch.Size, mask: Tensor) -> Tensor:
        """Return the perturbation (B, L, D) before the first ascent; zero unless a subclass overrides this."""
        return torch.zeros(shape, device=mask.device)

    @abstractmethod
    def normalise(self, gradient: Tensor) -> Tensor:
        """Return the direction of an ascent for a gradient; both are (B, L, D)."""

    def project(self, delta: Tensor) -> Tensor:
        """Project a perturbation (B, L, D) onto the allowed set; unbounded unless a subclass overrides this."""
        return delta

    def ascend(self, delta: Tensor, gradient: Tensor, mask: Tensor) -> Tensor:
        """Move a perturbation one step up the loss.

        Args:
            delta: (B, L, D).
            gradient: the gradient of the loss at ``delta``, (B, L, D).
            mask: (B, L), 1 at tokens and 0 at padding. It is needed because a convolving encoder gives padding a
                gradient; most encoders do not.

        Returns:
            A new leaf tensor (B, L, D) that collects gradients.
        """
        direction = self.normalise(gradient * mask.unsqueeze(2))
        return self.project(delta.detach() + self.step_size * direction).detach().requires_grad_()

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """Yield the clean loss, if it is minimised, and the loss at the end of the ascent."""
        (network,) = networks
        delta, mask = self.initial_perturbation(network, batch.texts), batch.texts["attention_mask"]
        clean = cross_entropy(network(batch.texts, delta).logits, batch.labels)
        if self.minimises_clean_loss:
            yield {"ce_clean": clean}
            gradient = read_gradient(delta)
        else:
            gradient = compute_gradient(clean, delta)
        for _ in range(self.steps - 1):
            delta = self.ascend(delta, gradient, mask)
            gradient = compute_gradient(cross_entropy(network(batch.texts, delta).logits, batch.labels), delta)
        delta = self.ascend(delta, gradient, mask).detach()
        yield {"ce_perturbed": cross_entropy(network(batch.texts, delta).logits, batch.labels)}

    def initial_perturbation(self, network: Classifier, texts: Inputs) -> Tensor:
        """Return the start (B, L, D) as a leaf tensor that collects gradients."""
        shape = torch.Size((*texts["input_ids"].shape, network.embedding_width))
        return self.start(shape, texts["attention_mask"]).requires_grad_()

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the clean loss alone; training uses :meth:`passes`."""
        (network,) = networks
        return {"ce_clean": cross_entropy(network(batch.texts).logits, batch.labels)}
