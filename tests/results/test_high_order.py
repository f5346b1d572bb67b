from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from robench.errors import RobenchError
from robench.results.high_order import (
    choose_negatives,
    compute_statistics,
    contrastive_loss,
    mean_kl_divergence,
    mean_squared_difference,
    softmax,
)
from robench.results.pairs import Pairs, measure_pairs, read_pairs
from robench.results.store import Store
from robench.training.objectives import contrastive
from robench.training.objectives import kl_divergence as kl_of_logits
from support import tiny
from support.hand_made import add_cell, record

Rows = list[list[float]]


def gauss(rows: int, columns: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, columns))


# --- formulas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("u", "v", "value"),
    [
        pytest.param([[1, 2]], [[1, 2]], 0.0, id="the same"),
        pytest.param([[0, 0]], [[3, 4]], 12.5, id="mean of 9 and 16"),
        pytest.param([[0, 0], [1, 1]], [[3, 4], [1, 3]], 7.25, id="mean over pairs of 12.5 and 2"),
        pytest.param([[1e8, 1e8 + 1]], [[1e8, 1e8]], 0.5, id="float64"),
    ],
)
def test_mse_is_a_mean_over_dimensions_then_pairs(u: Rows, v: Rows, value: float) -> None:
    assert mean_squared_difference(np.array(u), np.array(v)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("p", "q", "value"),
    [
        pytest.param([[0.5, 0.5]], [[0.5, 0.5]], 0.0, id="the same"),
        pytest.param([[0.5, 0.5]], [[0.25, 0.75]], 0.5 * math.log(2) + 0.5 * math.log(2 / 3), id="by hand"),
        pytest.param([[0.25, 0.75]], [[0.5, 0.5]], 0.25 * math.log(0.5) + 0.75 * math.log(1.5), id="not symmetric"),
        pytest.param([[1, 0]], [[0.5, 0.5]], math.log(2), id="0 log 0 is 0"),
        pytest.param([[1, 0]], [[1, 0]], 0.0, id="0 log 0/0 is 0"),
        pytest.param([[0.5, 0.5]], [[1, 0]], math.inf, id="nothing to something is infinite"),
        pytest.param([[1, 0], [1, 0]], [[0.5, 0.5], [0.25, 0.75]], 1.5 * math.log(2), id="mean over rows"),
        pytest.param([[1, 1e-300]], [[1, 1e-320]], 0.0, id="numbers near zero are not rounded away to nan"),
    ],
)
def test_kl_is_kl(p: Rows, q: Rows, value: float) -> None:
    assert mean_kl_divergence(np.array(p), np.array(q)) == pytest.approx(value, abs=1e-12)


def test_ctr_by_hand() -> None:
    """Anchors along the axes; a positive equal to its anchor; each anchor's one negative is at right angles to it."""
    axes = np.eye(2)
    assert contrastive_loss(axes, axes) == pytest.approx(0 - 1)  # log exp(0) - 1
    assert contrastive_loss(axes, axes[::-1]) == pytest.approx(1 - 0)
    three = np.eye(3)
    assert contrastive_loss(three, three * 7) == pytest.approx(math.log(2) - 1), "length does not matter"
    assert contrastive_loss(three, three, temperature=0.5) == pytest.approx(math.log(2) - 2)
    assert contrastive_loss(three, -three) == pytest.approx(math.log(2) + 1)
    assert contrastive_loss(np.array([[0.0, 0.0], [1.0, 0.0]]), axes) == pytest.approx(1 / 2), (
        "a zero vector has cosine 0"
    )


def test_a_thousand_unrelated_unit_vectors_give_the_papers_ceiling() -> None:
    assert contrastive_loss(np.eye(1000), np.roll(np.eye(1000), 1, axis=1)) == pytest.approx(
        math.log(998 + math.e), abs=1e-9
    )
    apart = np.eye(2000)
    assert contrastive_loss(apart[:1000], apart[1000:]) == pytest.approx(math.log(999), abs=1e-12)
    assert round(math.log(999), 3) == 6.907


