"""WordNet 3.0 as tables: what a word can mean, how often it means it, and which meanings are near or opposite.

NLTK's reader builds 600 MB of objects to answer the same for a whole vocabulary; this one reads the files once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_PART_OF_DIGIT = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}

# Regular inflection: (form, ending, what stands in its place in the base form).
_ENDINGS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "n": (
        ("plural", "s", ""),
        ("plural", "ses", "s"),
        ("plural", "xes", "x"),
        ("plural", "zes", "z"),
        ("plural", "ches", "ch"),
        ("plural", "shes", "sh"),
        ("plural", "men", "man"),
        ("plural", "ies", "y"),
    ),
    "v": (
        ("s", "s", ""),
        ("s", "ies", "y"),
        ("s", "es", "e"),
        ("s", "es", ""),
        ("past", "ed", "e"),
        ("past", "ed", ""),
        ("ing", "ing", "e"),
        ("ing", "ing", ""),
    ),
    "a": (("more", "er", ""), ("more", "er", "e"), ("most", "est", ""), ("most", "est", "e")),
    "r": (),
}
_IRREGULAR = {"n": "plural", "v": "past", "a": "more", "r": "more"}


@dataclass(frozen=True, slots=True)
class Synset:
    """One meaning.

    Attributes:
        part: n, v, a or r.
        topic: number of WordNet's lexicographer file, such as 18 for persons.
        words: how it is put in words, spelled as WordNet does (names are capitalised).
        links: (pointer symbol, key of the other synset, word here, word there); words count from 1, 0 means all.
        gloss: its definition.
    """

    part: str
    topic: int
    words: tuple[str, ...]
    links: tuple[tuple[str, str, int, int], ...]
    gloss: str

    def linked_keys(self, *symbols: str) -> Iterator[str]:
        """Keys of the synsets that a pointer of one of these symbols leads to."""
        return (key for symbol, key, _, _ in self.links if symbol in symbols)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a spelling: which base form, in which form, with which meaning.

    Attributes:
        share: how often the spelling is this meaning in WordNet's tagged texts, smoothed; a word's shares sum to 1.
    """

    base: str
    form: str
    key: str
    share: float

    @property
    def part(self) -> str:
        """The part of speech: n, v, a or r."""
        return self.key[0]


class Lexicon:
    """The synsets of a WordNet 3.0 folder and the way from a spelling to them."""

    def __init__(self, folder: Path) -> None:
        self.synsets = {key: synset for part in PARTS for key, synset in _synsets(folder / f"data.{PARTS[part]}", part)}
        self.senses = _senses(folder / "index.sense")
        self.irregular = {part: _irregular(folder / f"{name}.exc") for part, name in PARTS.items()}

    def find_readings(self, word: str) -> list[Reading]:
        """All readings of the lower-case ``word``; also as a name, which :meth:`is_name` tells."""
        found = [
            (base, form, key, count)
            for part in PARTS
            for base, form in self._bases(word, part)
            for key, count in self.senses.get((base, part), ())
        ]
        total = sum(count for *_, count in found)
        return [Reading(base, form, key, count / total) for base, form, key, count in found]

    def is_name(self, reading: Reading) -> bool:
        """The meaning is a single thing (an instance), or is written with a capital."""
        synset = self.synsets[reading.key]
        return reading.base not in synset.words or any(synset.linked_keys("@i"))

    def _bases(self, word: str, part: str) -> Iterator[tuple[str, str]]:
        seen = set()
        irregular = [(base, self._form(word, part)) for base in self.irregular[part].get(word, ())]
        regular = [
            (word.removesuffix(ending) + instead, form)
            for form, ending, instead in _ENDINGS[part]
            if word.endswith(ending)
        ]
        for base, form in [(word, ""), *(irregular or regular)]:
            if base not in seen and (base, part) in self.senses:
                seen.add(base)
                yield base, form

    @staticmethod
    def _form(word: str, part: str) -> str:
        if part == "v" and word.endswith("ing"):
            return "ing"
        if part in "ar" and word.endswith("st"):
            return "most"
        return _IRREGULAR[part]


def _synsets(path: Path, part: str) -> Iterator[tuple[str, Synset]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(" "):
                continue  # the licence
            facts, _, gloss = line.partition(" | ")
            fields = facts.split()
            count = int(fields[3], 16)
            words = tuple(word.partition("(")[0] for word in fields[4 : 4 + 2 * count : 2])
            rest = fields[5 + 2 * count :]
            links = []
            for at in range(0, 4 * int(fields[4 + 2 * count]), 4):
                symbol, offset, other, ends = rest[at : at + 4]
                links.append((symbol, other.replace("s", "a") + offset, int(ends[:2], 16), int(ends[2:], 16)))
            yield part + fields[0], Synset(part, int(fields[1]), words, tuple(links), gloss.strip())


def _senses(path: Path) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """(base form, part) to its synsets, most frequent first, with smoothed counts."""
    numbered = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for line in file:
            sense, offset, number, count = line.split()
            base, _, rest = sense.partition("%")
            part = _PART_OF_DIGIT[rest[0]]
            # Half a time for a sense that the tagged texts lack, less for each that WordNet ranks above it.
            numbered[base, part].append((int(number), part + offset, int(count) + 0.5 / int(number)))
    return {word: [(key, count) for _, key, count in sorted(senses)] for word, senses in numbered.items()}


def _irregular(path: Path) -> dict[str, tuple[str, ...]]:
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {word: tuple(bases) for word, *bases in lines}
