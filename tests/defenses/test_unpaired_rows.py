"""TaiChi's terms in a batch of which some rows, or all, have no adversarial counterpart; worked out in NumPy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robench.defenses.taichi import TaiChi, adversarial, clean, without_adv, without_ctr
from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.training.settings import TrainingSettings
from support import tiny

BOTH = {"ce_clean", "ce_adv", "ctr_clean", "ctr_adv", "kl_clean", "kl_adv"}
TERMS = {
    "taichi": (TaiChi(), BOTH),
    "negatives of the same kind": (TaiChi(negatives="same"), BOTH),
    "w/o CTR": (without_ctr, BOTH - {"ctr_clean", "ctr_adv"}),
    "CLEAN": (clean, {"ce_clean", "ctr_clean"}),
    "w/o ADV": (without_adv, {"ce_clean", "ctr_clean", "kl"}),
}


def batch_of(pairs: int, count: int = 6) -> Batch:
    """A batch of which so many rows have a counterpart, in a training set that has one more pair."""
    rows = [replace(row, adversarial=row.adversarial if i < pairs else None) for i, row in enumerate(ROWS)]
    data = tiny.training_set([*rows[:count], ROWS[-1]], batch_size=count)
    return data._batch(range(count))


ROWS = tiny.rows(7, pairs=True)


def by_hand(networks: list[Classifier], batch: Batch, defense: TaiChi) -> dict[str, float]:
    """Each term over the rows that have what it needs, from outputs of one text at a time."""
    assert batch.adversarial is not None
    count = len(batch.adversarial["input_ids"])
    z, p = alone(networks[0], batch.texts)
    z_, p_ = alone(networks[0], batch.adversarial)
    adv_z, adv_p = alone(networks[-1], batch.texts)
    adv_z_, adv_p_ = alone(networks[-1], batch.adversarial)
    labels = batch.labels.tolist()
    negatives = adv_z if defense.negatives == "cross" else adv_z_
    return {
        "ce_clean": mean([-math.log(p[i][labels[i]]) for i in range(len(labels))]),
        "ce_adv": mean([-math.log(adv_p_[i][labels[i]]) for i in range(count)]),
        "ctr_clean": mean([contrast(i, z, z_, z_, count) for i in range(count)] if count > 1 else []),
        "ctr_adv": mean([contrast(i, adv_z_, adv_z, negatives, count) for i in range(count)] if count > 1 else []),
        "kl_clean": mean([kl(p[i], adv_p[i]) for i in range(len(labels))]),
        "kl_adv": mean([kl(adv_p_[i], p_[i]) for i in range(count)]),
        "kl": mean([kl(p[i], p_[i]) for i in range(count)]),
    }


def alone(network: Classifier, texts: Any) -> tuple[list[Any], list[Any]]:
    representations, probabilities = [], []
    for i in range(len(texts["input_ids"])):
        with torch.no_grad():
            z, logits = network({name: tensor[i : i + 1] for name, tensor in texts.items()})
        representations.append(z[0].double().numpy())
        probabilities.append(logits[0].double().softmax(-1).numpy())
    return representations, probabilities


def contrast(i: int, anchors: list[Any], positives: list[Any], negatives: list[Any], count: int) -> float:
    def s(u: Any, v: Any) -> float:
        return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))

    below = sum(math.exp(s(anchors[i], negatives[j])) for j in range(count) if j != i)
    return math.log(below) - s(anchors[i], positives[i])


def kl(p: Any, q: Any) -> float:
    return float(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


@pytest.mark.parametrize("pairs", [0, 1, 2, 6])
@pytest.mark.parametrize("name", TERMS)
def test_terms_that_need_a_pair_leave_out_rows_without_one(name: str, pairs: int, networks: list[Classifier]) -> None:
    defense, terms = TERMS[name]
    batch = batch_of(pairs)
    assert batch.adversarial is not None and len(batch.adversarial["input_ids"]) == pairs
    networks = networks[: defense.network_count]
    found = {term: value.item() for term, value in defense.loss(networks, batch).items()}
    expected = by_hand(networks, batch, defense)
    assert found == pytest.approx({term: expected[term] for term in terms}, rel=1e-4, abs=1e-6)


def test_clean_network_learns_from_a_batch_without_pairs() -> None:
    network = tiny.classifier()
    torch.stack(list(clean.loss([network], batch_of(0)).values())).sum().backward()
    alike = tiny.classifier()
    torch.nn.functional.cross_entropy(alike(batch_of(0).texts).logits, batch_of(0).labels).backward()
    for one, other in zip(network.parameters(), alike.parameters(), strict=True):
        if other.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("defense", [TaiChi(), clean, without_adv], ids=["taichi", "clean", "w/o ADV"])
def test_training_with_few_pairs_stays_finite(defense: TaiChi) -> None:
    rows = [
        replace(row, adversarial=row.adversarial if i == 3 else None) for i, row in enumerate(tiny.rows(12, pairs=True))
    ]
    result = tiny.trained(defense, rows, TrainingSettings(epochs=1, batch_size=4, eval_every=3))
    losses = [loss for entry in result.log for loss in entry["loss"].values()]
    assert losses and all(math.isfinite(loss) for loss in losses)


def test_only_the_adversarial_network_alone_has_no_use_for_rows_without_a_pair() -> None:
    assert [d.takes_unpaired_rows for d in (TaiChi(), clean, without_ctr, without_adv, adversarial)] == [True] * 4 + [
        False
    ]
