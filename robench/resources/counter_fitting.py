"""Counter-fitting: word vectors made to respect synonyms and antonyms (Mrkšić et al. 2016, arXiv:1603.00892).

Vectors have unit norm and words are as far apart as ``d(u, w) = 1 - cos(u, w)``. With ``t(x) = max(0, x)``, the loss
of the vectors V', begun at V, is the sum of

* antonym repel:    ``k1 * sum over antonyms of t(delta - d(u', w'))``,
* synonym attract:  ``k2 * sum over synonyms of t(d(u', w') - gamma)``,
* preservation:     ``k3 * sum over w in N(u) of t(d(u', w') - d(u, w))``, N(u) the words that began within rho of u.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class CounterFittingSettings:
    """The numbers of the paper (section 2 and 3), but for how the loss goes down.

    The paper visits the pairs one by one, 20 times. Here every step moves all vectors against the whole gradient, a
    ``1 / splits`` part of it at a time, so that the result depends neither on an order nor on a random number.

    Attributes:
        delta: distance that antonyms are pushed to.
        gamma: distance that synonyms are pulled to.
        rho: radius of the neighbourhood that is preserved.
        weights: k1, k2, k3.
        epochs: times that each pair has its full say.
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
    """The pairs of the three terms, (P, 2) word indices each, and the distance (P,) at which preserved pairs began."""

    antonyms: Array
    synonyms: Array
    near: Array
    began: Array

    def loss(self, vectors: Array, settings: CounterFittingSettings) -> float:
        """The loss of unit vectors (N, D)."""
        k1, k2, k3 = settings.weights
        repel = np.maximum(0, settings.delta - cosine_distances(vectors, self.antonyms)).sum()
        attract = np.maximum(0, cosine_distances(vectors, self.synonyms) - settings.gamma).sum()
        preserve = np.maximum(0, cosine_distances(vectors, self.near) - self.began).sum()
        return float(k1 * repel + k2 * attract + k3 * preserve)

    def gradient(self, vectors: Array, settings: CounterFittingSettings) -> Array:
        """The loss's gradient (N, D) on the sphere of unit vectors: there ``d cos(u, w) / du = w - cos * u``."""
        k1, k2, k3 = settings.weights
        pairs = np.concatenate([self.antonyms, self.synonyms, self.near])
        apart = cosine_distances(vectors, pairs)
        repel, attract, preserve = np.split(apart, [len(self.antonyms), len(self.antonyms) + len(self.synonyms)])
        # What one more unit of cosine does to the loss of each pair.
        slope = np.concatenate(
            [k1 * (repel < settings.delta), -k2 * (attract > settings.gamma), -k3 * (preserve > self.began)]
        )
        active = slope != 0
        (left, right), slope, cosine = pairs[active].T, slope[active], 1 - apart[active]
        rows, columns = np.concatenate([left, right]), np.concatenate([right, left])
        size = (len(vectors), len(vectors))
        pull: Array = sparse.csr_array((np.tile(slope, 2), (rows, columns)), shape=size) @ vectors
        shrink = np.bincount(rows, np.tile(slope * cosine, 2), len(vectors))
        gradient: Array = pull - shrink[:, None] * vectors
        return gradient


def counter_fit(
    vectors: Array, synonyms: Array, antonyms: Array, settings: CounterFittingSettings | None = None
) -> Array:
    """Return unit vectors (N, D), float64, that were pulled and pushed as the pairs say.

    Args:
        vectors: (N, D), of any norm but zero.
        synonyms: (P, 2) word indices; a pair stands once.
        antonyms: (Q, 2) word indices.
        settings: the paper's by default.
    """
    settings = settings or CounterFittingSettings()
    fitted = normalise_rows(np.asarray(vectors, dtype=np.float64))
    antonyms, synonyms = antonyms.reshape(-1, 2), synonyms.reshape(-1, 2)
    near = find_close_pairs(fitted, settings.rho)
    # What is to part is not also held together: with equal weights, antonyms that began close would never move.
    near = near[~np.isin(near @ [len(fitted), 1], np.sort(antonyms, axis=1) @ [len(fitted), 1])]
    terms = WordPairs(antonyms, synonyms, near, cosine_distances(fitted, near))
    for _ in range(settings.epochs * settings.splits):
        fitted = normalise_rows(fitted - terms.gradient(fitted, settings) / settings.splits)
    return fitted


def normalise_rows(vectors: Array) -> Array:
    """The vectors (N, D) at norm 1."""
    scaled: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def cosine_distances(vectors: Array, pairs: Array) -> Array:
    """``1 - cos`` of each pair (P, 2) of unit vectors: (P,)."""
    apart: Array = 1 - np.einsum("pd,pd->p", vectors[pairs[:, 0]], vectors[pairs[:, 1]])
    return apart


def find_close_pairs(vectors: Array, radius: float, *, rows: int = 1024) -> Array:
    """Pairs (P, 2), the smaller index first, of unit vectors (N, D) at most ``radius`` apart."""
    coarse = vectors.astype(np.float32)
    found = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(vectors), rows):
        # Twice as fast in single precision, with a margin for what it loses.
        left, right = np.nonzero(coarse[start : start + rows] @ coarse[start:].T >= 1 - radius - 1e-5)
        pairs = np.stack([left, right], axis=1)[left < right] + start
        found.append(pairs[cosine_distances(vectors, pairs) <= radius])
    return np.concatenate(found)
