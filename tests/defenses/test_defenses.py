from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch

from robench.defenses.ada import ADA
from robench.defenses.base import Base
from robench.defenses.taichi import TaiChi, adversarial, clean, without_adv, without_ctr
from robench.models.batches import Batch
from robench.models.classifier import Classifier, Outputs
from robench.training.defense import Defense, TrainsOn
from support import tiny

TERMS = ["ce_clean", "ce_adv", "ctr_clean", "ctr_adv", "kl_clean", "kl_adv"]


@pytest.fixture(scope="module")
def pairs() -> Batch:
    return tiny.batch(5, pairs=True)


def values(terms: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: term.item() for name, term in terms.items()}


def arrays(outputs: Outputs) -> tuple[Any, Any]:
    """Unit representations and probabilities, in float64."""
    z, logits = (part.detach().numpy().astype(np.float64) for part in outputs)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return z, weights / weights.sum(1, keepdims=True)


def terms_by_hand(networks: list[Classifier], batch: Batch, defense: TaiChi) -> dict[str, float]:
    """Section 3.4 of the paper, in plain NumPy, from four forward passes."""
    assert batch.adversarial is not None
    (z, p), (z_, p_) = arrays(networks[0](batch.texts)), arrays(networks[0](batch.adversarial))
    (adv_z, adv_p), (adv_z_, adv_p_) = arrays(networks[1](batch.texts)), arrays(networks[1](batch.adversarial))
    labels = batch.labels.tolist()

    def similarity(u: Any, v: Any) -> float:
        if defense.similarity == "neg_l2":
            return -float(np.sqrt(((u - v) ** 2).sum()) / defense.temperature)
        return float((u / np.linalg.norm(u)) @ (v / np.linalg.norm(v)) / defense.temperature)

    def contrast(anchors: Any, positives: Any, negatives: Any) -> float:
        losses = []
        for i in range(len(anchors)):
            below = sum(math.exp(similarity(anchors[i], negatives[j])) for j in range(len(anchors)) if j != i)
            losses.append(math.log(below) - similarity(anchors[i], positives[i]))
        return sum(losses) / (len(losses) if defense.reduction == "mean" else 1)

    return {
        "ce_clean": -np.log([p[i, label] for i, label in enumerate(labels)]).mean(),
        "ce_adv": -np.log([adv_p_[i, label] for i, label in enumerate(labels)]).mean(),
        "ctr_clean": contrast(z, z_, z_),
        "ctr_adv": contrast(adv_z_, adv_z, adv_z if defense.negatives == "cross" else adv_z_),
        "kl_clean": (p * np.log(p / adv_p)).sum(1).mean(),
        "kl_adv": (adv_p_ * np.log(adv_p_ / p_)).sum(1).mean(),
    }


@pytest.mark.parametrize(
    "defense",
    [
        TaiChi(),
        TaiChi(negatives="same"),
        TaiChi(temperature=0.1, similarity="neg_l2"),
        TaiChi(negatives="same", similarity="neg_l2", reduction="sum"),
    ],
    ids=repr,
)
def test_the_terms_of_taichi_are_section_3_4_of_the_paper(
    defense: TaiChi, networks: list[Classifier], pairs: Batch
) -> None:
    found = values(defense.loss(networks, pairs))
    assert found == pytest.approx(terms_by_hand(networks, pairs, defense), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "factors"),
    [
        ({"ctr_weight": 0}, {"ce": 1, "kl": 1}),
        ({"kl_weight": 0}, {"ce": 1, "ctr": 1}),
        ({"ctr_weight": 0, "kl_weight": 0}, {"ce": 1}),
        ({"ce_weight": 2, "ctr_weight": 3, "kl_weight": 0.5}, {"ce": 2, "ctr": 3, "kl": 0.5}),
    ],
    ids=str,
)
def test_a_weight_scales_its_two_terms_and_zero_leaves_them_out(
    weights: dict[str, float], factors: dict[str, float], networks: list[Classifier], pairs: Batch
) -> None:
    plain = values(TaiChi().loss(networks, pairs))
    expected = {name: factors[kind] * plain[name] for name in TERMS if (kind := name.split("_")[0]) in factors}
    assert values(TaiChi(**weights).loss(networks, pairs)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("defense", "terms"),
    [
        (clean, ["ce_clean", "ctr_clean"]),
        (adversarial, ["ce_adv", "ctr_adv"]),
        (without_adv, ["ce_clean", "ctr_clean", "kl"]),
        (without_ctr, ["ce_clean", "ce_adv", "kl_clean", "kl_adv"]),
    ],
    ids=["clean", "adversarial", "without_adv", "without_ctr"],
)
def test_an_ablation_has_the_terms_of_the_whole_that_are_left(
    defense: TaiChi, terms: list[str], networks: list[Classifier], pairs: Batch
) -> None:
    whole = terms_by_hand(networks, pairs, TaiChi())
    (_, p), (_, p_) = arrays(networks[0](pairs.texts)), arrays(networks[0](pairs.adversarial or {}))
    whole["kl"] = (p * np.log(p / p_)).sum(1).mean()
    alone = {"clean": networks[:1], "adversarial": networks[1:], "both": networks}[defense.networks]
    assert defense.network_count == len(alone)
    found = values(defense.loss(alone, pairs))
    assert found == pytest.approx({name: whole[name] for name in terms}, rel=1e-4, abs=1e-6)


