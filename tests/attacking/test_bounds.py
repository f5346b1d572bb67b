"""The bounds of TextDefender on finished attacks, as its authors' code sets them."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack
from robench.attacks.bert_attack import BERTAttack
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.pwws import PWWS
from robench.attacks.textbugger import TextBugger
from robench.attacks.textfooler import TextFooler
from support import small_models

pytestmark = pytest.mark.network

WINDOW = {
    "threshold": 0.840845057,
    "metric": "angular",
    "compare_against_original": False,
    "window_size": 15,
    "skip_text_shorter_than_window": True,
}


class Victim:
    """A victim that is only built upon."""

    model = None

    def __call__(self, texts: Any) -> Any:
        raise NotImplementedError


def bounded(attack: Attack) -> Any:
    """The attack with the protocol."""
    return build_attack(dataclasses.replace(attack, protocol="textdefender"), Victim())


def sentence_bounds(built: Any) -> list[dict[str, Any]]:
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder

    found = [one for one in built.constraints if isinstance(one, SentenceEncoder)]
    return [{name: getattr(one, name) for name in WINDOW} for one in found]


def calibrated(bound: dict[str, Any]) -> dict[str, Any]:
    """A published bound as the bundled encoder has it: the angle times 0.8."""
    return bound | {"threshold": pytest.approx(1 - 0.8 * (1 - bound["threshold"]))}


@pytest.mark.parametrize("attack", [PWWS(), DeepWordBug()], ids=["pwws", "deepwordbug"])
def test_the_protocol_adds_a_window_that_is_compared_with_the_text_before(attack: Attack) -> None:
    assert sentence_bounds(bounded(attack)) == [calibrated(WINDOW)]


def test_the_protocol_keeps_textbuggers_own_bound_on_the_whole_text_beside_the_window() -> None:
    whole, window = sentence_bounds(bounded(TextBugger()))
    assert window == calibrated(WINDOW)
    assert (whole["metric"], whole["window_size"], whole["threshold"]) == ("angular", math.inf, pytest.approx(0.84))


@pytest.mark.parametrize(("own", "count"), [(0.840845057, 1), (0.9, 2)])
def test_the_protocol_keeps_a_window_of_textfooler_only_where_it_differs(own: float, count: int) -> None:
    built = bounded(TextFooler(min_sentence_similarity=own))
    expected = [calibrated(WINDOW | {"threshold": own}), calibrated(WINDOW)][-count:]
    assert sentence_bounds(built) == expected
    assert built.transformation.max_candidates == 50
    assert "WordEmbeddingDistance" not in [type(one).__name__ for one in built.constraints]
    assert "PartOfSpeech" in [type(one).__name__ for one in built.constraints]


def test_the_protocol_gives_bert_attack_50_candidates_for_words_of_one_piece(tmp_path: Path) -> None:
    attack = BERTAttack(language_model=str(small_models.bert(tmp_path / "bert")))
    built = bounded(attack)
    assert (attack.max_candidates, built.transformation.max_candidates) == (8, 50)
    whole, window = sentence_bounds(built)
    assert window == calibrated(WINDOW)
    assert (whole["metric"], whole["threshold"]) == ("cosine", pytest.approx(math.cos(0.8 * math.acos(0.2))))
    assert [one.max_percent for one in built.constraints if hasattr(one, "max_percent")] == [0.4, 0.3]
    tokenizer = built.transformation._lm_tokenizer
    assert len(tokenizer.encode("a", add_special_tokens=False)) == 1
    assert tokenizer.encode("abcde", add_special_tokens=False) == []


@pytest.mark.parametrize(("words", "budget"), [(0, 50), (1, 50), (7, 350), (20, 1000)])
def test_the_protocol_allows_50_queries_for_each_word(words: int, budget: int) -> None:
    assert PWWS(protocol="textdefender").budget(words) == budget
    assert PWWS().budget(words) is None


@pytest.mark.parametrize(
    ("text", "is_attacked"),
    [("one two three four", False), ("one two three four five", True), ("one two three  five", True), ("x", False)],
)
def test_the_protocol_attacks_texts_of_five_words_and_more(text: str, is_attacked: bool) -> None:
    assert PWWS(protocol="textdefender").attacks(text) is is_attacked
    assert PWWS().attacks(text)


# The thresholds of TextFooler itself, and texts of exactly the window's length


def test_textfooler_has_the_bounds_of_its_recipe() -> None:
    assert sentence_bounds(build_attack(TextFooler(), Victim())) == [calibrated(WINDOW)]
    from textattack.attack_recipes import TextFoolerJin2019

    # Only now: the word vectors, which TextAttack would download, are there.
    published = sentence_bounds(TextFoolerJin2019.build(Victim()))
    assert published == sentence_bounds(TextFooler().build(Victim())) == [WINDOW]
