"""TAVAT: perturbations of single tokens, which a vocabulary of perturbations keeps from batch to batch."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from robench.models import Batch, Classifier
from robench.training import (
    Style,
    Terms,
    VirtualDefense,
    cross_entropy,
    draw_uniform_start,
    option,
    read_gradient,
    to_unit_norm,
)

_SOURCE = "the authors' code for SST-2"


def unit_tokens(gradient: Tensor) -> Tensor:
    """Scale the gradient (B, L, D) of each token to L2 norm 1."""
    return gradient / _token_norms(gradient).clamp_min(1e-8)


def weigh_tokens(delta: Tensor) -> Tensor:
    """Multiply each token's perturbation by its share of the largest norm in its text; (B, L, D) to the same."""
    norms = _token_norms(delta)
    return delta * (norms / norms.amax(1, keepdim=True).clamp_min(1e-8))


def _token_norms(delta: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(delta, dim=2, keepdim=True)
    return norms


@dataclass(frozen=True, kw_only=True)
class TAVAT(VirtualDefense):
    """A perturbation of the text and one of each token, which accumulates in a vocabulary (Li and Qiu 2021).

    The K passes are those of FreeLB, each with dropout masks of its own; the perturbation is the sum of two. That of
    the text starts at random and climbs by the gradient of the whole text. That of a token starts at the token's entry
    of the vocabulary, divided by the norm of all entries of the batch, climbs by the gradient of the token, and is
    weighted by its share of the text's largest. Both are scaled together into the ball. At the end, the perturbations
    of a token are added to its entry. So the authors' code; here padding has no perturbation, and the losses are
    averaged over the passes as in FreeLB, which AdamW does not notice.
    """

    style: ClassVar[Style] = Style(title="TAVAT", hue="blue", pattern="crossed")

    steps: int = option(2, "passes for one update, K", minimum=1, source=_SOURCE)
    step_size: float = option(0.05, "L2 length of one ascent, of a text and of each token", minimum=0, source=_SOURCE)
    magnitude: float = option(
        0.2, "largest L2 norm of a random start, of a text and of an entry", above=0, source=_SOURCE
    )
    max_norm: float = option(0.5, "largest L2 norm of the perturbation of a text", above=0, source=_SOURCE)

    @functools.cached_property
    def _kept(self) -> dict[str, Tensor]:
        """Keep the vocabulary of perturbations, (V, D), from step to step."""
        return {}

    def before_training(self, networks: Sequence[Classifier]) -> None:
        """Draw an entry of the vocabulary for each token of the encoder from U(-1, 1) * magnitude / sqrt(D)."""
        (network,) = networks
        width = network.embedding_width
        words = cast(nn.Embedding, network.encoder.get_input_embeddings())
        entries = torch.empty((words.num_embeddings, width), device=network.head.weight.device).uniform_(-1, 1)
        self._kept["entries"] = entries * (self.magnitude / width**0.5)

    def training_state(self) -> Mapping[str, Tensor]:
        """Return the vocabulary."""
        return self._kept

    def load_training_state(self, state: Mapping[str, Tensor]) -> None:
        """Put the vocabulary back."""
        self._kept.update(state)

    def start(self, shape: torch.Size, mask: Tensor) -> Tensor:
        """Draw the perturbation of a text."""
        return draw_uniform_start(shape, mask, self.magnitude)

    def normalise(self, gradient: Tensor) -> Tensor:
        """Scale the gradient of a text to unit length."""
        return to_unit_norm(gradient)

    def start_tokens(self, numbers: Tensor, mask: Tensor) -> Tensor:
        """Look the entries of tokens (B, L) up, and divide them by the norm of them all: (B, L, D)."""
        entries = self._kept["entries"][numbers] * mask.unsqueeze(2)
        norm: Tensor = torch.linalg.vector_norm(entries)
        return entries / norm.clamp_min(1e-8)

    def climb(self, text: Tensor, tokens: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Move the perturbations of texts and of tokens up the gradient of their sum; each is (B, L, D)."""
        text = text + self.step_size * self.normalise(gradient)
        tokens = weigh_tokens(tokens + self.step_size * unit_tokens(gradient))
        norm = torch.linalg.vector_norm(text + tokens, dim=(1, 2), keepdim=True).clamp_min(1e-8)
        inside = (self.max_norm / norm).clamp_max(1)
        return text * inside, tokens * inside

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        """Yield K losses, each divided by K, and then add the perturbations of tokens to their entries."""
        (network,) = networks
        numbers, mask = batch.texts["input_ids"], batch.texts["attention_mask"]
        tokens = self.start_tokens(numbers, mask)
        text = self.start(tokens.shape, mask)
        for step in range(self.steps):
            delta = (text + tokens).requires_grad_()
            loss = cross_entropy(network(batch.texts, delta).logits, batch.labels)
            yield {f"ce_step{step + 1}": loss / self.steps}
            if step + 1 < self.steps:
                text, tokens = self.climb(text, tokens, read_gradient(delta) * mask.unsqueeze(2))
        # With accumulate, torch adds in a fixed order on a GPU as well.
        self._kept["entries"].index_put_((numbers.flatten(),), tokens.flatten(0, 1), accumulate=True)
