"""SMART: predictions should hardly change when the embeddings change a little."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from robench.models import Batch, Classifier
from robench.training import Style, Terms, VirtualDefense, compute_gradient, cross_entropy, kl_divergence, option

_CODE = "the authors' code (mt-dnn)"
_PAPER = "the SMART paper, implementation details"


def symmetric_kl(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Compute KL(p // q) + KL(q // p) of a batch of (N, K) logits, with gradients through both sides (paper)."""
    return kl_divergence(logits, other_logits) + kl_divergence(other_logits, logits)


def detached_symmetric_kl(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Compute the same value with each side in turn as a fixed target, which halves the gradient (mt-dnn)."""
    return kl_divergence(logits.detach(), other_logits) + kl_divergence(other_logits.detach(), logits)


def stable_kl(logits: Tensor, target: Tensor) -> Tensor:
    """Compute what mt-dnn maximises: 2 p (log-odds of p less those of q), summed over a batch of (N, K) logits.

    The log-odds count as constants, and have 1e-6 added twice, so that no probability is too small for them.
    """
    p, q = logits.softmax(-1), target.softmax(-1)
    odds, other_odds = (-(1 / (share + 1e-6) - 1 + 1e-6).log().detach() for share in (p, q))
    return 2 * (p * (odds - other_odds)).sum()


@dataclass(frozen=True, kw_only=True)
class SMART(VirtualDefense):
    """Smoothness-inducing regularisation: CE + alpha * symmetric KL of clean and perturbed (Jiang et al. 2020)."""

    style: ClassVar[Style] = Style(title="SMART", hue="orange", pattern="striped")

    steps: int = option(1, "ascents, K", minimum=1, source=_CODE)
    step_size: float = option(
        1e-5, "length of one ascent, eta", minimum=0, source="the released program; the paper has 1e-3"
    )
    noise: float = option(1e-5, "standard deviation of the start", minimum=0, source=_CODE)
    alpha: float = option(1.0, "weight of the smoothness term", minimum=0, source=_CODE)
    variant: Literal["mt-dnn", "paper"] = option(
        "mt-dnn",
        "form of the method: mt-dnn is the released code, in which each token's perturbation is scaled to a largest"
        " entry of 1 and added to the output of the embedding layer, which is then fed in as word embeddings; paper is"
        " algorithm 1, on word embeddings, in which the ascent stays within epsilon in the infinity norm and the"
        " predictions near those of a slow average of the network (Bregman proximal point, momentum and mu)",
        source="the TaiChi paper, section 4.1, has the authors' implementation",
    )
    epsilon: float = option(1e-5, "largest entry of a perturbation in the paper's variant", minimum=0, source=_PAPER)
    momentum: float = option(
        0.99, "beta of the slow average in the paper's variant", minimum=0, maximum=1, source=_PAPER
    )
    mu: float = option(1.0, "weight of the proximal term in the paper's variant", minimum=0, source=_PAPER)

    @property
    def network_count(self) -> int:
        """Return 2 for the paper's variant, which also keeps the slow average, else 1."""
        return 2 if self.variant == "paper" else 1

    def start(self, shape: torch.Size, mask: Tensor) -> Tensor:
        """Draw normal noise on each example's own tokens."""
        return torch.randn(shape, device=mask.device) * self.noise * mask.unsqueeze(2)

    def normalise(self, gradient: Tensor) -> Tensor:
        """Return the gradient as it is (mt-dnn), or divide it by its largest entry (paper)."""
        if self.variant == "mt-dnn":
            return gradient
        return gradient / gradient.abs().amax((1, 2), keepdim=True).clamp_min(1e-8)

    def project(self, delta: Tensor) -> Tensor:
        """Scale each token's largest entry to 1 (mt-dnn), or clip every entry to epsilon (paper)."""
        if self.variant == "mt-dnn":
            return delta / (delta.abs().amax(-1, keepdim=True) + 1e-6)
        return delta.clamp(-self.epsilon, self.epsilon)

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """Yield one pass: classification, smoothness and, in the paper's variant, distance from the slow average.

        Raises:
            RobenchError: the released variant cannot work on this encoder.
        """
        network, texts, is_released = networks[0], batch.texts, self.variant == "mt-dnn"
        embedded = network.embed(texts) if is_released else None
        clean, delta = network(texts).logits, self.initial_perturbation(network, texts)
        target = clean.detach()
        for _ in range(self.steps):
            moved = network(texts, delta, embedded).logits
            # The gradient of the sum over the batch, as in mt-dnn: a row's step must not depend on the number of rows.
            apart = stable_kl(moved, target) if is_released else symmetric_kl(moved, target) * len(target)
            delta = self.ascend(delta, compute_gradient(apart, delta), texts["attention_mask"])
        perturbed = network(texts, delta.detach(), embedded).logits
        distance = detached_symmetric_kl if is_released else symmetric_kl
        terms = {"ce": cross_entropy(clean, batch.labels), "smoothness": self.alpha * distance(perturbed, clean)}
        if not is_released:
            with torch.no_grad():
                slow = networks[1](texts).logits
            terms["proximal"] = self.mu * distance(clean, slow)
        yield terms

    def before_training(self, networks: Sequence[Classifier]) -> None:
        """Make the slow average an untrained copy of the network."""
        if self.variant == "paper":
            networks[1].load_state_dict(networks[0].state_dict())
            networks[1].requires_grad_(False)

    def after_step(self, networks: Sequence[Classifier]) -> None:
        """Let the slow average follow by 1 - momentum."""
        if self.variant == "paper":
            with torch.no_grad():
                for slow, fast in zip(networks[1].parameters(), networks[0].parameters(), strict=True):
                    slow.lerp_(fast, 1 - self.momentum)


smart_paper: Annotated[SMART, Style(title="SMART (paper)", hue="orange", pattern="dotted")] = SMART(
    variant="paper", step_size=1e-3
)
"""SMART as in algorithm 1 of its paper, with the ball and the proximal term."""
