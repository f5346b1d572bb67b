"""The named variants: TaiChi's ablations, soft labels, and what the registry says of every defense."""

from __future__ import annotations

import copy
import re
from dataclasses import fields
from typing import Any, cast

import numpy as np
import pytest
import torch

from robench.data.load import Example
from robench.defenses.base_adv import BaseAdv, soft
from robench.defenses.fgsm import FGSM, fgm
from robench.defenses.freelb import FreeLB
from robench.defenses.smart import SMART
from robench.defenses.taichi import TaiChi, adversarial, clean, without_adv, without_ctr
from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.plugins import registry
from robench.plugins.option import describe
from robench.results.records import Record, Status
from robench.study.stages.training_rows import arrange_rows
from robench.training.defense import Defense, TrainsOn
from support import tiny

TERMS = {
    "taichi": {"ce_clean", "ce_adv", "ctr_clean", "ctr_adv", "kl_clean", "kl_adv"},
    "taichi-no-ctr": {"ce_clean", "ce_adv", "kl_clean", "kl_adv"},
    "taichi-no-adv": {"ce_clean", "ctr_clean", "kl"},
    "clean": {"ce_clean", "ctr_clean"},
    "adversarial": {"ce_adv", "ctr_adv"},
}
OWN_ENCODER = [entry for entry in registry.entries("defenses") if entry.origin == "robench"]


@pytest.fixture(scope="module")
def pairs() -> Batch:
    return tiny.batch(6, pairs=True)


def load(name: str) -> Any:
    return registry.entry("defenses", name).load()


def values(defense: Defense, networks: list[Classifier], batch: Batch) -> dict[str, float]:
    return {name: term.item() for name, term in defense.loss(networks, batch).items()}


# TaiChi's ablations


@pytest.mark.parametrize("name", TERMS)
def test_an_ablation_has_exactly_its_terms(name: str, networks: list[Classifier], pairs: Batch) -> None:
    defense = load(name)
    if defense.networks != "both":
        networks = networks[1:] if defense.networks == "adversarial" else networks[:1]
    assert (defense.network_count, defense.deployed, defense.trains_on) == (len(networks), 0, TrainsOn.PAIRS)
    found = values(defense, networks, pairs)
    assert found.keys() == TERMS[name]
    whole = values(TaiChi(), [tiny.classifier(seed=0), tiny.classifier(seed=1)], pairs)
    for term in found.keys() & whole.keys():
        assert found[term] == pytest.approx(whole[term], rel=1e-5)


def test_without_adv_asks_one_network_about_both_texts(networks: list[Classifier], pairs: Batch) -> None:
    assert pairs.adversarial is not None
    with torch.no_grad():
        p, q = (networks[0](texts).logits.double().softmax(-1).numpy() for texts in (pairs.texts, pairs.adversarial))
    expected = sum(p[at] * np.log(p[at] / q[at]) for at in np.ndindex(p.shape)) / len(p)
    found = values(without_adv, networks[:1], pairs)["kl"]
    assert found == pytest.approx(expected, rel=1e-3)
    assert found > 1e-4


def test_equal_texts_leave_nothing_to_fuse(networks: list[Classifier], pairs: Batch) -> None:
    same = Batch(pairs.texts, pairs.labels, pairs.texts)
    twins = [networks[0], copy.deepcopy(networks[0])]
    for defense in (TaiChi(), without_ctr):
        found = values(defense, twins, same)
        assert (found["kl_clean"], found["kl_adv"]) == pytest.approx((0, 0), abs=1e-7)
        assert found["ce_clean"] == pytest.approx(found["ce_adv"])
    found = values(without_adv, twins[:1], same)
    assert found.pop("kl") == pytest.approx(0, abs=1e-7)
    assert found == values(clean, twins[:1], same)
    assert list(found.values()) == pytest.approx(list(values(adversarial, twins[1:], same).values()))


@pytest.mark.parametrize(
    ("one", "other"),
    [(without_adv, clean), (without_ctr, TaiChi(kl_weight=0, ctr_weight=0))],
    ids=["w/o ADV and w/o KL", "w/o CTR and CE alone"],
)
def test_a_fusion_that_agrees_moves_no_weight(
    one: TaiChi, other: TaiChi, networks: list[Classifier], pairs: Batch
) -> None:
    same = Batch(pairs.texts, pairs.labels, pairs.texts)
    gradients = []
    for defense in (one, other):
        alike = [copy.deepcopy(networks[0]) for _ in range(defense.network_count)]
        torch.stack(list(defense.loss(alike, same).values())).sum().backward()
        gradients.append([p.grad for network in alike for p in network.parameters() if p.grad is not None])
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-4)


# Base(adv) and its soft labels

STATUSES: tuple[Status, ...] = ("succeeded", "failed", "skipped")


def attacked(count: int) -> tuple[list[tuple[int, Example]], list[Record]]:
    """Clean rows, and what an attack did to them: thirds of it succeeded, failed and skipped."""
    rows = list(enumerate(tiny.examples(count, seed=8)))
    records = [
        Record(
            id=i,
            label=example.label,
            original=example.text,
            final=f"{example.text} {'xyz'[i % 3]}" if STATUSES[i % 3] != "skipped" else example.text,
            status=STATUSES[i % 3],
            probabilities_before=[0.5 + i / 100, 0.5 - i / 100],
            probabilities_after=[0.2 + i / 100, 0.8 - i / 100],
            queries=5,
            words_changed=1,
            words=4,
            seconds=0.1,
        )
        for i, example in rows
    ]
    return rows, records