def plain_loops(z: Any, z2: Any, p: Any, p2: Any, labels: list[int]) -> dict[str, float]:
    """The definitions again, one number at a time, with exact sums."""
    n, width = len(z), len(z[0])

    def mse(u: Any, v: Any) -> float:
        return math.fsum((float(a) - float(b)) ** 2 for a, b in zip(u, v, strict=True)) / width

    def kl(u: Any, v: Any) -> float:
        return math.fsum(float(a) * math.log(float(a) / float(b)) for a, b in zip(u, v, strict=True) if a > 0)

    def cosine(u: Any, v: Any) -> float:
        dot = math.fsum(float(a) * float(b) for a, b in zip(u, v, strict=True))
        return dot / math.sqrt(math.fsum(float(a) ** 2 for a in u) * math.fsum(float(b) ** 2 for b in v))

    order = sorted(set(labels))
    partner = [labels.index(order[(order.index(label) + 1) % len(order)]) for label in labels]
    ctr = []
    for i in range(n):
        below = math.fsum(math.exp(cosine(z[i], z2[j])) for j in range(n) if j != i)
        ctr.append(-math.log(math.exp(cosine(z[i], z2[i])) / below))
    return {
        "mse_pos": math.fsum(mse(z[i], z2[i]) for i in range(n)) / n,
        "mse_neg": math.fsum(mse(z[i], z[partner[i]]) for i in range(n)) / n,
        "kl_pos": math.fsum(kl(p[i], p2[i]) for i in range(n)) / n,
        "kl_neg": math.fsum(kl(p[i], p[partner[i]]) for i in range(n)) / n,
        "ctr": math.fsum(ctr) / n,
    }


@pytest.mark.parametrize(("n", "classes"), [(2, 2), (7, 3), (60, 6)])
def test_statistics_are_those_of_plain_loops(n: int, classes: int) -> None:
    labels = [i % classes for i in range(n)]
    random.Random(n).shuffle(labels)
    z, z2 = gauss(n, 5, 1), gauss(n, 5, 2)
    p, p2 = softmax(gauss(n, classes, 3) * 4), softmax(gauss(n, classes, 4) * 4)
    found = msgspec.structs.asdict(compute_statistics(z, z2, p, p2, labels))
    assert (found.pop("n"), found.pop("unchanged"), found.pop("errors")) == (n, None, 0)
    assert found == pytest.approx(plain_loops(z, z2, p, p2, labels), rel=1e-12)


def test_a_thousand_pairs_are_exact_in_any_order_and_block() -> None:
    z, z2 = gauss(1003, 8, 5), gauss(1003, 8, 6)
    order = np.random.default_rng(0).permutation(1003)
    assert contrastive_loss(z, z2) == pytest.approx(contrastive_loss(z[order], z2[order]), rel=1e-14)
    small, small2 = z[:300], z2[:300]
    similarities = (small / np.linalg.norm(small, axis=1)[:, None]) @ (
        small2 / np.linalg.norm(small2, axis=1)[:, None]
    ).T
    others = np.exp(similarities).sum(1) - np.exp(np.diag(similarities))
    assert contrastive_loss(small, small2) == pytest.approx(np.mean(np.log(others) - np.diag(similarities)), rel=1e-13)


def test_the_library_agrees_with_the_losses_that_defenses_train_on() -> None:
    z, z2 = torch.tensor(gauss(40, 6, 1)), torch.tensor(gauss(40, 6, 2))
    assert contrastive_loss(z, z2) == pytest.approx(contrastive(z.float(), z2.float(), z2.float()).item(), rel=1e-6)
    assert mean_kl_divergence(softmax(z), softmax(z2)) == pytest.approx(kl_of_logits(z, z2).item(), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_of_any_precision_and_gradient_are_taken(dtype: torch.dtype) -> None:
    z = torch.tensor(gauss(6, 4, 1)).to(dtype).requires_grad_()
    p = torch.tensor(softmax(gauss(6, 2, 2))).to(dtype).requires_grad_()
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    as_arrays = (z.detach().double().numpy(), p.detach().double().numpy())
    assert compute_statistics(z, z, p, p, labels) == compute_statistics(
        as_arrays[0], as_arrays[0], as_arrays[1], as_arrays[1], [0, 1] * 3
    )


@pytest.mark.parametrize(
    ("labels", "partners"),
    [
        pytest.param([1, 0, 0, 1], [1, 0, 0, 1], id="two: the first of the other"),
        pytest.param([2, 0, 1, 0, 2], [1, 2, 0, 2, 1], id="three: the first of the next, the last to the first"),
        pytest.param([5, 1, 5, 3], [1, 3, 1, 0], id="labels that no row has are passed over"),
    ],
)
def test_negative_pairs_are_with_the_first_of_the_next_label(labels: list[int], partners: list[int]) -> None:
    assert choose_negatives(labels).tolist() == partners


GOOD = softmax(gauss(3, 2, 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [1, 1, 1]}, "two labels"),
        ({"labels": [0, 1]}, "do not pair up"),
        ({"adversarial_representations": gauss(3, 5, 1)}, "same"),
        ({"clean_representations": np.full((3, 4), np.nan)}, "finite"),
        ({"adversarial_probabilities": gauss(3, 2, 1)}, "logits"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], message: str) -> None:
    given = {
        "clean_representations": gauss(3, 4, 1),
        "adversarial_representations": gauss(3, 4, 2),
        "clean_probabilities": GOOD,
        "adversarial_probabilities": GOOD,
        "labels": [0, 1, 0],
    }
    with pytest.raises(ValueError, match=message):
        compute_statistics(**given | changes)


