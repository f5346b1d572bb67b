from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from robench.training.objectives import contrastive, cross_entropy, kl_divergence

Array = NDArray[np.float64]
UNIT = torch.eye(3)


def contrastive_by_loops(
    anchors: Array, positives: Array, negatives: Array, temperature: float, similarity: str
) -> list[float]:
    def s(u: Array, v: Array) -> float:
        if similarity == "neg_l2":
            return -math.sqrt(sum((a - b) ** 2 for a, b in zip(u, v, strict=True)))
        return float(u @ v) / math.sqrt(float(u @ u) * float(v @ v))

    losses = []
    for i in range(len(anchors)):
        above = math.exp(s(anchors[i], positives[i]) / temperature)
        below = sum(math.exp(s(anchors[i], negatives[j]) / temperature) for j in range(len(anchors)) if j != i)
        losses.append(-math.log(above / below))
    return losses


def kl_by_loops(logits: Array, others: Array) -> float:
    total = 0.0
    for row, other in zip(logits, others, strict=True):
        p = [math.exp(x) / sum(map(math.exp, row)) for x in row]
        q = [math.exp(x) / sum(map(math.exp, other)) for x in other]
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return total / len(logits)


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def tensors(*arrays: Array) -> list[torch.Tensor]:
    return [torch.from_numpy(array).requires_grad_() for array in arrays]


