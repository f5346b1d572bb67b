"""An attack on a long text asks and keeps little at a time, and ends with the same record."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from robench.attacking.engine import attack_examples, long_texts
from robench.attacks.deepwordbug import DeepWordBug
from robench.attacks.pwws import PWWS
from robench.attacks.textbugger import TextBugger
from robench.results.records import Record

pytestmark = pytest.mark.usefixtures("textattack")

WORDS = "great story love war superb actor voice town music children rain street river film night quiet".split()


def count_letters(texts: Sequence[str]) -> torch.Tensor:
    """Logits that letters move a little, but never over the border."""
    return torch.tensor([[1.0, text.count("e") / len(text)] for text in texts])


def attack_one(attack: object, text: str) -> Record:
    (record,) = attack_examples(attack, count_letters, [(0, text, 0)], seed=1, attack_name="a", offline=True)  # type: ignore[arg-type]
    return record


def text_of(words: int) -> str:
    return " ".join(WORDS[n % len(WORDS)] for n in range(words))


@pytest.mark.parametrize("attack", [DeepWordBug(), PWWS()])
def test_parts_of_any_size_give_the_same_record(attack: object, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = attack_one(attack, text_of(20))
    monkeypatch.setattr(long_texts, "LETTERS_AT_ONCE", 250)  # two candidates
    in_parts = attack_one(attack, text_of(20))
    assert replace(whole, seconds=0) == replace(in_parts, seconds=0)
    assert whole.queries > 40


def test_memory_of_a_search_grows_with_the_words_not_with_their_square() -> None:
    attack_one(DeepWordBug(), text_of(10))
    peaks = []
    for words in (60, 240):
        tracemalloc.start()
        attack_one(DeepWordBug(), text_of(words))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 6 * peaks[0]


def test_edit_distance_is_computed_up_to_its_limit() -> None:
    record = attack_one(DeepWordBug(), "recherche " * 60)
    from rapidfuzz.distance import Levenshtein

    assert 25 < Levenshtein.distance(record.original, record.final) <= 30


@pytest.mark.usefixtures("bundled_resources")
def test_look_alikes_are_those_of_textattack_one_at_a_time() -> None:
    from collections.abc import Iterator

    from robench.attacking.build import build_attack
    from robench.attacking.engine.parking import ParkingVictim

    built = build_attack(TextBugger(), ParkingVictim(count_letters), offline=True)
    (part,) = [one for one in built.transformation.transformations if type(one).__name__ == "WordSwapHomoglyphSwap"]
    expected = {word: part._get_replacement_words(word) for word in ("Hello", "", "x", "Ça-va9")}
    long_texts.adapt_to_long_texts(built)
    for word, words in expected.items():
        found = part._get_replacement_words(word)
        assert isinstance(found, Iterator)
        assert list(found) == words
