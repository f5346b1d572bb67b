"""Words of a vocabulary that mean the same, nearly the same, or the opposite, according to WordNet.

Each word first gets its frequent meanings, with their shares of the word's uses as one part of speech. Names, numbers
and rare meanings are left out. Two words are related if WordNet links a meaning of one to a meaning of the other, and
both words are in the same inflected form. The strength of the relation adds up, over all such pairs of meanings, the
smaller of the two shares. WordNet is too coarse for looser relations (more general words, words of the definition,
synonyms of synonyms), so these come with the cosine that word vectors must give them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from robench.resources.lexicon import PARTS, Lexicon

Strengths = list[dict[int, float]]
"""For each word, the strength of its relation to other words, 0 to 1."""

# Least share of a part of speech in a word's uses, and of a meaning in the uses as that part of speech.
_PART, _MEANING = 0.06, 0.03
# Least share of a main meaning. Only main meanings count in looser relations.
_MAIN = 0.12
# Least strength of an opposite.
_OPPOSITE = 0.05
# WordNet counts all forms of a word under its base form, so an inflected form gets a part of the count.
_FORMS = 4
# Least cosines of word vectors for looser relations.
_GENERAL, _SPECIAL, _INDIRECT = 0.4, 0.45, 0.4
# Share of uses as a name from which a word counts as a name; the second holds if most of its meanings are names.
_NAME, _MOSTLY_NAME = 0.2, 0.15
_NUMBERS = {"cardinal", "ordinal"}
# WordNet lists colours as similar to each other.
_COLOURS = {"chromatic", "achromatic"}
_FUNCTION_WORDS = frozenset(
    "a an and as be being by cause for from has have having in is it its more not of on one or someone something "
    "that the to use used very with".split()
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """One meaning of a word of the vocabulary.

    Attributes:
        key: the synset; its first letter is the part of speech.
        base: the base form.
        form: the inflection, such as "plural"; empty for the base form.
        share: share of this meaning in the word's uses as this part of speech.
    """

    key: str
    base: str
    form: str
    share: float


class Thesaurus:
    """Relations among the words of a vocabulary, which are numbered from 0.

    Args:
        lexicon: WordNet.
        words: lower-case words.

    Attributes:
        words: (N,) the given words that WordNet knows, without numbers and names.
        kept: (N,) their positions among the given words.
        synonyms: words with the same meaning.
        similar: WordNet's clusters of adjectives (except colours) with "see also", and its groups of verbs.
        inflections: other forms of the same base form.
        opposites: antonyms, and words that are similar to one of two antonyms.
    """

    def __init__(self, lexicon: Lexicon, words: Sequence[str]) -> None:
        self._synsets = lexicon.synsets
        self._colours = self._find_cluster(_COLOURS)
        numbers = self._find_cluster(_NUMBERS)
        entries = [(at, word, self._find_meanings(lexicon, word, numbers)) for at, word in enumerate(words)]
        self.kept = [at for at, _, meanings in entries if meanings]
        self.words = [word for _, word, meanings in entries if meanings]
        self._meanings = [meanings for *_, meanings in entries if meanings]
        self._main_meanings = [
            [meaning for meaning in meanings if meaning.share >= _MAIN] for meanings in self._meanings
        ]
        self._is_colour = [any(meaning.key in self._colours for meaning in main) for main in self._main_meanings]
        self._words_by_synset: dict[str, list[tuple[int, Meaning]]] = defaultdict(list)
        self._words_by_base: dict[tuple[str, str], list[tuple[int, Meaning]]] = defaultdict(list)
        for at, meanings in enumerate(self._meanings):
            for meaning in meanings:
                self._words_by_synset[meaning.key].append((at, meaning))
                self._words_by_base[meaning.base, meaning.key[0]].append((at, meaning))
        self.synonyms = self._relate(lambda key: [key])
        self.similar = self._relate(self._similar_synsets)
        self.inflections = self._relate_inflections()
        self.opposites = self._relate_opposites()
        self._close = [
            {at, *(word for each in (self.synonyms, self.similar) for word, share in each[at].items() if share >= 0.1)}
            for at in range(len(self.words))
        ]

    def find_looser_words(self, at: int) -> dict[int, float]:
        """Find words that may replace word ``at`` if word vectors agree.

        They are more general words, for verbs also more special ones, words of the definition, and synonyms of
        synonyms.

        Returns:
            The least cosine of word vectors for each of these words.
        """
        cosines: dict[int, float] = {}
        special: set[int] = set()
        for meaning in self._main_meanings[at]:
            part, synset = meaning.key[0], self._synsets[meaning.key]
            general = set(self._words_with(synset.linked_keys("@"), meaning.form))
            special |= set(self._words_with(synset.linked_keys("~"), meaning.form))
            defining = {
                word
                for base in self._definition_words(meaning.key)
                for word, other in self._words_by_base.get((base, part), ())
                if self._are_alike(meaning, other)
            }
            cosines |= dict.fromkeys(general | defining, _GENERAL)
        for word in {far for near in self._close[at] for far in self._close[near]} - cosines.keys():
            if self.are_comparable(at, word):
                cosines[word] = _INDIRECT
        # A more special noun is no replacement: beef is meat, but meat need not be beef.
        verb = any(meaning.key[0] == "v" for meaning in self._main_meanings[at])
        for word in special:
            cosines.pop(word, None)
            if verb:
                cosines[word] = _SPECIAL
        cosines.pop(at, None)
        return cosines

    def are_comparable(self, one: int, other: int) -> bool:
        """Tell whether two words share a part of speech, form and topic in a main meaning and are not both colours."""
        return not (self._is_colour[one] and self._is_colour[other]) and any(
            self._are_alike(left, right) for left in self._main_meanings[one] for right in self._main_meanings[other]
        )

    def are_exchangeable(self, one: int, other: int) -> bool:
        """Tell whether two words are comparable adjectives or adverbs in -ly.

        Such words can mostly replace each other if they occur in similar contexts.
        """
        return not (self._is_colour[one] and self._is_colour[other]) and any(
            self._are_alike(left, right) and (left.key[0] == "a" or self._both_end_in_ly(one, other))
            for left in self._main_meanings[one]
            for right in self._main_meanings[other]
            if left.key[0] in "ar"
        )

    def _both_end_in_ly(self, *words: int) -> bool:
        return all(self.words[word].endswith("ly") for word in words)

    def _are_alike(self, one: Meaning, other: Meaning) -> bool:
        return (
            one.key[0] == other.key[0]
            and one.form == other.form
            and other.share >= _MAIN
            and (one.key[0] in "ar" or self._synsets[one.key].topic == self._synsets[other.key].topic)
        )

    def _find_meanings(self, lexicon: Lexicon, word: str, numbers: set[str]) -> list[Meaning]:
        readings = lexicon.find_readings(word)
        names = [reading for reading in readings if lexicon.is_name(reading)]
        as_name = sum(name.share for name in names)
        if as_name >= _NAME or (2 * len(names) >= len(readings) and as_name >= _MOSTLY_NAME):
            return []
        uses: dict[str, dict[tuple[str, str, str], float]] = {part: defaultdict(float) for part in PARTS}
        for reading in readings:
            if not lexicon.is_name(reading):
                share = reading.share / (_FORMS if reading.form else 1)
                uses[reading.part][reading.key, reading.base, reading.form] += share
        total = sum(sum(part.values()) for part in uses.values())
        if sum(share for part in uses.values() for (key, *_), share in part.items() if key in numbers) > 0.3 * total:
            return []
        return [
            Meaning(key, base, form, share / sum(part.values()))
            for part in uses.values()
            if sum(part.values()) >= _PART * total
            for (key, base, form), share in part.items()
            if share >= _MEANING * sum(part.values())
        ]

    def _relate(self, keys: Callable[[str], Iterable[str]]) -> Strengths:
        relation: Strengths = []
        for at, meanings in enumerate(self._meanings):
            strengths: dict[int, float] = defaultdict(float)
            for meaning in meanings:
                for key in keys(meaning.key):
                    for word, other in self._words_by_synset.get(key, ()):
                        if word != at and other.form == meaning.form:
                            strengths[word] += min(meaning.share, other.share)
            relation.append(dict(strengths))
        return relation

    def _relate_inflections(self) -> Strengths:
        relation: Strengths = []
        for at, meanings in enumerate(self._meanings):
            strengths: dict[int, float] = defaultdict(float)
            for meaning in meanings:
                for word, other in self._words_by_base[meaning.base, meaning.key[0]]:
                    if word != at and other.key == meaning.key:
                        strengths[word] += min(meaning.share, other.share)
            relation.append(dict(strengths))
        return relation

    def _relate_opposites(self) -> Strengths:
        relation: Strengths = [{} for _ in self.words]
        for at, meanings in enumerate(self._meanings):
            for meaning in meanings:
                for key in self._opposite_synsets(meaning.key):
                    for word, other in self._words_by_synset.get(key, ()):
                        strength = min(meaning.share, other.share)
                        if strength >= _OPPOSITE and word != at:
                            relation[at][word] = max(strength, relation[at].get(word, 0))
                            relation[word][at] = max(strength, relation[word].get(at, 0))
        # Words with many meanings can be synonyms and opposites. Then the stronger relation counts.
        return [
            {word: strength for word, strength in opposites.items() if self.synonyms[at].get(word, 0) < strength}
            for at, opposites in enumerate(relation)
        ]

    def _similar_synsets(self, key: str) -> Iterator[str]:
        if key not in self._colours:
            yield from self._synsets[key].linked_keys(*("&^" if key[0] == "a" else "$"))

    def _opposite_synsets(self, key: str) -> set[str]:
        heads = [key, *(self._synsets[key].linked_keys("&") if key[0] == "a" else ())]
        opposite = {other for head in heads for other in self._synsets[head].linked_keys("!")}
        return opposite | {near for other in opposite for near in self._synsets[other].linked_keys("&")}

    def _find_cluster(self, heads: set[str]) -> set[str]:
        """Return the synsets of the adjectives that WordNet groups around these words.

        A head has several satellites, and a satellite has one head, so a synset with one link is not a head.
        """
        near = {key: set(synset.linked_keys("&")) for key, synset in self._synsets.items() if heads & set(synset.words)}
        centres = {key for key, satellites in near.items() if len(satellites) > 1}
        return centres.union(*(near[key] for key in centres))

    def _words_with(self, keys: Iterable[str], form: str) -> Iterator[int]:
        for key in keys:
            for word, meaning in self._words_by_synset.get(key, ()):
                if meaning.form == form and meaning.share >= _MAIN:
                    yield word

    def _definition_words(self, key: str) -> list[str]:
        """Return the content words of a definition. A noun's are the first five, which say what kind of thing it is."""
        text = re.sub(r"\([^)]*\)|\b(not|without|lacking|no) \w+", " ", self._synsets[key].gloss.partition('"')[0])
        words = [word for word in re.findall("[a-z]+", text) if word not in _FUNCTION_WORDS]
        return words[:5] if key[0] == "n" else words
