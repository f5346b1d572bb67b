"""InfoBERT: tokens that say less by themselves, and stable tokens that say more of the whole text."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from robench.models import Batch, Classifier
from robench.training import Style, Terms, cross_entropy, option, replay_dropout

from .freelb import FreeLB

_SOURCE = "the authors' code for ANLI"


def bottleneck(features: Tensor) -> Tensor:
    """Estimate an upper bound of the information of tokens (N, D): half the mean squared distance to random ones."""
    others = torch.randint(len(features), (len(features),)).to(features.device)
    return (features - features[others]).square().sum(1).mean() / 2


def select_stable(gradient: Tensor, mask: Tensor, low: float, high: float) -> Tensor:
    """Select tokens (B, L) by the norm of the gradient (B, L, D): of n, ranks ceil(n * low) to below ceil(n * high)."""
    norms = torch.linalg.vector_norm(gradient, dim=2).masked_fill(mask == 0, math.inf)
    ranks = norms.argsort(dim=1, stable=True).argsort(1)
    tokens = mask.sum(1, keepdim=True).double()
    return torch.logical_and(ranks >= (tokens * low).ceil(), ranks < (tokens * high).ceil())


def contrast(critic: nn.Sequential, features: Tensor, wholes: Tensor) -> Tensor:
    """Compute InfoNCE of N tokens (N, D) and their texts (N, H): mean f - mean log of mean exp f over tokens."""
    if not (count := len(features)):
        return wholes.sum()
    pairs = torch.cat([features.expand(count, -1, -1), wholes.unsqueeze(1).expand(-1, count, -1)], dim=2)
    scores: Tensor = critic(pairs).squeeze(2)  # row i has the scores of all tokens with text i
    return (scores.diagonal() - scores.logsumexp(1)).mean() + math.log(count)


@dataclass(frozen=True, kw_only=True)
class InfoBERT(FreeLB):
    """FreeLB with two regularisers on the information of tokens (Wang et al. 2021, section 3).

    Features of tokens are the output of the embedding layer; that of the text is what the head reads, here the mean
    over tokens. The bottleneck keeps tokens near random ones of the batch, which bounds their information from above.
    The anchored term maximises InfoNCE between a text and its stable tokens, whose gradient is neither among the
    smallest nor the largest, in random groups of B pairs. So the authors' code; here features of tokens are those of
    the clean text, the ascent follows the classification loss alone, and the critic's learning rate is constant.
    """

    style: ClassVar[Style] = Style(title="InfoBERT", hue="yellow", pattern="crossed")

    steps: int = option(3, "passes for one update, K", minimum=1, source=_SOURCE)
    step_size: float = option(0.04, "L2 length of one ascent of an example", minimum=0, source=_SOURCE)
    magnitude: float = option(0.08, "largest L2 norm of the random start of an example", minimum=0, source=_SOURCE)
    max_norm: float = option(0.0, "largest L2 norm of a perturbation; 0 for no bound", minimum=0, source=_SOURCE)
    alpha: float = option(5e-3, "weight of the anchored term", minimum=0, source=_SOURCE)
    beta: float = option(5e-3, "weight of the bottleneck", minimum=0, source=_SOURCE)
    low: float = option(0.5, "share of a text's tokens that matter too little", minimum=0, maximum=1, source=_SOURCE)
    high: float = option(0.9, "share above which tokens are too easily hurt", minimum=0, maximum=1, source=_SOURCE)
    critic_rate: float = option(2e-5, "learning rate of the critic", above=0, source=f"{_SOURCE}, of the network")

    @functools.cached_property
    def _kept(self) -> dict[str, Any]:
        """Keep the critic and its optimiser from step to step."""
        return {}

    def before_training(self, networks: Sequence[Classifier]) -> None:
        """Make the critic, a network of two layers whose scores are above 0, and its optimiser."""
        inputs = networks[0].embedding_width + networks[0].head.in_features
        critic = nn.Sequential(nn.Linear(inputs, 300), nn.ReLU(), nn.Linear(300, 1), nn.Softplus())
        self._kept["critic"] = critic.to(networks[0].head.weight.device)
        self._kept["optimiser"] = torch.optim.AdamW(critic.parameters(), self.critic_rate, fused=True)

    def training_state(self) -> Mapping[str, Tensor]:
        """Return the critic's weights by name, and what its optimiser keeps of each."""
        critic, kept = self._kept["critic"], self._kept["optimiser"].state
        moments = {f"{name} {part}": one for name, p in critic.named_parameters() for part, one in kept[p].items()}
        return {**critic.state_dict(), **moments}

    def load_training_state(self, state: Mapping[str, Tensor]) -> None:
        """Put them back."""
        self._kept["critic"].load_state_dict({name: one for name, one in state.items() if " " not in name})
        for name, p in self._kept["critic"].named_parameters():
            moments = {key.split()[1]: one for key, one in state.items() if key.startswith(f"{name} ")}
            self._kept["optimiser"].state[p] = moments

    def after_step(self, networks: Sequence[Classifier]) -> None:
        """Step the critic's optimiser with the gradients of all passes."""
        self._kept["optimiser"].step()
        self._kept["optimiser"].zero_grad()

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """Yield K times the classification loss, the bottleneck and the anchored term, each divided by K."""
        network, mask = networks[0], batch.texts["attention_mask"]
        delta, masks = self.initial_perturbation(network, batch.texts), None
        for step in range(1, self.steps + 1):
            masks = replay_dropout(masks, delta.device)
            outputs, features = network(batch.texts, delta), network.embed(batch.texts).float()
            ce = cross_entropy(outputs.logits, batch.labels)
            with torch.autocast(delta.device.type, enabled=False):
                (gradient,) = torch.autograd.grad(ce, delta, retain_graph=True)
                stable = select_stable(gradient, mask, self.low, self.high)
                anchored = self._anchor(features, outputs.representations, stable)
            yield {
                f"ce_step{step}": ce / self.steps,
                f"bottleneck_step{step}": self.beta * bottleneck(features[mask.bool()]) / self.steps,
                f"anchored_step{step}": -self.alpha * anchored / self.steps,
            }
            delta = self.ascend(delta, gradient, mask)

    def _anchor(self, features: Tensor, wholes: Tensor, stable: Tensor) -> Tensor:
        """Compute the mean InfoNCE of random groups of B pairs."""
        texts, tokens = stable.nonzero(as_tuple=True)
        groups = torch.randperm(len(texts)).to(texts.device).split(len(stable))
        pairs = ((features[texts[some], tokens[some]], wholes[texts[some]]) for some in groups)
        return torch.stack([contrast(self._kept["critic"], *pair) for pair in pairs]).mean()
