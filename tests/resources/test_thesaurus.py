from __future__ import annotations

import pytest

from robench.resources import nltk_data
from robench.resources.lexicon import Lexicon
from robench.resources.thesaurus import Thesaurus

pytestmark = pytest.mark.network

WORDS = """
good better best bad worst awful terrible dreadful happy glad sad hot warm cold cool red blue crimson film films movie
movies cinema flick begin began begun start started love loves hate hated enjoy dog dogs cat animal beagle run ran
running dance danced dancing city cities metropolis woman women man men quickly rapidly slowly boring tedious bored
important two twenty second london john paris march young feel felt sense acting studies studied leaves wolves mice
"""


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(nltk_data.prepare_corpora() / "corpora" / "wordnet")


@pytest.fixture(scope="module")
def thesaurus(lexicon: Lexicon) -> Thesaurus:
    return Thesaurus(lexicon, WORDS.split())


@pytest.mark.parametrize("part", ["n", "v", "a", "r"])
def test_readings_are_those_of_nltks_reader(part: str, lexicon: Lexicon) -> None:
    nltk_data.activate_nltk_data()
    from nltk.corpus import wordnet

    for word in WORDS.split():
        found = [reading.key for reading in lexicon.find_readings(word) if reading.part == part]
        expected = [f"{part}{synset.offset():08d}" for synset in wordnet.synsets(word, part)]
        assert set(found) == set(expected), word


def test_synsets_and_links_are_those_of_nltks_reader(lexicon: Lexicon) -> None:
    nltk_data.activate_nltk_data()
    from nltk.corpus import wordnet

    def key(synset: object) -> str:
        return f"{synset.pos().replace('s', 'a')}{synset.offset():08d}"  # type: ignore[attr-defined]

    for name in ("film.n.01", "good.a.01", "gorgeous.s.01", "begin.v.01", "quickly.r.01", "paris.n.01", "red.s.01"):
        theirs = wordnet.synset(name)
        ours = lexicon.synsets[key(theirs)]
        assert list(ours.words) == theirs.lemma_names()
        assert ours.gloss.startswith(theirs.definition())
        assert set(ours.linked_keys("@")) == {key(other) for other in theirs.hypernyms()}
        assert set(ours.linked_keys("@i")) == {key(other) for other in theirs.instance_hypernyms()}
        assert set(ours.linked_keys("~")) == {key(other) for other in theirs.hyponyms()}
        assert set(ours.linked_keys("&")) == {key(other) for other in theirs.similar_tos()}
        assert set(ours.linked_keys("^")) == {key(other) for other in theirs.also_sees()}
        antonyms = {key(other.synset()) for lemma in theirs.lemmas() for other in lemma.antonyms()}
        assert set(ours.linked_keys("!")) == antonyms


@pytest.mark.parametrize(
    ("word", "base", "form"),
    [
        ("films", "film", "plural"),
        ("cities", "city", "plural"),
        ("mice", "mouse", "plural"),
        ("women", "woman", "plural"),
        ("loves", "love", "s"),
        ("studies", "study", "s"),
        ("ran", "run", "past"),
        ("hated", "hate", "past"),
        ("dancing", "dance", "ing"),
        ("better", "good", "more"),
        ("worst", "bad", "most"),
        ("film", "film", ""),
        ("boring", "boring", ""),
    ],
)
def test_forms_are_told_apart(word: str, base: str, form: str, lexicon: Lexicon) -> None:
    assert (base, form) in {(reading.base, reading.form) for reading in lexicon.find_readings(word)}


def test_shares_sum_to_one_and_rare_meanings_weigh_little(lexicon: Lexicon) -> None:
    for word in WORDS.split():
        assert sum(reading.share for reading in lexicon.find_readings(word)) == pytest.approx(1)
    best = max(lexicon.find_readings("good"), key=lambda reading: reading.share)
    assert (best.part, best.share > 0.5) == ("a", True)
    assert lexicon.find_readings("qwzx") == []


