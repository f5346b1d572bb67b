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
from robench.models.predictor import Predictor
from support import tiny
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
            def attack(self, example: Any, ground_truth_output: int) -> Any:
                outer.began.append(example.text)
                try:
                    return super().attack(example, ground_truth_output)
                finally:
                    outer.ended.append(example.text)

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
@pytest.mark.parametrize(
    ("error", "becomes"), [(KeyboardInterrupt, KeyboardInterrupt), (torch.OutOfMemoryError, RobenchError)]
)
def test_an_interrupt_in_the_model_unwinds_all_searches(
    error: type[BaseException], becomes: type[BaseException], victim: SmallVictim
) -> None:
    attack, calls = Watched(), iter(range(3))

    def interrupted(texts: Sequence[str]) -> torch.Tensor:
        if next(calls, None) is None:
            raise error
        return victim(texts)

    with pytest.raises(becomes, match="OutOfMemoryError" if becomes is RobenchError else None):
        run(attack, interrupted, victim.examples(), live=9)
    assert len(attack.began) >= 9
    assert sorted(attack.began) == sorted(attack.ended)


def never_fooled(texts: Sequence[str]) -> torch.Tensor:
    """Never change the prediction, so that every search goes through all its words."""
    return torch.tensor([[1.0, 0.0]] * len(texts))


ALL_OF_LABEL_0 = [(number, text, 0) for number, text in enumerate(SENTENCES)]


@pytest.mark.usefixtures("random_state_stays")
def test_an_interrupt_in_a_search_unwinds_the_others() -> None:
    attack = Watched(breaks="buses", error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt, match="on purpose"):
        run(attack, never_fooled, ALL_OF_LABEL_0, attack_name="odd")
    assert sorted(attack.began) == sorted(attack.ended)


@pytest.mark.usefixtures("random_state_stays")
@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_an_attack_that_fails_on_an_example_records_it_and_goes_on(error: type[BaseException]) -> None:
    attack = Watched(breaks="buses", error=error)
    records = {r.id: r for r in run(attack, never_fooled, ALL_OF_LABEL_0, attack_name="odd")}
    sound = {r.id: r for r in run(Watched(), never_fooled, ALL_OF_LABEL_0, attack_name="odd")}
    failed = records.pop(11)
    assert failed.status == "error"
    assert failed.reason.startswith(f"{error.__name__}: on purpose (test_ends.py, line ")
    assert failed.failed_text == failed.original == failed.final == SENTENCES[11]
    assert failed.probabilities_before == sound.pop(11).probabilities_before
    assert failed.queries > 0
    assert records == sound
    assert sorted(attack.began) == sorted(attack.ended)


def test_a_model_that_fails_on_a_candidate_records_the_candidate_and_goes_on(victim: SmallVictim) -> None:
    sound = {r.id: r for r in run(DeepWordBug(), victim, victim.examples())}
    chosen = next(r for r in sound.values() if r.status == "succeeded")

    def failing(texts: Sequence[str]) -> torch.Tensor:
        if chosen.final in texts:
            raise ValueError("not this one")
        return victim(texts)

    records = {r.id: r for r in run(DeepWordBug(), failing, victim.examples())}
    failed, _ = records.pop(chosen.id), sound.pop(chosen.id)
    assert (failed.status, failed.failed_text) == ("error", chosen.final)
    assert failed.reason.startswith("ValueError: not this one")
    assert records == sound


def test_a_model_that_fails_on_an_original_records_no_probabilities(victim: SmallVictim) -> None:
    def failing(texts: Sequence[str]) -> torch.Tensor:
        if any(text.startswith("Rain") for text in texts):
            raise ValueError("not this one")
        return victim(texts)

    failed = next(r for r in run(DeepWordBug(), failing, victim.examples()) if r.original == "Rain.")
    assert (failed.status, failed.probabilities_before, failed.queries, failed.words) == ("error", [], 0, 1)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda texts: torch.full((len(texts), 3), float("nan")), "NaN or infinity for '.*20 texts in a row"),
        (lambda texts: torch.zeros(1, 3), r"logits of shape \(1, 3\) for 24 texts"),
        (lambda texts: torch.zeros(len(texts)), r"logits of shape \(24,\) for 24 texts"),
    ],
)
def test_unusable_logits_are_an_error(bad: Any, says: str, victim: SmallVictim) -> None:
    with pytest.raises(RobenchError, match=says):
        run(DeepWordBug(), bad, victim.examples())


@dataclass(frozen=True, kw_only=True)
class Meddling(DeepWordBug):
    """Changes torch's default number type in its search."""

    def build(self, victim: Any) -> Any:
        built = super().build(victim)
        transform = built.transformation.transformations[0]._get_replacement_words

        def meddling(word: str) -> Any:
            torch.set_default_dtype(torch.float64)
            return transform(word)

        built.transformation.transformations[0]._get_replacement_words = meddling
        return built


def test_a_search_that_changes_settings_of_the_process_changes_no_other(victim: SmallVictim) -> None:
    assert run(Meddling(), victim, victim.examples()) == run(DeepWordBug(), victim, victim.examples())
    assert torch.get_default_dtype() == torch.float32


@every_attack
def test_a_text_with_a_lone_surrogate_is_attacked_like_any_other(attack: Attack) -> None:
    model = Predictor(tiny.classifier(), tiny.tokenizer(), max_length=24, precision="fp32", device=tiny.CPU)
    texts = ["A fine \ud800 film with a warm heart.", "\udfff\udfff", "A <SPLIT> between two parts.", "!?"]
    guesses = model.logits(texts).argmax(1).tolist()
    records = run(attack, model, [(i, text, guesses[i]) for i, text in enumerate(texts)])
    assert {record.status for record in records} <= {"succeeded", "failed"}
    assert all("\ud800" in record.final for record in records[:1])