# A rectangle of sides 3 and 4: each positive is 4 from its anchor, 5 from the other one; the anchors are 3 apart.
CORNERS = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
OPPOSITE = torch.tensor([[0.0, 4.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("anchors", "positives", "negatives", "options", "expected"),
    [
        (UNIT[:2], UNIT[:2], UNIT[:2], {}, -1),
        (UNIT[:2], UNIT[:2], UNIT[:2], {"temperature": 0.5}, -2),
        (UNIT, UNIT, UNIT, {}, math.log(2) - 1),
        (UNIT, UNIT, UNIT, {"reduction": "sum"}, 3 * (math.log(2) - 1)),
        (UNIT, 7 * UNIT, 2 * UNIT, {}, math.log(2) - 1),
        (UNIT, -UNIT, UNIT, {}, math.log(2) + 1),
        (CORNERS, OPPOSITE, OPPOSITE, {"similarity": "neg_l2"}, -1),
        (CORNERS, OPPOSITE, CORNERS, {"similarity": "neg_l2"}, 1),
        (CORNERS, OPPOSITE, CORNERS, {"similarity": "neg_l2", "temperature": 0.1, "reduction": "sum"}, 20),
    ],
    ids=["two", "cold", "three", "sum", "length", "opposed", "l2-cross", "l2-same", "l2-cold-sum"],
)
def test_contrastive_is_what_one_works_out_on_paper(
    anchors: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor, options: dict[str, Any], expected: float
) -> None:
    assert contrastive(anchors, positives, negatives, **options).item() == pytest.approx(expected, abs=1e-6)


def test_a_thousand_unrelated_pairs_give_the_ln_999_of_the_papers_table_7() -> None:
    unit = torch.eye(2000)
    assert contrastive(unit[:1000], unit[1000:], unit[1000:]).item() == pytest.approx(math.log(999), abs=1e-5)


@pytest.mark.parametrize("similarity", ["cosine", "neg_l2"])
@pytest.mark.parametrize("temperature", [0.05, 1.0, 3.0])
@pytest.mark.parametrize("negatives", ["cross", "same"])
@pytest.mark.parametrize("rows", [2, 7, 40])
def test_contrastive_equals_a_plain_loop(similarity: Any, temperature: float, negatives: str, rows: int) -> None:
    a, p = drawn(rows, 6), drawn(rows, 6, seed=1)
    n = p if negatives == "cross" else a
    losses = contrastive_by_loops(a, p, n, temperature, similarity)
    found = {
        reduction: contrastive(
            *tensors(a, p, n), temperature=temperature, similarity=similarity, reduction=reduction
        ).item()
        for reduction in ("mean", "sum")
    }
    assert found == pytest.approx({"mean": sum(losses) / rows, "sum": sum(losses)}, rel=1e-9)


@pytest.mark.parametrize("similarity", ["cosine", "neg_l2"])
def test_contrastive_has_the_right_gradients_for_all_three(similarity: Any) -> None:
    def loss(a: torch.Tensor, p: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        return contrastive(a, p, n, temperature=0.7, similarity=similarity)

    assert torch.autograd.gradcheck(loss, tensors(drawn(4, 3), drawn(4, 3, seed=1), drawn(4, 3, seed=2)))


def test_contrastive_pulls_the_positive_closer_and_pushes_the_others_away() -> None:
    for similarity in ("cosine", "neg_l2"):
        a, p = tensors(drawn(5, 4), drawn(5, 4, seed=1))
        before = contrastive(a, p, p, similarity=similarity)
        before.backward()
        assert a.grad is not None
        own, others = distances(a, p)
        own_after, others_after = distances(a - 0.05 * a.grad, p)
        assert own_after < own
        assert others_after - own_after > others - own


def distances(a: torch.Tensor, p: torch.Tensor) -> tuple[float, float]:
    """Mean angle of a row and its own partner, and of a row and the others' partners."""
    angles = torch.arccos(torch.nn.functional.cosine_similarity(a[:, None], p[None], dim=-1)).detach()
    own = angles.diagonal().mean()
    count = len(a)
    return own.item(), ((angles.sum() - angles.diagonal().sum()) / (count * (count - 1))).item()


@pytest.mark.parametrize("similarity", ["cosine", "neg_l2"])
def test_equal_texts_in_a_batch_leave_the_gradients_finite(similarity: Any) -> None:
    (z,) = tensors(np.repeat(drawn(1, 4), 3, axis=0))
    contrastive(z, z, z, similarity=similarity).backward()
    assert z.grad is not None and z.grad.isfinite().all()


def test_a_batch_of_one_row_has_no_contrast_and_can_still_be_run_backward() -> None:
    a, p = tensors(drawn(1, 4), drawn(1, 4, seed=1))
    loss = contrastive(a, p, p)
    loss.backward()
    assert loss.item() == 0
    assert a.grad is not None and not a.grad.any()


@pytest.mark.parametrize("similarity", ["cosine", "neg_l2"])
def test_autocast_takes_nothing_from_the_precision_of_contrastive(similarity: Any) -> None:
    a, p = (torch.from_numpy(drawn(30, 64, seed=seed)).float() for seed in (0, 1))
    exact = contrastive(a, p, p, temperature=0.05, similarity=similarity)
    with torch.autocast("cpu", torch.bfloat16):
        cast = contrastive(a, p, p, temperature=0.05, similarity=similarity)
    assert torch.equal(exact, cast)


HALVES, QUARTERS = [math.log(0.5), math.log(0.5)], [math.log(0.25), math.log(0.75)]


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([HALVES], [QUARTERS], 0.5 * math.log(4 / 3)),
        ([QUARTERS], [HALVES], 0.25 * math.log(1 / 2) + 0.75 * math.log(3 / 2)),
        ([HALVES, HALVES], [QUARTERS, HALVES], 0.25 * math.log(4 / 3)),
        ([[5.0, 5.0]], [[-1.0, -1.0]], 0.0),
        ([[1000.0, 0.0]], [[1000.0, 0.0]], 0.0),
        ([[1000.0, 0.0]], [[0.0, 0.0]], math.log(2)),
    ],
    ids=["p-q", "q-p", "mean over rows", "logits shifted", "certain and equal", "certain and not"],
)
def test_kl_is_that_of_the_first_from_the_second(p: list[list[float]], q: list[list[float]], expected: float) -> None:
    assert kl_divergence(torch.tensor(p), torch.tensor(q)).item() == pytest.approx(expected, abs=1e-6)


def test_kl_equals_a_plain_loop() -> None:
    p, q = drawn(9, 5), drawn(9, 5, seed=1)
    assert kl_divergence(*tensors(p, q)).item() == pytest.approx(kl_by_loops(p, q), rel=1e-9)


def test_kl_sends_the_right_gradients_into_both() -> None:
    p, q = tensors(drawn(4, 3), drawn(4, 3, seed=1))
    assert torch.autograd.gradcheck(kl_divergence, (p, q))
    kl_divergence(p, q).backward()
    assert p.grad is not None and p.grad.abs().min() > 0
    assert q.grad is not None and q.grad.abs().min() > 0


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (torch.tensor([1, 0]), -(math.log(0.75) + math.log(0.5)) / 2),
        (torch.tensor([[0.0, 1.0], [1.0, 0.0]]), -(math.log(0.75) + math.log(0.5)) / 2),
        (torch.tensor([[0.5, 0.5], [0.2, 0.8]]), -(0.5 * math.log(0.25 * 0.75) + math.log(0.5)) / 2),
    ],
    ids=["class numbers", "one-hot", "soft"],
)
def test_cross_entropy_is_the_mean_surprise_at_the_target(targets: torch.Tensor, expected: float) -> None:
    assert cross_entropy(torch.tensor([QUARTERS, HALVES]), targets).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        lambda logits: cross_entropy(logits, torch.empty(0, dtype=torch.long)),
        lambda logits: kl_divergence(logits, logits),
        lambda logits: contrastive(logits, logits, logits),
    ],
    ids=["cross-entropy", "kl", "contrastive"],
)
def test_loss_of_no_rows_is_zero_with_a_gradient(loss: Any) -> None:
    logits = torch.ones(4, 3, requires_grad=True)
    found = loss(logits[:0])
    found.backward()
    assert found.item() == 0.0 and logits.grad is not None and not logits.grad.any()


@pytest.mark.parametrize("count", [1, 2])
def test_losses_of_pairs_reject_another_number_of_counterparts(count: int) -> None:
    z, fewer = torch.randn(3, 4), torch.randn(count, 4)
    with pytest.raises(ValueError, match="do not pair up"):
        kl_divergence(z, fewer)
    with pytest.raises(ValueError, match="3 anchors"):
        contrastive(z, fewer, fewer)
