"""SMART: predictions should hardly move where the embeddings move a little."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from robench.models import Batch, Classifier
from robench.training import Terms, VirtualDefense, compute_gradient, cross_entropy, kl_divergence


def symmetric_kl(logits: Tensor, other_logits: Tensor) -> Tensor:
    """KL(p // q) + KL(q // p) over the batch of (N, K) logits, each side in turn a fixed target (mt-dnn)."""
    return kl_divergence(logits.detach(), other_logits) + kl_divergence(other_logits.detach(), logits)


@dataclass(frozen=True, kw_only=True)
class SMART(VirtualDefense):
    """Smoothness-inducing regularisation: CE + alpha * symmetric KL of clean and perturbed (Jiang et al. 2020).

    Attributes:
        steps: K.
        step_size: eta.
        noise: standard deviation of the start.
        alpha: weight of the smoothness term.
        variant: ``mt-dnn`` is the released code: each token's perturbation is scaled to a largest entry of 1.
            ``paper`` is algorithm 1: the ascent stays within ``epsilon`` in the infinity norm, and the predictions
            stay near those of a slow average of the network (Bregman proximal point, ``momentum`` and ``mu``).
        epsilon: of the paper's variant.
        momentum: beta of the paper's variant.
        mu: weight of the paper's proximal term.
    """

    steps: int = 1
    step_size: float = 1e-3
    noise: float = 1e-5
    alpha: float = 1.0
    variant: Literal["mt-dnn", "paper"] = "mt-dnn"
    epsilon: float = 1e-5
    momentum: float = 0.99
    mu: float = 1.0

    def __post_init__(self) -> None:
        """Refuse an average that runs away."""
        super().__post_init__()
        if self.momentum > 1:
            raise ValueError(f"momentum must be at most 1, not {self.momentum}")

    @property
    def network_count(self) -> int:
        """The paper's variant also keeps the slow average."""
        return 2 if self.variant == "paper" else 1

    def start(self, shape: torch.Size, mask: Tensor) -> Tensor:
        """Normal noise on each example's own tokens."""
        return torch.randn(shape, device=mask.device) * self.noise * mask.unsqueeze(2)

    def normalise(self, gradient: Tensor) -> Tensor:
        """As it is (mt-dnn), or by its largest entry (paper)."""
        if self.variant == "mt-dnn":
            return gradient
        return gradient / gradient.abs().amax((1, 2), keepdim=True).clamp_min(1e-8)

    def project(self, delta: Tensor) -> Tensor:
        """Each token's largest entry to 1 (mt-dnn), or every entry to within epsilon (paper)."""
        if self.variant == "mt-dnn":
            return delta / (delta.abs().amax(-1, keepdim=True) + 1e-6)
        return delta.clamp(-self.epsilon, self.epsilon)

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """One pass: classification, smoothness and, in the paper's variant, nearness to the slow average."""
        network = networks[0]
        clean = network(batch.texts).logits
        delta = self.initial_perturbation(network, batch.texts)
        target = clean.detach()
        for _ in range(self.steps):
            moved = network(batch.texts, delta).logits
            apart = kl_divergence(moved, target) + kl_divergence(target, moved)
            # Of the batch's sum, as mt-dnn has it: a row's step must not depend on how many others there are.
            delta = self.ascend(delta, compute_gradient(apart * len(target), delta), batch.texts["attention_mask"])
        perturbed = network(batch.texts, delta.detach()).logits
        terms = {
            "ce": cross_entropy(clean, batch.labels),
            "smoothness": self.alpha * symmetric_kl(perturbed, clean),
        }
        if self.variant == "paper":
            with torch.no_grad():
                slow = networks[1](batch.texts).logits
            terms["proximal"] = self.mu * symmetric_kl(clean, slow)
        yield terms

    def before_training(self, networks: Sequence[Classifier]) -> None:
        """Make the slow average a copy that is not trained."""
        if self.variant == "paper":
            networks[1].load_state_dict(networks[0].state_dict())
            networks[1].requires_grad_(False)

    def after_step(self, networks: Sequence[Classifier]) -> None:
        """Let the slow average follow by 1 - momentum."""
        if self.variant == "paper":
            with torch.no_grad():
                for slow, fast in zip(networks[1].parameters(), networks[0].parameters(), strict=True):
                    slow.lerp_(fast, 1 - self.momentum)


smart_paper = SMART(variant="paper")
"""SMART as its paper's algorithm 1 has it, with the ball and the proximal term."""
