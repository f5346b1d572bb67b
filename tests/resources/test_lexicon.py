from __future__ import annotations

import pytest

from robench.resources import nltk_data
from robench.resources.lexicon import Lexicon

pytestmark = pytest.mark.network

WORDS = """
good better best bad worst awful terrible happy hot warm cold red blue film movies cinema began love hate enjoy
dog beagle run dance city mice women quickly slowly boring important two second london john march young leaves
"""


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(nltk_data.prepare_corpora() / "corpora" / "wordnet")


@pytest.mark.parametrize("part", [*(pytest.param(part, marks=pytest.mark.slow) for part in "nv"), "a", "r"])
def test_senses_are_those_of_nltks_reader_in_its_order(part: str, lexicon: Lexicon) -> None:
    nltk_data.activate_nltk_data()
    from nltk.corpus import wordnet

    for word in WORDS.split():
        lemmas = [lemma for synset in wordnet.synsets(word, part) for lemma in synset.lemmas()]
        expected = [f"{part}{lemma.synset().offset():08d}" for lemma in lemmas if lemma.name().lower() == word]
        assert lexicon.senses.get((word, part), []) == list(dict.fromkeys(expected)), word


def test_synsets_and_links_are_those_of_nltks_reader(lexicon: Lexicon) -> None:
    nltk_data.activate_nltk_data()
    from nltk.corpus import wordnet

    def key(synset: object) -> str:
        return f"{synset.pos().replace('s', 'a')}{synset.offset():08d}"  # type: ignore[attr-defined]

    for name in ("film.n.01", "good.a.01", "gorgeous.s.01", "begin.v.01", "quickly.r.01", "paris.n.01", "red.s.01"):
        theirs = wordnet.synset(name)
        ours = lexicon.synsets[key(theirs)]
        assert list(ours.words) == theirs.lemma_names()
        assert set(ours.linked_keys("@")) == {key(other) for other in theirs.hypernyms()}
        assert set(ours.linked_keys("@i")) == {key(other) for other in theirs.instance_hypernyms()}
        assert set(ours.linked_keys("~")) == {key(other) for other in theirs.hyponyms()}
        assert set(ours.linked_keys("&")) == {key(other) for other in theirs.similar_tos()}
        assert set(ours.linked_keys("^")) == {key(other) for other in theirs.also_sees()}
        antonyms = {key(other.synset()) for lemma in theirs.lemmas() for other in lemma.antonyms()}
        assert set(ours.linked_keys("!")) == antonyms


@pytest.mark.parametrize(
    ("name", "among", "not_among"),
    [
        ("good.a.01", "bad awful terrible", "good better"),
        ("awful.s.01", "good", "terrible bad"),
        ("hot.a.01", "cold", "warm"),
        ("quickly.r.01", "slowly", "rapidly"),
        ("film.n.01", "", "movie"),
    ],
)
def test_opposites_of_an_adjective_include_those_of_similar_ones(
    name: str, among: str, not_among: str, lexicon: Lexicon
) -> None:
    nltk_data.activate_nltk_data()
    from nltk.corpus import wordnet

    synset = wordnet.synset(name)
    keys = lexicon.find_opposites(f"{synset.pos().replace('s', 'a')}{synset.offset():08d}")
    words = {word for key in keys for word in lexicon.synsets[key].words}
    assert set(among.split()) <= words
    assert not words & set(not_among.split())
