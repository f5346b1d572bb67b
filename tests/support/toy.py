"""A network whose gradients are known, as a module and in NumPy loops, and what a defense does to it.

The network: logits_i = W * sum over tokens t of mask_it * place_t * (e_it + delta_it).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robench.models.batches import Batch, Inputs
from robench.models.classifier import Outputs
from robench.training.defense import Defense

Array = NDArray[np.float64]
MASK = [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]
LABELS = [0, 2, 1]
PLACE = [1.0, -0.5, 2.0, 0.25]
B, L, D, K = 3, 4, 5, 3


class Toy(nn.Module):
    """That network; it keeps the perturbations it is called with.

    With ``leaks`` it reads padding too, as an encoder that convolves does.
    """

    embedding_width = D

    def __init__(self, seed: int = 0, *, leaks: bool = False) -> None:
        super().__init__()
        self.leaks = leaks
        stream = torch.Generator().manual_seed(seed)
        self.words = torch.randn(6, D, generator=stream)
        self.weight = nn.Parameter(torch.randn(K, D, generator=stream))
        self.seen: list[Tensor | None] = []

    def embed(self, inputs: Inputs) -> Tensor:
        """The output of an embedding layer of its own."""
        return 3 * self.words[inputs["input_ids"]] + 0.5

    def forward(self, inputs: Inputs, perturbation: Tensor | None = None, embeddings: Tensor | None = None) -> Outputs:
        self.seen.append(None if perturbation is None else perturbation.detach().clone())
        embedded = self.words[inputs["input_ids"]] if embeddings is None else embeddings
        embedded = embedded if perturbation is None else embedded + perturbation
        mask = torch.ones(B, L) if self.leaks else inputs["attention_mask"]
        pooled = (embedded * (mask * torch.tensor(PLACE)).unsqueeze(2)).sum(1)
        return Outputs(pooled, pooled @ self.weight.T)


def softmax(logits: Array) -> Array:
    return np.array([[math.exp(x) / sum(map(math.exp, row)) for x in row] for row in logits])


class ByHand:
    """The same network in NumPy, with its gradients in closed form.

    With ``fed``, the output of the embedding layer is in the place of the word embeddings.
    """

    def __init__(self, toy: Toy, batch: Batch, *, fed: bool = False) -> None:
        words = toy.words[batch.texts["input_ids"]].double().numpy()
        self.embedded = 3 * words + 0.5 if fed else words
        self.weight = toy.weight.detach().double().numpy()

    def pooled(self, delta: Array) -> Array:
        total = np.zeros((B, D))
        for i in range(B):
            for t in range(L):
                total[i] += MASK[i][t] * PLACE[t] * (self.embedded[i, t] + delta[i, t])
        return total

    def logits(self, delta: Array) -> Array:
        return np.asarray(self.pooled(delta) @ self.weight.T)

    def ce(self, delta: Array) -> float:
        p = softmax(self.logits(delta))
        return -sum(math.log(p[i, label]) for i, label in enumerate(LABELS)) / B

    def ce_error(self, delta: Array) -> Array:
        """Gradient of the cross-entropy with respect to the logits."""
        error = softmax(self.logits(delta))
        for i, label in enumerate(LABELS):
            error[i, label] -= 1
        return error / B

    def back(self, error: Array) -> Array:
        """From a gradient with respect to the logits to one with respect to the perturbation."""
        gradient = np.zeros((B, L, D))
        for i in range(B):
            for t in range(L):
                gradient[i, t] = MASK[i][t] * PLACE[t] * (error[i] @ self.weight)
        return gradient

    def weight_gradient(self, error: Array, delta: Array) -> Array:
        return np.asarray(error.T @ self.pooled(delta))


def norm(example: Array) -> float:
    return math.sqrt(sum(x * x for x in example.flat))


def towards(delta: Array, gradient: Array, length: float, radius: float = 0.0) -> Array:
    """Each example moved by a length, then brought back to a ball of that radius, if there is one."""
    moved = delta.copy()
    for i in range(B):
        moved[i] += length * gradient[i] / norm(gradient[i])
        if radius and norm(moved[i]) > radius:
            moved[i] *= radius / norm(moved[i])
    return moved


class Found:
    """What a defense did to the toy: perturbations, losses of each pass, gradient of the weights."""

    def __init__(self, defense: Defense, seed: int = 7, *, leaks: bool = False) -> None:
        self.networks = [Toy(leaks=leaks), Toy(leaks=leaks)][: defense.network_count]
        self.batch = batch()
        torch.manual_seed(seed)
        defense.before_training(self.networks)  # type: ignore[arg-type]
        self.passes: list[dict[str, float]] = []
        for terms in defense.passes(self.networks, self.batch):  # type: ignore[arg-type]
            torch.stack(list(terms.values())).sum().backward()
            self.passes.append({name: term.item() for name, term in terms.items()})
        gradient = self.networks[0].weight.grad
        assert gradient is not None
        self.weight_gradient = gradient.double().numpy()
        self.deltas = [delta.double().numpy() for delta in self.networks[0].seen if delta is not None]
        self.hand = ByHand(self.networks[0], self.batch)


def batch() -> Batch:
    ids = torch.tensor([[1, 2, 3, 4], [5, 1, 0, 0], [2, 2, 5, 0]])
    return Batch({"input_ids": ids, "attention_mask": torch.tensor(MASK)}, torch.tensor(LABELS))


def close(found: Any, expected: Any, atol: float = 2e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=atol)
