"""High-order statistics: how much representations and predictions change from clean to adversarial text.

They make table 7 of the TaiChi paper (section 4.3). Shapes: N pairs of a clean and an adversarial text, H dimensions of
a representation, K classes. Arrays may be NumPy's or torch's; all arithmetic is in float64.

How it works: a positive pair is a clean text and its adversarial counterpart, which a robust model should map to nearly
the same representation and probabilities. A negative pair is a clean text and one fixed text of another label, which
it should keep apart (:func:`choose_negatives`). MSE and KL are measured on both kinds of pairs. The contrastive loss
compares each clean text with all N adversarial texts; that is an N x N matrix of similarities, so it is computed in
blocks of :data:`BLOCK` rows.

The paper leaves some choices open. They are made as in its authors' code and numbers: MSE is a mean over dimensions and
pairs; the contrastive loss takes cosine similarity, tau = 1 and all N pairs as one batch, so that N unrelated unit
vectors give ln(N - 1), which is 6.907 for N = 1,000.
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
"""Number of anchors whose similarities to all positives are held in memory at a time."""


def compute_statistics(
    clean_representations: Array,
    adversarial_representations: Array,
    clean_probabilities: Array,
    adversarial_probabilities: Array,
    labels: Sequence[int] | Array,
) -> Statistics:
    """Compute all statistics of one model over N pairs; row i of each argument belongs to pair i.

    Args:
        clean_representations: (N, H), pooled.
        adversarial_representations: (N, H).
        clean_probabilities: (N, K); each row sums to 1.
        adversarial_probabilities: (N, K).
        labels: (N,) gold labels of the clean texts, from which the negative pairs are made.

    Raises:
        ValueError: shapes do not match, rows are not probabilities, or there are fewer than two pairs or labels.
    """
    z, p = _to_float64(clean_representations), _to_float64(clean_probabilities)
    negatives = choose_negatives(labels)
    if not len(z) == len(p) == len(negatives):
        raise ValueError(f"{len(z)} representations, {len(p)} probabilities and {len(negatives)} labels do not pair up")
    return Statistics(
        mse_pos=mean_squared_difference(z, adversarial_representations),
        mse_neg=mean_squared_difference(z, z[negatives]),
        kl_pos=mean_kl_divergence(p, adversarial_probabilities),
        kl_neg=mean_kl_divergence(p, p[negatives]),
        ctr=contrastive_loss(z, adversarial_representations),
        n=len(z),
    )


def choose_negatives(labels: Sequence[int] | Array) -> NDArray[np.int64]:
    """Choose the row that forms a negative pair with each clean text.

    It is the first row of the next label that occurs, in the order of the labels' numbers; after the last label comes
    the first one. With two labels it is the first row of the other label, as in the paper. Rows have to be in the order
    of their ids, so that every model is measured on the same pairs.

    Args:
        labels: (N,) class numbers.

    Returns:
        (N,) row numbers.

    Raises:
        ValueError: fewer than two different labels.
    """
    distinct, first_row, position = np.unique(np.asarray(_to_numpy(labels)), return_index=True, return_inverse=True)
    if len(distinct) < 2:
        raise ValueError("negative pairs need rows of at least two labels")
    negatives: NDArray[np.int64] = first_row[(position + 1) % len(distinct)]
    return negatives


def mean_squared_difference(u: Array, v: Array) -> float:
    """Return the MSE: the squared difference of two (N, H) arrays, averaged over dimensions, then over rows.

    Raises:
        ValueError: shapes do not match.
    """
    first, second = _check_shapes(u, v)
    return float(np.mean(np.mean((first - second) ** 2, axis=1)))


def mean_kl_divergence(p: Array, q: Array) -> float:
    """Return KL(p // q) of (N, K) probabilities in nats, averaged over the rows.

    Zeros are not smoothed: a class with p = 0 adds nothing, and one with p > 0 and q = 0 makes the result infinite.

    Raises:
        ValueError: shapes do not match, or a row is not made of probabilities.
    """
    first, second = _check_shapes(p, q)
    for rows in (first, second):
        # Rounding to bfloat16 changes a sum by up to 0.4 %, so a larger error means that it is not a distribution.
        if (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1, rtol=0, atol=0.01):
            raise ValueError("each row has to be probabilities that sum to 1; are these logits?")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(first > 0, first * (np.log(first) - np.log(second)), 0.0)
    return float(np.mean(terms.sum(axis=1)))


def contrastive_loss(anchors: Array, positives: Array, *, temperature: float = 1.0) -> float:
    """Return the CTR: the contrastive loss of section 3.4 over N pairs that form one batch, averaged over the pairs.

    ``-log( exp(s(a_i, p_i)/t) / sum over j != i of exp(s(a_i, p_j)/t) )`` with cosine similarity s. The negatives of a
    clean text are the adversarial texts of all other pairs, and the positive is not in the denominator. The cosine with
    a zero vector is 0.

    Args:
        anchors: (N, H), representations of the clean texts.
        positives: (N, H), representations of their adversarial counterparts.
        temperature: tau, above 0.

    Raises:
        ValueError: shapes do not match, N is below 2, or the temperature is not above 0.
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
    """Return the probabilities (N, K) of logits in float64; one is 0 only if logits differ by more than 745."""
    import scipy.special

    probabilities: Float64 = scipy.special.softmax(_to_float64(logits), axis=1)
    return probabilities


def _normalise_rows(vectors: Float64) -> Float64:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: Float64 = vectors / np.where(lengths > 0, lengths, 1)
    return rows


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
    """Convert a tensor of any device, precision and gradient to an array; return anything else unchanged."""
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
