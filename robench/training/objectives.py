"""The losses of the TaiChi paper (section 3.4), one function each.

Shapes: N rows of a batch, K classes, H dimensions of a representation. Every loss is a scalar, averaged over N, and 0
for no rows, as the terms of pairs are in a batch without one.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Similarity = Literal["cosine", "neg_l2"]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the classification loss L_CE (section 3.4, first task).

    Args:
        logits: (N, K).
        targets: (N,) class numbers, or (N, K) probabilities (soft labels).
    """
    if not len(logits) and not len(targets):
        return logits.sum()
    return functional.cross_entropy(logits, targets)


def contrastive(
    anchors: Tensor,
    positives: Tensor,
    negatives: Tensor,
    *,
    temperature: float = 1.0,
    similarity: Similarity = "cosine",
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Compute the contrastive loss L_CTR (section 3.4, second task).

    ``-log( exp(s(a_i, p_i)/t) / sum over j != i of exp(s(a_i, n_j)/t) )``. As in the paper, the positive is not part of
    the denominator. The paper prints the l2 distance for s, which would push positives apart; its code and its numbers
    (table 7) use the cosine. ``neg_l2`` is the printed distance with the opposite sign, which pulls them together.

    Args:
        anchors: (N, H).
        positives: (N, H); row i belongs to anchor i.
        negatives: (N, H); row j is a negative of every anchor but j.
        temperature: t, above 0.
        similarity: ``cosine`` or ``neg_l2``.
        reduction: ``mean`` over the rows, or ``sum`` as in the paper.

    Returns:
        A scalar; 0 for a batch of one row, which has no negatives.

    Raises:
        ValueError: the shapes differ.
    """
    if not anchors.shape == positives.shape == negatives.shape:
        raise ValueError(f"{len(anchors)} anchors, {len(positives)} positives and {len(negatives)} negatives differ")
    count = anchors.shape[0]
    if count < 2:
        return (anchors * 0).sum()
    positive, others = _similarities(anchors, positives, negatives, similarity)
    own = torch.eye(count, dtype=torch.bool, device=anchors.device)
    others = (others / temperature).masked_fill(own, -torch.inf)
    losses = torch.logsumexp(others, dim=-1) - positive / temperature
    return losses.mean() if reduction == "mean" else losses.sum()


def _similarities(
    anchors: Tensor, positives: Tensor, negatives: Tensor, similarity: Similarity
) -> tuple[Tensor, Tensor]:
    """Return the similarity of each anchor to its positive, (N,), and of every anchor to every negative, (N, N)."""
    # In float32: autocast would round the similarities to bfloat16, an error that the temperature magnifies.
    with torch.autocast(anchors.device.type, enabled=False):
        if similarity == "cosine":
            anchors, positives, negatives = (functional.normalize(z, dim=-1) for z in (anchors, positives, negatives))
            return (anchors * positives).sum(-1), anchors @ negatives.T
        positive = -torch.linalg.vector_norm(anchors - positives, dim=-1)
        return positive, -torch.cdist(anchors, negatives, compute_mode="donot_use_mm_for_euclid_dist")


def kl_divergence(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Compute the model-level fusion loss L_KL (section 3.4, third task): KL(p || q), averaged over the rows.

    Gradients flow into both arguments.

    Args:
        logits: (N, K) of p.
        other_logits: (N, K) of q.

    Raises:
        ValueError: the shapes differ.
    """
    if logits.shape != other_logits.shape:  # one row would silently be compared with all rows of the other
        raise ValueError(f"logits of shapes {tuple(logits.shape)} and {tuple(other_logits.shape)} do not pair up")
    if not len(logits):
        return (logits + other_logits).sum()
    log_p = functional.log_softmax(logits, dim=-1)
    log_q = functional.log_softmax(other_logits, dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()