def test_one_pair_has_no_contrastive_loss() -> None:
    with pytest.raises(ValueError, match="two or more"):
        contrastive_loss(np.ones((1, 2)), np.ones((1, 2)))


# --- of models --------------------------------------------------------------------------------------------------------


def test_outputs_of_a_predictor_are_those_of_its_classifier_one_by_one() -> None:
    texts = [example.text for example in tiny.examples(40)]
    predictor = tiny.predictor(tiny.classifier())
    found = predictor.outputs(texts)
    assert found.representations.shape == (40, 32) and found.logits.shape == (40, 2)
    assert torch.equal(found.logits, predictor.logits(texts))
    for i in (0, 17, 39):
        alone = predictor.outputs([texts[i]])
        assert torch.allclose(found.representations[i], alone.representations[0], atol=1e-5)
    head = predictor.classifier.head
    assert torch.allclose(found.logits, head(found.representations).detach(), atol=1e-5)
    assert not found.representations.requires_grad and not found.representations.is_inference()
    assert predictor.outputs([]).representations.shape == (0, 32)


def pairs(count: int = 12) -> Pairs:
    rows = tiny.rows(count, pairs=True)
    return Pairs(
        ids=tuple(range(count)),
        labels=tuple(row.label for row in rows),
        clean=tuple(row.text for row in rows),
        adversarial=tuple(str(row.adversarial) for row in rows),
        statuses=tuple("succeeded" for _ in range(count)),
    )


def test_statistics_of_a_model_are_those_of_its_outputs() -> None:
    some, predictor = pairs(), tiny.predictor(tiny.classifier())
    clean, adversarial = predictor.outputs(some.clean), predictor.outputs(some.adversarial)
    found = msgspec.structs.asdict(measure_pairs(predictor, some))
    z, z2 = (part.representations.tolist() for part in (clean, adversarial))
    p, p2 = (part.logits.double().softmax(-1).tolist() for part in (clean, adversarial))
    same = sum(a == b for a, b in zip(some.clean, some.adversarial, strict=True))
    assert (found.pop("n"), found.pop("unchanged"), found.pop("errors")) == (12, same, 0)
    assert found == pytest.approx(plain_loops(z, z2, p, p2, list(some.labels)), rel=1e-9)
    assert found["mse_pos"] > 0 and found["kl_pos"] > 0


def test_attacks_that_ended_in_an_error_are_no_pairs(store: Store) -> None:
    statuses = ("succeeded", "error", "failed", "skipped")
    cell = add_cell(store, "base", "pwws", 0, records=[record(i, status) for i, status in enumerate(statuses)])
    found = read_pairs(cell)
    assert (found.ids, found.statuses, found.unchanged) == ((0, 2, 3), ("succeeded", "failed", "skipped"), 2)
    assert found.errors == 1
    errors = add_cell(store, "base", "deepwordbug", 0, records=[record(i, "error") for i in range(4)])
    with pytest.raises(RobenchError, match=r"has no pair of texts: all 4 attacks ended in an error\.$"):
        read_pairs(errors)


def test_pairs_of_one_label_are_refused_in_a_sentence() -> None:
    one = Pairs(ids=(0, 1), labels=(1, 1), clean=("a", "b"), adversarial=("a", "b"), statuses=("failed", "failed"))
    with pytest.raises(RobenchError, match=r"2 pairs cannot be computed: .*two labels"):
        measure_pairs(tiny.predictor(tiny.classifier()), one)