def stands(record: Record, unsuccessful: str) -> tuple[str, list[float]]:
    """The text of a row of D_adv, and what Base says of it."""
    if record.status == "succeeded" or unsuccessful == "perturbed":
        return record.final, record.probabilities_after
    return record.original, record.probabilities_before


@pytest.mark.parametrize("unsuccessful", ["original", "perturbed", "drop"])
def test_soft_labels_stay_with_their_text_through_shuffling(unsuccessful: Any) -> None:
    defense = BaseAdv(labels="soft", unsuccessful=unsuccessful)
    rows, records = attacked(21)
    made, counts = arrange_rows(defense, rows, records, seed=0)
    kept = [record for record in records if unsuccessful != "drop" or record.status == "succeeded"]
    assert counts.adversarial == len(made) == len(kept) == (7 if unsuccessful == "drop" else 21)
    expected = {ids_of(text): target for text, target in (stands(record, unsuccessful) for record in kept)}
    model = tiny.classifier()
    seen = []
    for batch in tiny.training_set(made, batch_size=4, seed=2).epoch(1):
        with torch.no_grad():
            log_p = model(batch.texts).logits.double().log_softmax(-1).numpy()
        keys = [
            tuple(ids[mask.bool()].tolist())
            for ids, mask in zip(batch.texts["input_ids"], batch.texts["attention_mask"], strict=True)
        ]
        due = -sum(t * log_p[i, k] for i, key in enumerate(keys) for k, t in enumerate(expected[key])) / len(keys)
        assert values(defense, [model], batch) == {"ce": pytest.approx(due, rel=1e-5)}
        seen += keys
    assert sorted(seen) == sorted(expected)


def ids_of(text: str) -> tuple[int, ...]:
    return tuple(tiny.tokenizer()(text)["input_ids"])


def test_gold_labels_are_those_of_the_texts_before_the_attack() -> None:
    rows, records = attacked(9)
    made, _ = arrange_rows(BaseAdv(), rows, records, seed=0)
    model = tiny.classifier()
    (batch,) = tiny.training_set(made, batch_size=9).epoch(0)
    labels = {ids_of(stands(record, "original")[0]): record.label for record in records}
    with torch.no_grad():
        log_p = model(batch.texts).logits.log_softmax(-1)
    due = 0.0
    for ids, mask, row in zip(batch.texts["input_ids"], batch.texts["attention_mask"], log_p, strict=True):
        due -= row[labels[tuple(ids[mask.bool()].tolist())]].item() / 9
    assert values(BaseAdv(), [model], batch) == {"ce": pytest.approx(due, rel=1e-5)}


def test_soft_labels_that_are_not_there_are_missed() -> None:
    with pytest.raises(ValueError, match="no soft labels"):
        soft.loss([tiny.classifier()], tiny.batch(3))


# The registry


def test_the_names_that_others_know_are_registered() -> None:
    expected = {
        *("base", "base-adv", "base-adv-soft", "fgsm", "fgm", "pgd", "freelb", "freelb++", "smart", "smart-paper"),
        *("ada", *TERMS),
    }
    assert expected <= {entry.name for entry in OWN_ENCODER}


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("fgm", FGSM(norm="l2", step_size=1.0)),
        ("freelb++", FreeLB(steps=10, step_size=0.03, magnitude=0.05)),
        ("smart-paper", SMART(variant="paper", step_size=1e-3)),
        ("base-adv-soft", BaseAdv(labels="soft")),
        ("clean", TaiChi(networks="clean", kl_weight=0)),
        ("adversarial", TaiChi(networks="adversarial", kl_weight=0)),
        ("taichi-no-ctr", TaiChi(ctr_weight=0)),
        ("taichi-no-adv", TaiChi(networks="clean")),
    ],
)
def test_a_variant_is_the_same_class_with_other_fields(name: str, instance: Defense) -> None:
    assert load(name) == instance


@pytest.mark.parametrize("entry", OWN_ENCODER, ids=lambda entry: entry.name)
def test_a_defense_says_in_a_line_what_it_is(entry: registry.Entry) -> None:
    assert re.fullmatch(r"\S[^\n]{20,118}[.)]", entry.summary)
    assert sum(other.summary == entry.summary for other in OWN_ENCODER) == 1


@pytest.mark.parametrize("entry", OWN_ENCODER, ids=lambda entry: entry.name)
def test_every_field_of_a_defense_is_described(entry: registry.Entry) -> None:
    defense = cast(Defense, entry.load())
    kind = type(defense)
    assert kind(**{field.name: getattr(defense, field.name) for field in fields(defense)}) == defense
    assert [one.name for one in describe(defense) if not one.meaning] == []


def test_an_instance_is_printed_as_it_is_written() -> None:
    assert repr(fgm) == "FGSM(steps=1, step_size=1.0, norm='l2', clean_loss=True)"
