"""High-order statistics: how far a model moves, and changes its mind, from clean to adversarial text (section 4.3).

Table 7 of the TaiChi paper. N pairs of a clean and an adversarial text, H dimensions of a representation, K classes.
Arrays may be NumPy's or torch's; all arithmetic is in float64. What the paper leaves open is as its authors' code and
numbers have it: MSE is a mean over dimensions and pairs, the contrastive loss has cosine similarity, tau = 1 and all N
pairs in one batch, so that N unrelated unit vectors give ln(N - 1), 6.907 for 1,000.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from robench.results.info_parts import Statistics

if TYPE_CHECKING:
    from torch import Tensor

Array: TypeAlias = Union["NDArray[Any]", "Tensor"]
Float64: TypeAlias = NDArray[np.float64]

BLOCK = 1000
"""Anchors whose similarities to all others are held in memory at a time."""


def compute_statistics(
    clean_representations: Array,
    adversarial_representations: Array,
    clean_probabilities: Array,
    adversarial_probabilities: Array,
    labels: Sequence[int] | Array,
) -> Statistics:
    """All statistics of one model over N pairs; row i of each argument belongs to pair i.

    Args:
        clean_representations: (N, H), pooled.
        adversarial_representations: (N, H).
        clean_probabilities: (N, K); each row sums to 1.
        adversarial_probabilities: (N, K).
        labels: (N,) gold labels of the clean texts, which decide the negative pairs.

    Raises:
        ValueError: shapes do not fit, rows are no probabilities, or there are fewer than two pairs or two labels.
    """
    z, p = _to_float64(clean_representations), _to_float64(clean_probabilities)
    partners = choose_negatives(labels)
    if not len(z) == len(p) == len(partners):
        raise ValueError(f"{len(z)} representations, {len(p)} probabilities and {len(partners)} labels do not pair up")
    return Statistics(
        mse_pos=mean_squared_difference(z, adversarial_representations),
        mse_neg=mean_squared_difference(z, z[partners]),
        kl_pos=mean_kl_divergence(p, adversarial_probabilities),
        kl_neg=mean_kl_divergence(p, p[partners]),
        ctr=contrastive_loss(z, adversarial_representations),
        n=len(z),
    )


def choose_negatives(labels: Sequence[int] | Array) -> NDArray[np.int64]:
    """The row that stands beside each clean text in its negative pair.

    It is the first row of the next label, cyclically in the order of the labels' numbers: of the other label where
    there are two, as in the paper. A label that no row has is passed over. "First" is by position: rows in the order
    of their ids give the same sentences for every model.

    Args:
        labels: (N,) class numbers.

    Returns:
        (N,) row numbers.

    Raises:
        ValueError: fewer than two different labels.
    """
    given = np.asarray(_to_numpy(labels))
    present, first, position = np.unique(given, return_index=True, return_inverse=True)
    if len(present) < 2:
        raise ValueError("negative pairs need rows of at least two labels")
    partners: NDArray[np.int64] = first[(position + 1) % len(present)]
    return partners


def mean_squared_difference(u: Array, v: Array) -> float:
    """MSE: mean over the H dimensions, then over the N rows, of the squared difference of two (N, H) arrays.

    Raises:
        ValueError: shapes do not fit.
    """
    first, second = _check_shapes(u, v)
    return float(np.mean(np.mean((first - second) ** 2, axis=1)))


def mean_kl_divergence(p: Array, q: Array) -> float:
    """KL(p // q) of (N, K) probabilities in nats, averaged over the rows.

    Zeros are taken as they are: a class with p = 0 adds nothing, one with p > 0 and q = 0 makes the result infinite.

    Raises:
        ValueError: shapes do not fit, or a row is not made of probabilities.
    """
    first, second = _check_shapes(p, q)
    for rows in (first, second):
        # Rows that were rounded to bfloat16 are off by up to 0.4 %; anything further off is not a distribution.
        if (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1, rtol=0, atol=0.01):
            raise ValueError("each row has to be probabilities that sum to 1; are these logits?")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(first > 0, first * (np.log(first) - np.log(second)), 0.0)
    return float(np.mean(terms.sum(axis=1)))


def contrastive_loss(anchors: Array, positives: Array, *, temperature: float = 1.0) -> float:
    """CTR: the contrastive loss of section 3.4 with cosine similarity, averaged over N pairs that are one batch.

    ``-log( exp(s(a_i, p_i)/t) / sum over j != i of exp(s(a_i, p_j)/t) )``: the negatives of a clean text are the
    others' adversarial texts, and the positive is not in the denominator. The cosine with a zero vector is 0.

    Args:
        anchors: (N, H), of the clean texts.
        positives: (N, H), of their counterparts.
        temperature: tau, above 0.

    Raises:
        ValueError: shapes do not fit, N is below 2, or the temperature is not above 0.
    """
    first, second = (_normalise_rows(z) for z in _check_shapes(anchors, positives))
    if len(first) < 2:
        raise ValueError("one pair has no negatives; the contrastive loss needs two or more")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    losses = []
    for start in range(0, len(first), BLOCK):
        similarities = first[start : start + BLOCK] @ second.T / temperature
        rows = np.arange(len(similarities))
        positive = similarities[rows, start + rows].copy()
        similarities[rows, start + rows] = -np.inf
        highest = similarities.max(axis=1)
        losses.append(highest + np.log(np.exp(similarities - highest[:, None]).sum(axis=1)) - positive)
    return math.fsum(np.concatenate(losses)) / len(first)


def softmax(logits: Array) -> Float64:
    """Probabilities (N, K) of logits, in float64: a zero only where logits lie more than 745 apart."""
    values = _to_float64(logits)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    found: Float64 = powers / powers.sum(axis=1, keepdims=True)
    return found


def _normalise_rows(vectors: Float64) -> Float64:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Float64 = vectors / np.where(lengths > 0, lengths, 1)
    return found


def _check_shapes(u: Array, v: Array) -> tuple[Float64, Float64]:
    first, second = _to_float64(u), _to_float64(v)
    if first.ndim != 2 or first.shape != second.shape or not len(first):
        raise ValueError(f"two arrays of the same (rows, columns) are needed, not {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("an array has numbers that are not finite; did the training diverge?")
    return first, second


def _to_float64(values: Any) -> Float64:
    return np.asarray(_to_numpy(values), dtype=np.float64)


def _to_numpy(values: Any) -> Any:
    """A tensor as an array, whatever its device, precision and gradient; anything else as it is."""
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
