"""Spelling: look-alikes and misspelt words are undone, and known words stay."""

from __future__ import annotations

import random
import string
import unicodedata

import pytest

from robench.attacking.build import tolerate_missing_homoglyphs
from robench.defenses.base import Base
from robench.defenses.spelling import Spelling, correct, undo_look_alike
from robench.resources import load_textattack
from support import tiny


def read(text: str, distance: int = 1) -> str:
    (found,) = Spelling(distance=distance).read(text, random.Random(0))
    return str(found)


@pytest.mark.network
def test_all_26_look_alike_letters_of_textattack_are_undone() -> None:
    load_textattack()
    from textattack.transformations import WordSwapHomoglyphSwap

    with tolerate_missing_homoglyphs():
        look_alikes = WordSwapHomoglyphSwap().homos
    letters = {letter: look_alikes[letter] for letter in string.ascii_lowercase}
    undone = {a: undo_look_alike(b) for a, b in letters.items()}
    assert undone == {letter: letter for letter in letters}
    assert sum(unicodedata.normalize("NFKC", b) == a for a, b in letters.items()) == 5, "what NFKC alone does"
    for digit in string.digits[2:]:  # for 0 and 1 it has the letters O and l
        assert undo_look_alike(look_alikes[digit]) == digit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a terible film", "a terrible film"),
        ("Graet moive!", "Great movie!"),
        ("\u0430 gr\u0435at f\u0456lm", "a great film"),  # Cyrillic a, e and i
        ("\uff57onderf\uff55l", "wonderful"),  # full-width w and u
        ("the film, 3 times: qwrtzpsd", "the film, 3 times: qwrtzpsd"),
        ("it doesn't work and isn't fun, we'll see", "it doesn't work and isn't fun, we'll see"),
        ("It Isn\u2019t I'm they're he'd I've", "It Isn't I'm they're he'd I've"),
        ("it 's a film they 'll say you ca n't see and wo n't", "it 's a film they 'll say you ca n't see and wo n't"),
        ("NASA's UK wo", "NASA's UK to"),
        ("a 'terible' film", "a 'terrible' film"),
        ("", ""),
    ],
)
def test_text_is_put_right(text: str, expected: str) -> None:
    assert read(text) == expected


@pytest.mark.slow
def test_longer_distance_corrects_more() -> None:
    assert read("wondefull") == "wondefull" and read("wondefull", 2) == "wonderful"
    assert correct("film", 1) == "film"


def test_versions_of_both_packages_are_resources() -> None:
    found = Spelling().identify_resources()
    assert found.keys() == {"confusable-homoglyphs", "symspellpy"} and all(found.values())


def test_it_trains_as_base_and_reads_one_text() -> None:
    networks, batch = [tiny.classifier()], tiny.batch(5)
    assert Spelling().loss(networks, batch)["ce"].item() == Base().loss(networks, batch)["ce"].item()
    assert Spelling().texts_read == 1 and not Spelling().reads_in_training