def test_names_and_numbers_are_left_out(thesaurus: Thesaurus) -> None:
    assert set(WORDS.split()) - set(thesaurus.words) == {"two", "twenty", "second", "london", "john", "paris", "march"}
    assert [WORDS.split()[at] for at in thesaurus.kept] == thesaurus.words


def related(thesaurus: Thesaurus, relation: str, word: str) -> set[str]:
    at = thesaurus.words.index(word)
    return {thesaurus.words[other] for other in getattr(thesaurus, relation)[at]}


@pytest.mark.parametrize(
    ("relation", "word", "among", "not_among"),
    [
        ("synonyms", "film", "movie flick cinema", "films movies dog"),
        ("synonyms", "films", "movies", "movie film"),
        ("synonyms", "began", "started", "start begin"),
        ("synonyms", "quickly", "rapidly", "slowly"),
        ("inflections", "film", "films", "movie movies"),
        ("inflections", "good", "better best", "bad"),
        ("inflections", "ran", "run running", "dance"),
        ("similar", "bad", "awful terrible dreadful", "good better"),
        ("similar", "red", "", "blue"),
        ("opposites", "good", "bad awful terrible dreadful", "better warm"),
        ("opposites", "awful", "good", "terrible"),
        ("opposites", "love", "hate", "enjoy"),
        ("opposites", "hot", "cold", "warm"),
        ("opposites", "quickly", "slowly", "rapidly"),
    ],
)
def test_relations(relation: str, word: str, among: str, not_among: str, thesaurus: Thesaurus) -> None:
    found = related(thesaurus, relation, word)
    assert set(among.split()) <= found
    assert not set(not_among.split()) & found
    assert word not in found


def test_opposites_are_mutual_and_strengths_are_shares(thesaurus: Thesaurus) -> None:
    for relation in (thesaurus.synonyms, thesaurus.similar, thesaurus.inflections, thesaurus.opposites):
        assert len(relation) == len(thesaurus.words)
        assert all(strength > 0 for strengths in relation for strength in strengths.values())
    for at, against in enumerate(thesaurus.opposites):
        assert all(at in thesaurus.opposites[other] for other in against)


@pytest.mark.parametrize(
    ("word", "among", "not_among"),
    [
        ("young", "animal", "dog"),  # a more general noun
        ("animal", "", "dog beagle young"),  # more special ones
        ("love", "enjoy", "hate"),  # for verbs also those
        ("hated", "felt", "feel"),  # in the same form
        ("dog", "", "cat beagle city"),
        ("hot", "warm", "cold cool"),
        ("terrible", "awful dreadful", "good"),  # through "bad"
        ("blue", "", "red"),  # which are both chromatic
    ],
)
def test_looser_relations(word: str, among: str, not_among: str, thesaurus: Thesaurus) -> None:
    asked = thesaurus.find_looser_words(thesaurus.words.index(word))
    found = {thesaurus.words[at] for at in asked}
    assert set(among.split()) <= found
    assert not set(not_among.split()) & found
    assert word not in found
    assert all(0.3 < cosine < 0.6 for cosine in asked.values())


@pytest.mark.parametrize(
    ("one", "other", "exchangeable"),
    [
        ("boring", "awful", True),
        ("quickly", "slowly", True),  # that they are opposites is for others to say
        ("red", "blue", False),
        ("dog", "cat", False),
        ("run", "dance", False),
        ("good", "rapidly", False),
    ],
)
def test_adjectives_and_adverbs_can_be_exchanged(
    one: str, other: str, exchangeable: bool, thesaurus: Thesaurus
) -> None:
    ends = [thesaurus.words.index(word) for word in (one, other)]
    assert thesaurus.are_exchangeable(*ends) is exchangeable
    assert thesaurus.are_exchangeable(*reversed(ends)) is exchangeable
