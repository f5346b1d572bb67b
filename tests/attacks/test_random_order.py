"""The family ``random-order:ATTACK``: an attack that ranks words, with the words in random order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from robench import RobenchError
from robench.attacking import build_attack
from robench.attacking.attack import Attack
from robench.attacks.random_order import RandomOrder
from robench.plugins import plugin_files, registry
from support.searches import run
from support.small_victim import SENTENCES, SmallVictim

pytestmark = pytest.mark.network

NAMES = ["deepwordbug", "pwws", "textfooler", "textbugger"]
every_name = pytest.mark.parametrize("name", NAMES)


def load(name: str, **options: Any) -> Attack:
    attack: Attack = dataclasses.replace(registry.entry("attacks", f"random-order:{name}").load(), **options)
    return attack


@pytest.fixture(scope="module")
def examples(victim: SmallVictim) -> list[tuple[int, str, int]]:
    return victim.examples()[:7]


@pytest.mark.parametrize(
    "name", [name if name in ("deepwordbug", "pwws") else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_random_order_in_other_company_makes_the_same_records(
    name: str, victim: SmallVictim, examples: list[tuple[int, str, int]]
) -> None:
    attack = load(name)
    found = run(attack, victim, examples)
    assert run(attack, victim, examples[::-1], live=2) == found
    assert run(attack, victim, examples[3:5]) == found[3:5]
    for record in found:
        before, after = victim([record.original, record.final]).argmax(dim=1).tolist()
        assert record.status == (
            "skipped" if before != record.label else "failed" if after == record.label else "succeeded"
        )


def test_random_order_with_another_seed_takes_another_order(
    victim: SmallVictim, examples: list[tuple[int, str, int]]
) -> None:
    attack = load("pwws")  # nothing else of it is random
    assert run(attack, victim, examples, seed=5) != run(attack, victim, examples, seed=6)


@every_name
def test_random_order_has_the_candidates_constraints_and_variant_of_the_attack(name: str, victim: SmallVictim) -> None:
    attack = load(name)
    registered: Attack = registry.entry("attacks", name).load()
    ours, theirs = build_attack(attack, victim), build_attack(registered, victim)
    for part in ("constraints", "pre_transformation_constraints", "transformation"):
        assert repr(getattr(ours, part)) == repr(getattr(theirs, part)), part
    assert (attack.variant, attack.needs, attack.pins()) == (registered.variant, registered.needs, registered.pins())


@every_name
def test_random_order_with_a_budget_asks_no_more_than_the_attack_may(
    name: str, victim: SmallVictim, examples: list[tuple[int, str, int]]
) -> None:
    for budget in (1, 9):
        attack = load(name, query_budget=budget)
        assert attack.budget(30) == budget
        assert max(record.queries for record in run(attack, victim, examples)) <= budget


class Literal:
    """A victim that is right about its own sentences and their [UNK]s, and about no other text."""

    def __init__(self) -> None:
        self.known = set(SENTENCES)

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        right = [text in self.known or "[UNK]" in text for text in texts]
        return torch.tensor([[1.0, 0.0] if one else [0.0, 1.0] for one in right])


def test_random_order_with_a_budget_that_a_ranking_spends_fools_where_the_attack_fails() -> None:
    text = SENTENCES[0]
    ranked: Attack = registry.entry("attacks", "deepwordbug").load()
    budget = 7  # the original, and an [UNK] for each of the six words that are no stopwords
    records = [
        run(dataclasses.replace(attack, query_budget=budget), Literal(), [(0, text, 0)])[0]
        for attack in (ranked, load("deepwordbug"))
    ]
    assert [record.status for record in records] == ["failed", "succeeded"]
    assert records[1].words_changed == 1


def test_random_order_with_more_restarts_begins_again_from_the_original() -> None:
    class Steady:
        def __call__(self, texts: Sequence[str]) -> torch.Tensor:
            return torch.tensor([[1.0, 0.0]]).repeat(len(texts), 1)

    queries = [run(load("pwws", restarts=n), Steady(), [(0, SENTENCES[3], 0)])[0].queries for n in (1, 2, 3)]
    assert queries[0] > 1
    assert queries[1] - 1 == 2 * (queries[0] - 1)  # nothing is ever swapped, so every order asks the same texts
    assert queries[2] - 1 == 3 * (queries[0] - 1)


@pytest.mark.parametrize(
    ("name", "search"),
    [("iga", "ImprovedGeneticAlgorithm"), ("pruthi", "GreedySearch"), ("random-order:pwws", "RandomWordOrder")],
)
def test_random_order_of_an_attack_without_a_ranking_is_a_sentence_before_any_work(name: str, search: str) -> None:
    with pytest.raises(RobenchError, match=rf"random-order:{name} does not exist: .*{search}, not GreedyWordSwapWIR"):
        load(name).prepare(offline=True)


def test_random_order_of_a_recipe_of_textattack_is_prepared() -> None:
    attack = load("textattack:DeepWordBugGao2018")
    attack.prepare(offline=True)
    assert isinstance(attack, RandomOrder) and getattr(attack.base, "recipe", None) == "DeepWordBugGao2018"


def test_random_order_of_an_unknown_attack_is_a_sentence() -> None:
    with pytest.raises(RobenchError, match=r"unknown attack 'pwvs': did you mean pwws\?"):
        load("pwvs")


def test_random_order_takes_over_what_is_set_of_the_attack() -> None:
    settings = {"textfooler": {"max_candidates": "7", "query_budget": "90"}, "pwws": {"query_budget": "1"}}
    attack = load("textfooler")
    values = attack.inherit_settings(settings)
    assert values == {"query_budget": 90, "options": '{"max_candidates": 7}'}
    changed = dataclasses.replace(attack, **values)
    assert isinstance(changed, RandomOrder)
    assert (getattr(changed.base, "max_candidates", None), changed.base.query_budget, changed.budget(5)) == (7, 90, 90)
    assert changed.identity()["of"] == changed.base.identity() != attack.identity()["of"]


@pytest.mark.parametrize("options", ["[1]", "max_candidates=7", "{"])
def test_random_order_with_options_that_are_no_json_object_is_refused(options: str) -> None:
    with pytest.raises(ValueError, match="options is JSON such as"):
        load("textfooler", options=options)


def test_random_order_of_a_registered_variant_keeps_its_budget() -> None:
    with plugin_files.isolated():
        pwws: Attack = registry.entry("attacks", "pwws").load()
        registry.register("pwws-30", dataclasses.replace(pwws, query_budget=30))
        assert load("pwws-30").budget(100) == 30
        assert load("pwws-30", query_budget=20).budget(100) == 20
