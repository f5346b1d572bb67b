"""Searches that end early: closed, interrupted, failing; and the caller's random numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from robench.attacking.attack import Attack
from robench.attacking.engine import attack_examples
from robench.attacks.deepwordbug import DeepWordBug
from robench.errors import RobenchError
from support.searches import every_attack, run
from support.small_victim import SENTENCES, SmallVictim

pytestmark = pytest.mark.network


@pytest.fixture
def random_state_stays() -> Iterator[None]:
    random.seed(3)
    np.random.seed(3)
    expected = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
    yield
    assert (random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()) == expected


@every_attack
@pytest.mark.usefixtures("random_state_stays")
def test_the_callers_random_numbers_are_left_alone_at_every_step(attack: Attack, victim: SmallVictim) -> None:
    expected = random.getstate()

    def watched(texts: Sequence[str]) -> torch.Tensor:
        assert random.getstate() == expected
        return victim(texts)

    for _ in attack_examples(attack, watched, victim.examples()[:12], seed=1, attack_name="a", live=5):
        assert random.getstate() == expected


@dataclass(frozen=True, kw_only=True)
class Watched(DeepWordBug):
    """Notes which searches began and which were unwound or ended; breaks on the word "breaks"."""

    began: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    breaks: str = ""
    error: type[BaseException] = ZeroDivisionError

    def build(self, victim: Any) -> Any:
        from textattack import Attack as TextAttack

        outer, built = self, super().build(victim)

        class WatchedAttack(TextAttack):
            def attack(self, example: str, ground_truth_output: int) -> Any:
                outer.began.append(example)
                try:
                    return super().attack(example, ground_truth_output)
                finally:
                    outer.ended.append(example)

        built.__class__ = WatchedAttack
        transform = built.transformation.transformations[0]._get_replacement_words

        def breaking(word: str) -> Any:
            if word == self.breaks:
                raise self.error("on purpose")
            return transform(word)

        built.transformation.transformations[0]._get_replacement_words = breaking
        return built


@pytest.mark.usefixtures("random_state_stays")
def test_closing_the_generator_unwinds_all_searches(victim: SmallVictim) -> None:
    attack = Watched()
    records = attack_examples(attack, victim, victim.examples(), seed=1, attack_name="a", live=9)
    next(records)
    assert len(attack.began) > len(attack.ended)
    records.close()
    assert sorted(attack.began) == sorted(attack.ended)


@pytest.mark.usefixtures("random_state_stays")
@pytest.mark.parametrize("error", [KeyboardInterrupt, torch.OutOfMemoryError])
def test_an_interrupt_in_the_model_unwinds_all_searches(error: type[BaseException], victim: SmallVictim) -> None:
    attack, calls = Watched(), iter(range(3))

    def interrupted(texts: Sequence[str]) -> torch.Tensor:
        if next(calls, None) is None:
            raise error
        return victim(texts)

    with pytest.raises(error):
        run(attack, interrupted, victim.examples(), live=9)
    assert len(attack.began) >= 9
    assert sorted(attack.began) == sorted(attack.ended)


@pytest.mark.usefixtures("random_state_stays")
@pytest.mark.parametrize(
    ("error", "becomes", "says"),
    [
        (ZeroDivisionError, RobenchError, r"odd failed on example 11, 'The mayor .*ZeroDivisionError: on purpose"),
        (KeyboardInterrupt, KeyboardInterrupt, "on purpose"),
    ],
)
def test_an_error_in_a_search_names_the_example_and_unwinds_the_others(
    error: type[BaseException], becomes: type[BaseException], says: str, victim: SmallVictim
) -> None:
    attack = Watched(breaks="buses", error=error)
    # A model that never changes its mind makes every search go through all its words.
    examples = [(number, text, 0) for number, text in enumerate(SENTENCES)]
    with pytest.raises(becomes, match=says) as caught:
        run(attack, lambda texts: torch.tensor([[1.0, 0.0]] * len(texts)), examples, attack_name="odd")
    if becomes is RobenchError:
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert sorted(attack.began) == sorted(attack.ended)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda texts: torch.full((len(texts), 3), float("nan")), "NaN or infinity for 'The tea"),
        (lambda texts: torch.zeros(1, 3), r"logits of shape \(1, 3\) for 24 texts"),
        (lambda texts: torch.zeros(len(texts)), r"logits of shape \(24,\) for 24 texts"),
    ],
)
def test_unusable_logits_are_an_error(bad: Any, says: str, victim: SmallVictim) -> None:
    with pytest.raises(RobenchError, match=says):
        run(DeepWordBug(), bad, victim.examples())