def test_networks_that_agree_on_equal_texts_have_nothing_to_fuse(networks: list[Classifier], pairs: Batch) -> None:
    same = Batch(pairs.texts, pairs.labels, pairs.texts)
    terms = values(TaiChi().loss([networks[0], copy.deepcopy(networks[0])], same))
    assert (terms["kl_clean"], terms["kl_adv"]) == pytest.approx((0, 0), abs=1e-7)
    assert terms["ce_clean"] == terms["ce_adv"]
    assert terms["ctr_clean"] == terms["ctr_adv"]


@pytest.mark.parametrize(
    ("term", "reached"),
    [
        ("ce_clean", (True, False)),
        ("ce_adv", (False, True)),
        ("ctr_clean", (True, False)),
        ("ctr_adv", (False, True)),
        ("kl_clean", (True, True)),
        ("kl_adv", (True, True)),
    ],
)
def test_only_fusion_reaches_both_networks(
    term: str, reached: tuple[bool, bool], networks: list[Classifier], pairs: Batch
) -> None:
    TaiChi().loss(networks, pairs)[term].backward()
    gradients = [network.get_parameter("encoder.embeddings.word_embeddings.weight").grad for network in networks]
    assert tuple(gradient is not None and bool(gradient.any()) for gradient in gradients) == reached


def test_a_pair_in_one_forward_pass_is_two_passes(networks: list[Classifier], pairs: Batch) -> None:
    assert pairs.adversarial is not None
    together = networks[0].pair(pairs)
    apart = networks[0](pairs.texts), networks[0](pairs.adversarial)
    for one, two in zip(together, apart, strict=True):
        torch.testing.assert_close(one.representations, two.representations, atol=1e-6, rtol=0)
        torch.testing.assert_close(one.logits, two.logits, atol=1e-6, rtol=0)


def test_pairs_are_missed_where_a_batch_has_none(networks: list[Classifier]) -> None:
    with pytest.raises(ValueError, match="no adversarial texts"):
        networks[0].pair(tiny.batch(3))


@pytest.mark.parametrize("defense", [Base(), ADA()], ids=repr)
def test_base_and_ada_minimise_cross_entropy(defense: Defense) -> None:
    network, batch = tiny.classifier(), tiny.batch(6)
    _, p = arrays(network(batch.texts))
    expected = -np.log([p[i, label] for i, label in enumerate(batch.labels.tolist())]).mean()
    assert values(defense.loss([network], batch)) == pytest.approx({"ce": expected}, rel=1e-5)


@pytest.mark.parametrize(
    ("defense", "trains_on", "networks", "share"),
    [
        (Base(), TrainsOn.CLEAN, 1, None),
        (ADA(), TrainsOn.UNION, 1, 1.0),
        (ADA(ratio=0.5), TrainsOn.UNION, 1, 0.5),
        (TaiChi(), TrainsOn.PAIRS, 2, 1.0),
    ],
    ids=repr,
)
def test_a_defense_says_what_it_needs(
    defense: Defense, trains_on: TrainsOn, networks: int, share: float | None
) -> None:
    assert (defense.trains_on, defense.network_count, defense.deployed) == (trains_on, networks, 0)
    assert getattr(defense, "adversarial_share", None) == share


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (ADA, {"ratio": 0}),
        (ADA, {"ratio": 1.01}),
        (ADA, {"ratio": math.nan}),
        (ADA, {"unsuccessful": "ignore"}),
        (TaiChi, {"unsuccessful": "ignore"}),
        (TaiChi, {"networks": "none"}),
        (TaiChi, {"networks": "adversarial"}),
        (TaiChi, {"temperature": 0}),
        (TaiChi, {"temperature": -1}),
        (TaiChi, {"temperature": math.nan}),
        (TaiChi, {"similarity": "l2"}),
        (TaiChi, {"negatives": "both"}),
        (TaiChi, {"reduction": "max"}),
        (TaiChi, {"ce_weight": -1}),
        (TaiChi, {"ctr_weight": -1}),
        (TaiChi, {"kl_weight": -1}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value.__name__,
)
def test_a_value_that_means_nothing_is_refused_by_name(made: type[Defense], values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values)).removesuffix("s")):
        made(**values)
