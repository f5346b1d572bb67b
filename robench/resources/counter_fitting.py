"""Counter-fitting: adjust word vectors to synonyms and antonyms (Mrkšić et al. 2016, arXiv:1603.00892).

All vectors have unit norm. The distance of two words is ``d(u, w) = 1 - cos(u, w)``. Gradient descent moves the
original vectors V to new vectors V' that lower the sum of three terms, with ``t(x) = max(0, x)``:

* antonym repel:    ``k1 * sum over antonyms of t(delta - d(u', w'))``,
* synonym attract:  ``k2 * sum over synonyms of t(d(u', w') - gamma)``,
* preservation:     ``k3 * sum over w in N(u) of t(d(u', w') - d(u, w))``; N(u) are the words within rho of u in V.

After each step every vector is scaled back to unit norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class CounterFittingSettings:
    """The paper's hyper-parameters (sections 2 and 3). Only the optimiser differs.

    The paper updates the vectors pair by pair and visits all pairs 20 times. Here each step moves all vectors along
    ``1 / splits`` of the whole gradient, so the result depends neither on an order nor on random numbers.

    Attributes:
        delta: distance beyond which antonyms are no longer pushed apart.
        gamma: distance below which synonyms are no longer pulled together.
        rho: radius of the neighbourhood that is preserved.
        weights: k1, k2, k3.
        epochs: number of full gradients that are applied.
        splits: steps per epoch.
    """

    delta: float = 1.0
    gamma: float = 0.0
    rho: float = 0.2
    weights: tuple[float, float, float] = (0.1, 0.1, 0.1)
    epochs: int = 20
    splits: int = 4


@dataclass(frozen=True)
class WordPairs:
    """The word pairs of the three terms.

    Attributes:
        antonyms: (P, 2) word indices.
        synonyms: (Q, 2) word indices.
        neighbours: (R, 2) word indices of the pairs whose distance is preserved.
        distances: (R,) distances of the neighbours before the first step.
    """

    antonyms: Array
    synonyms: Array
    neighbours: Array
    distances: Array

    def loss(self, vectors: Array, settings: CounterFittingSettings) -> float:
        """Return the loss of unit vectors (N, D)."""
        k1, k2, k3 = settings.weights
        repel = np.maximum(0, settings.delta - cosine_distances(vectors, self.antonyms)).sum()
        attract = np.maximum(0, cosine_distances(vectors, self.synonyms) - settings.gamma).sum()
        preserve = np.maximum(0, cosine_distances(vectors, self.neighbours) - self.distances).sum()
        return float(k1 * repel + k2 * attract + k3 * preserve)

    def gradient(self, vectors: Array, settings: CounterFittingSettings) -> Array:
        """Return the gradient (N, D) of the loss on the unit sphere, where ``d cos(u, w) / du = w - cos * u``."""
        k1, k2, k3 = settings.weights
        pairs = np.concatenate([self.antonyms, self.synonyms, self.neighbours])
        distances = cosine_distances(vectors, pairs)
        repel, attract, preserve = np.split(distances, [len(self.antonyms), len(self.antonyms) + len(self.synonyms)])
        # The derivative of each pair's loss by its cosine.
        slope = np.concatenate(
            [k1 * (repel < settings.delta), -k2 * (attract > settings.gamma), -k3 * (preserve > self.distances)]
        )
        active = slope != 0
        (left, right), slope, cosine = pairs[active].T, slope[active], 1 - distances[active]
        rows, columns = np.concatenate([left, right]), np.concatenate([right, left])
        size = (len(vectors), len(vectors))
        pull: Array = sparse.csr_array((np.tile(slope, 2), (rows, columns)), shape=size) @ vectors
        shrink = np.bincount(rows, np.tile(slope * cosine, 2), len(vectors))
        gradient: Array = pull - shrink[:, None] * vectors
        return gradient


def counter_fit(
    vectors: Array, synonyms: Array, antonyms: Array, settings: CounterFittingSettings | None = None
) -> Array:
    """Pull synonyms together and push antonyms apart.

    Args:
        vectors: (N, D), of any norm but zero.
        synonyms: (P, 2) word indices, each pair once.
        antonyms: (Q, 2) word indices, each pair once.
        settings: the paper's by default.

    Returns:
        Unit vectors (N, D), float64.
    """
    settings = settings or CounterFittingSettings()
    fitted = normalise_rows(np.asarray(vectors, dtype=np.float64))
    antonyms, synonyms = antonyms.reshape(-1, 2), synonyms.reshape(-1, 2)
    neighbours = find_close_pairs(fitted, settings.rho)
    # Antonyms are not preserved as neighbours: the two terms have equal weights, so close antonyms would never move.
    neighbours = neighbours[~np.isin(neighbours @ [len(fitted), 1], np.sort(antonyms, axis=1) @ [len(fitted), 1])]
    pairs = WordPairs(antonyms, synonyms, neighbours, cosine_distances(fitted, neighbours))
    for _ in range(settings.epochs * settings.splits):
        fitted = normalise_rows(fitted - pairs.gradient(fitted, settings) / settings.splits)
    return fitted


def normalise_rows(vectors: Array) -> Array:
    """Scale each row (N, D) to norm 1."""
    scaled: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def cosine_distances(vectors: Array, pairs: Array) -> Array:
    """Return ``1 - cos``, (P,), of each pair (P, 2) of unit vectors (N, D)."""
    distances: Array = 1 - np.einsum("pd,pd->p", vectors[pairs[:, 0]], vectors[pairs[:, 1]])
    return distances


def find_close_pairs(vectors: Array, radius: float, *, rows: int = 1024) -> Array:
    """Return the pairs (P, 2), smaller index first, of unit vectors (N, D) that are at most ``radius`` apart.

    Args:
        vectors: unit vectors (N, D).
        radius: the largest distance.
        rows: vectors that are compared with all others at a time.
    """
    coarse = vectors.astype(np.float32)
    close = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(vectors), rows):
        # Single precision is twice as fast. The margin covers its rounding; exact distances decide below.
        left, right = np.nonzero(coarse[start : start + rows] @ coarse[start:].T >= 1 - radius - 1e-5)
        pairs = np.stack([left, right], axis=1)[left < right] + start
        close.append(pairs[cosine_distances(vectors, pairs) <= radius])
    return np.concatenate(close)
