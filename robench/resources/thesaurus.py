"""Which words of a vocabulary mean the same, nearly the same, or the opposite, by WordNet."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from robench.resources.lexicon import PARTS, Lexicon

Strengths = list[dict[int, float]]

# A part of speech that makes up less than this of a word's uses, or a meaning that makes up less of the part, is rare.
_PART, _MEANING = 0.06, 0.03
# The meanings that decide about words which are related more loosely.
_MAIN = 0.12
_OPPOSITE = 0.05
# WordNet counts all forms of a word under the base form.
_FORMS = 4
# Cosines that a corpus must give words that are related more loosely.
_GENERAL, _SPECIAL, _INDIRECT = 0.4, 0.45, 0.4
# A word that is a name this often is one; a little less often where most of its meanings are names.
_NAME, _MOSTLY_NAME = 0.2, 0.15
_NUMBERS = {"cardinal", "ordinal"}
# WordNet calls colours similar.
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
        form: how the word is inflected, such as "plural"; empty for the base form.
        share: of the word's uses as this part of speech.
    """

    key: str
    base: str
    form: str
    share: float


class Thesaurus:
    """Relations among the words of a vocabulary. Only words in the same inflected form can stand for each other.

    A relation maps, for each word, other words (by index) to its strength: the share of uses in which both words have
    the related meanings, 0 to 1.

    Attributes:
        words: what WordNet knows of the given words, less numbers and names.
        kept: (N,) their positions among the given ones.
        synonyms: words that WordNet gives for the same meaning.
        similar: its clusters of adjectives (colours aside) with "see also", its groups of verbs.
        inflections: other forms of the same base form.
        opposites: antonyms, and what is similar to either of two antonyms.
    """

    def __init__(self, lexicon: Lexicon, words: Sequence[str]) -> None:
        self._synsets = lexicon.synsets
        self._colours = self._cluster(_COLOURS)
        numbers = self._cluster(_NUMBERS)
        found = [(at, word, self._meanings(lexicon, word, numbers)) for at, word in enumerate(words)]
        self.kept = [at for at, _, meanings in found if meanings]
        self.words = [word for _, word, meanings in found if meanings]
        self._of = [meanings for *_, meanings in found if meanings]
        self._main = [[meaning for meaning in meanings if meaning.share >= _MAIN] for meanings in self._of]
        self._colour = [any(meaning.key in self._colours for meaning in main) for main in self._main]
        self._said: dict[str, list[tuple[int, Meaning]]] = defaultdict(list)
        self._derived: dict[tuple[str, str], list[tuple[int, Meaning]]] = defaultdict(list)
        for at, meanings in enumerate(self._of):
            for meaning in meanings:
                self._said[meaning.key].append((at, meaning))
                self._derived[meaning.base, meaning.key[0]].append((at, meaning))
        self.synonyms = self._related(lambda key: [key])
        self.similar = self._related(self._near)
        self.inflections = self._inflections()
        self.opposites = self._opposites()
        self._close = [
            {at, *(word for each in (self.synonyms, self.similar) for word, share in each[at].items() if share >= 0.1)}
            for at in range(len(self.words))
        ]

    def find_looser_words(self, at: int) -> dict[int, float]:
        """Words that may do for word ``at`` where a corpus agrees, with the cosine that it must give them.

        They are more general words; for verbs also more special ones; words of the definition; synonyms of synonyms.
        """
        asked: dict[int, float] = {}
        special: set[int] = set()
        for meaning in self._main[at]:
            part, synset = meaning.key[0], self._synsets[meaning.key]
            general = set(self._saying(synset.linked_keys("@"), meaning.form))
            special |= set(self._saying(synset.linked_keys("~"), meaning.form))
            defining = {
                word
                for base in self._definition(meaning.key)
                for word, other in self._derived.get((base, part), ())
                if self._alike(meaning, other)
            }
            asked |= dict.fromkeys(general | defining, _GENERAL)
        for word in {far for near in self._close[at] for far in self._close[near]} - asked.keys():
            if self.are_comparable(at, word):
                asked[word] = _INDIRECT
        # "Beef" is meat, but meat need not be beef.
        verb = any(meaning.key[0] == "v" for meaning in self._main[at])
        for word in special:
            asked.pop(word, None)
            if verb:
                asked[word] = _SPECIAL
        asked.pop(at, None)
        return asked

    def are_comparable(self, one: int, other: int) -> bool:
        """Both have a main meaning of the same part of speech, form and topic; two colours are not comparable."""
        return not (self._colour[one] and self._colour[other]) and any(
            self._alike(left, right) for left in self._main[one] for right in self._main[other]
        )

    def are_exchangeable(self, one: int, other: int) -> bool:
        """Comparable adjectives, or adverbs in -ly: where those occur alike, one mostly does for the other."""
        return not (self._colour[one] and self._colour[other]) and any(
            self._alike(left, right) and (left.key[0] == "a" or self._both_end_in_ly(one, other))
            for left in self._main[one]
            for right in self._main[other]
            if left.key[0] in "ar"
        )

    def _both_end_in_ly(self, *words: int) -> bool:
        return all(self.words[word].endswith("ly") for word in words)

    def _alike(self, one: Meaning, other: Meaning) -> bool:
        return (
            one.key[0] == other.key[0]
            and one.form == other.form
            and other.share >= _MAIN
            and (one.key[0] in "ar" or self._synsets[one.key].topic == self._synsets[other.key].topic)
        )

    def _meanings(self, lexicon: Lexicon, word: str, numbers: set[str]) -> list[Meaning]:
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

    def _related(self, keys: Callable[[str], Iterable[str]]) -> Strengths:
        found: Strengths = []
        for at, meanings in enumerate(self._of):
            strengths: dict[int, float] = defaultdict(float)
            for meaning in meanings:
                for key in keys(meaning.key):
                    for word, other in self._said.get(key, ()):
                        if word != at and other.form == meaning.form:
                            strengths[word] += min(meaning.share, other.share)
            found.append(dict(strengths))
        return found

    def _inflections(self) -> Strengths:
        found: Strengths = []
        for at, meanings in enumerate(self._of):
            strengths: dict[int, float] = defaultdict(float)
            for meaning in meanings:
                for word, other in self._derived[meaning.base, meaning.key[0]]:
                    if word != at and other.key == meaning.key:
                        strengths[word] += min(meaning.share, other.share)
            found.append(dict(strengths))
        return found

    def _opposites(self) -> Strengths:
        found: Strengths = [{} for _ in self.words]
        for at, meanings in enumerate(self._of):
            for meaning in meanings:
                for key in self._against(meaning.key):
                    for word, other in self._said.get(key, ()):
                        strength = min(meaning.share, other.share)
                        if strength >= _OPPOSITE and word != at:
                            found[at][word] = max(strength, found[at].get(word, 0))
                            found[word][at] = max(strength, found[word].get(at, 0))
        # Words with many meanings can be both; the more frequent relation counts.
        return [
            {word: strength for word, strength in against.items() if self.synonyms[at].get(word, 0) < strength}
            for at, against in enumerate(found)
        ]

    def _near(self, key: str) -> Iterator[str]:
        if key not in self._colours:
            yield from self._synsets[key].linked_keys(*("&^" if key[0] == "a" else "$"))

    def _against(self, key: str) -> set[str]:
        heads = [key, *(self._synsets[key].linked_keys("&") if key[0] == "a" else ())]
        opposite = {other for head in heads for other in self._synsets[head].linked_keys("!")}
        return opposite | {near for other in opposite for near in self._synsets[other].linked_keys("&")}

    def _cluster(self, heads: set[str]) -> set[str]:
        """The adjectives grouped around these words; a head has many satellites, and a satellite one head."""
        near = {key: set(synset.linked_keys("&")) for key, synset in self._synsets.items() if heads & set(synset.words)}
        found = {key for key, satellites in near.items() if len(satellites) > 1}
        return found.union(*(near[key] for key in found))

    def _saying(self, keys: Iterable[str], form: str) -> Iterator[int]:
        for key in keys:
            for word, meaning in self._said.get(key, ()):
                if meaning.form == form and meaning.share >= _MAIN:
                    yield word

    def _definition(self, key: str) -> list[str]:
        """Content words of a definition; of a noun's its beginning, which says what kind of thing it is."""
        text = re.sub(r"\([^)]*\)|\b(not|without|lacking|no) \w+", " ", self._synsets[key].gloss.partition('"')[0])
        words = [word for word in re.findall("[a-z]+", text) if word not in _FUNCTION_WORDS]
        return words[:5] if key[0] == "n" else words
