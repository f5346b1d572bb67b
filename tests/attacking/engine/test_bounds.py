"""Bounds of a search, unusual texts, and what the model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from robench.attacking.attack import Attack
from robench.attacking.engine import BatchStatistics, LogitsCache, attack_examples
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.iga import IGA
from robench.attacks.pruthi import Pruthi
from robench.attacks.pwws import PWWS
from robench.attacks.recipe import Recipe
from robench.errors import RobenchError
from robench.results.records import Record
from support.searches import every_attack, run
from support.small_victim import SmallVictim

pytestmark = pytest.mark.network


@pytest.mark.parametrize(
    "attack", [DeepWordBug(), IGA(), Pruthi(), Recipe(recipe="LEAP2023")], ids=["deepwordbug", "iga", "pruthi", "leap"]
)
@pytest.mark.parametrize(
    ("text", "budget"), [("", None), ("  ", None), ("!!!", None), ("a fine old film", 1)], ids=repr
)
def test_a_search_that_cannot_begin_ends_with_the_original(attack: Attack, text: str, budget: int | None) -> None:
    def steady(texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[1.0, 0.0]] * len(texts))

    failed, skipped = run(replace(attack, query_budget=budget), steady, [(0, text, 0), (1, text, 1)])
    assert (failed.status, failed.queries, failed.final) == ("failed", 1, text)
    assert (skipped.status, skipped.queries, skipped.final) == ("skipped", 1, text)


@dataclass(frozen=True, kw_only=True)
class Suffix(Attack):
    """Appends a sentence."""

    uses = ()

    def build(self, victim: Any) -> Any:
        from textattack import Attack as Built
        from textattack.goal_functions import UntargetedClassification
        from textattack.search_methods import GreedySearch
        from textattack.shared import AttackedText
        from textattack.transformations import Transformation

        class Appending(Transformation):
            def __call__(self, current_text: Any, *args: Any, **options: Any) -> list[Any]:
                kept = {"original_index_map": current_text.attack_attrs["original_index_map"]}
                made = AttackedText(f"{current_text.text} and true is true", attack_attrs=kept)
                made.attack_attrs |= {"last_transformation": self, "previous_attacked_text": current_text}
                return [] if "true" in current_text.text else [made]

            def _get_transformations(self, current_text: Any, indices_to_modify: Any) -> list[Any]:
                raise NotImplementedError

        return Built(UntargetedClassification(victim), [], Appending(), GreedySearch())


@pytest.mark.parametrize("text", ["a film", "!!!", "\N{SLIGHTLY SMILING FACE}", ""])
def test_an_attack_that_adds_words_attacks_a_text_without_words(text: str) -> None:
    def gullible(texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[0.0, 1.0] if "true" in one else [1.0, 0.0] for one in texts])

    (record,) = run(Suffix(), gullible, [(0, text, 0)])
    assert (record.status, record.final, record.queries) == ("succeeded", f"{text} and true is true", 2)


@every_attack
@pytest.mark.parametrize(
    "text", ["", " ", "a", ".", "?! ...", "the of and", "\u2028", "nul \x00 end", "É", "🙂 🙂", "你好"]
)
def test_texts_with_little_to_attack_give_a_record(attack: Attack, text: str, victim: SmallVictim) -> None:
    label = int(victim([text]).argmax())
    examples = [(0, text, label), (1, text, (label + 1) % 3)]
    first, second = run(attack, victim, examples)
    assert first.original == second.original == second.final == text
    assert first.status in ("failed", "succeeded")
    assert second.status == "skipped"


def test_logits_that_look_like_probabilities_are_not_taken_for_them(victim: SmallVictim) -> None:
    def deceiving(texts: Sequence[str]) -> torch.Tensor:
        return torch.softmax(victim(texts), dim=1)

    record, *_ = run(PWWS(), deceiving, victim.examples()[:4])
    expected = torch.softmax(deceiving([record.original]), dim=1)[0]
    assert record.probabilities_before == pytest.approx(expected.tolist(), abs=1e-6)


@every_attack
def test_queries_for_each_word_are_a_budget_of_the_text(attack: Attack, victim: SmallVictim) -> None:
    records = run(replace(attack, queries_per_word=2), victim, victim.examples())
    assert all(record.queries <= 2 * record.words for record in records)
    assert any(record.queries == 2 * record.words for record in records)
    both = run(replace(attack, queries_per_word=2, query_budget=5), victim, victim.examples())
    assert max(record.queries for record in both) == 5


@every_attack
def test_the_share_of_words_that_may_change_is_kept(attack: Attack, victim: SmallVictim) -> None:
    records = run(replace(attack, max_words_changed=0.2), victim, victim.examples())
    assert max(record.words_changed / record.words for record in records if record.words > 4) <= 0.4
    assert all(record.words_changed <= np.ceil(0.2 * record.words) for record in records)


@every_attack
def test_the_protocol_of_textdefender_bounds_every_attack(
    attack: Attack, victim: SmallVictim, found: dict[Attack, list[Record]]
) -> None:
    bounded = replace(attack, protocol="textdefender")
    records = run(bounded, victim, victim.examples()[:12])
    for record in records:
        assert record.queries <= 50 * record.words
        assert record.words_changed <= np.ceil(0.3 * record.words)
    assert bounded.variant == "bundled 2, textdefender"
    assert records != found[attack][:12]


@every_attack
@pytest.mark.parametrize("budget", [1, 2, 9])
def test_a_query_budget_is_kept(attack: Attack, budget: int, victim: SmallVictim) -> None:
    records = run(replace(attack, query_budget=budget), victim, victim.examples()[:6])
    assert max(record.queries for record in records) == budget


def test_a_text_is_sent_to_the_model_once(victim: SmallVictim) -> None:
    text, label = next(e for e in victim.examples() if e[1].startswith("The committee"))[1:]
    alone, together, later, forgetful = BatchStatistics(), BatchStatistics(), BatchStatistics(), BatchStatistics()
    run(PWWS(), victim, [(0, text, label)], statistics=alone)
    twice = [(0, text, label), (1, text, label)]
    victim.asked = 0
    run(PWWS(), victim, twice, statistics=together)
    assert together.computed_texts == alone.computed_texts == victim.asked
    run(PWWS(), victim, twice, live=1, statistics=later)
    run(PWWS(), victim, twice, live=1, cache=LogitsCache(0), statistics=forgetful)
    assert later.computed_texts == alone.computed_texts
    assert together.requested_texts == later.requested_texts == forgetful.computed_texts == 2 * alone.requested_texts
    assert together.batches == alone.batches


def test_a_tiny_cache_changes_nothing(victim: SmallVictim, found: dict[Attack, list[Record]]) -> None:
    assert run(PWWS(), victim, victim.examples()[:9], live=7, cache=LogitsCache(3)) == found[PWWS()][:9]


def test_seconds_add_up_to_the_time_of_the_whole(victim: SmallVictim) -> None:
    statistics = BatchStatistics()
    records = list(
        attack_examples(PWWS(), victim, victim.examples()[:6], seed=1, attack_name="a", statistics=statistics)
    )
    assert sum(record.seconds for record in records) > statistics.forward_seconds > 0
    assert all(record.seconds > 0 for record in records)


def test_no_examples_give_no_records_and_no_live_searches_are_refused(victim: SmallVictim) -> None:
    assert run(DeepWordBug(), victim, []) == []
    with pytest.raises(RobenchError, match="must be at least 1"):
        run(DeepWordBug(), victim, victim.examples(), live=0)


def test_a_recipe_may_ask_the_model_while_it_is_built(victim: SmallVictim) -> None:
    asked = []

    class Asking(DeepWordBug):
        def build(self, victim: Any) -> Any:
            asked.append(victim(["How many classes?"]).shape)
            return super().build(victim)

    assert run(Asking(), victim, victim.examples()[:1])
    assert asked == [(1, 3)]
