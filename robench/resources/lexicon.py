"""WordNet 3.0 as tables: the meanings of a word, how frequent each is, and which meanings are similar or opposite.

NLTK's reader builds 600 MB of objects to answer the same questions for a whole vocabulary. This one reads WordNet's
files once: ``data.*`` hold the synsets, ``index.sense`` counts how often each word has each meaning in tagged texts,
and ``*.exc`` list the irregular forms. A spelling is first reduced to its possible base forms, by the irregular forms
or else by regular endings. Each synset of each base form is one reading of the spelling.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_PART_OF_DIGIT = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}

# Regular inflection: (form, ending, ending of the base form).
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
    """One meaning, with the words that express it.

    Attributes:
        part: part of speech: n, v, a or r.
        topic: number of WordNet's lexicographer file, such as 18 for persons.
        words: the words with this meaning, spelled as in WordNet (names are capitalised).
        links: (pointer symbol, key of the other synset, word here, word there); words count from 1, and 0 means all.
        gloss: the definition.
    """

    part: str
    topic: int
    words: tuple[str, ...]
    links: tuple[tuple[str, str, int, int], ...]
    gloss: str

    def linked_keys(self, *symbols: str) -> Iterator[str]:
        """Return the keys of the synsets that pointers with one of these symbols lead to."""
        return (key for symbol, key, _, _ in self.links if symbol in symbols)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a spelling.

    Attributes:
        base: the base form.
        form: the inflection, such as ``plural``; empty for the base form.
        key: the synset.
        share: the smoothed share of this meaning among the spelling's uses in WordNet's tagged texts. The shares of a
            spelling sum to 1.
    """

    base: str
    form: str
    key: str
    share: float

    @property
    def part(self) -> str:
        """Return the part of speech: n, v, a or r."""
        return self.key[0]


class Lexicon:
    """The synsets of WordNet 3.0, and the readings of any spelling.

    Args:
        folder: the files of WordNet 3.0.

    Attributes:
        synsets: by their keys: the part of speech and the byte offset in WordNet's file.
        senses: (base form, part of speech) to pairs of synset and smoothed count, most frequent first.
        irregular: for each part of speech, irregular form to base forms.
    """

    def __init__(self, folder: Path) -> None:
        self.synsets = {
            key: synset for part in PARTS for key, synset in _read_synsets(folder / f"data.{PARTS[part]}", part)
        }
        self.senses = _read_senses(folder / "index.sense")
        self.irregular = {part: _read_irregular_forms(folder / f"{name}.exc") for part, name in PARTS.items()}

    def find_readings(self, word: str) -> list[Reading]:
        """Return all readings of the lower-case ``word``, including those as a name (:meth:`is_name`)."""
        found = [
            (base, form, key, count)
            for part in PARTS
            for base, form in self._bases(word, part)
            for key, count in self.senses.get((base, part), ())
        ]
        total = sum(count for *_, count in found)
        return [Reading(base, form, key, count / total) for base, form, key, count in found]

    def is_name(self, reading: Reading) -> bool:
        """Tell whether the meaning is an individual thing (an instance) or is written with a capital."""
        synset = self.synsets[reading.key]
        return reading.base not in synset.words or any(synset.linked_keys("@i"))

    def _bases(self, word: str, part: str) -> Iterator[tuple[str, str]]:
        seen = set()
        irregular = [(base, self._form(word, part)) for base in self.irregular[part].get(word, ())]
        regular = [
            (word.removesuffix(ending) + base_ending, form)
            for form, ending, base_ending in _ENDINGS[part]
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


def _read_synsets(path: Path, part: str) -> Iterator[tuple[str, Synset]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(" "):
                continue  # the licence at the top of the file
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


def _read_senses(path: Path) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """Map (base form, part of speech) to its synsets, most frequent first, with smoothed counts."""
    numbered = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for line in file:
            sense, offset, number, count = line.split()
            base, _, rest = sense.partition("%")
            part = _PART_OF_DIGIT[rest[0]]
            # A sense that never occurs in the tagged texts counts up to half, and less the lower WordNet ranks it.
            numbered[base, part].append((int(number), part + offset, int(count) + 0.5 / int(number)))
    return {word: [(key, count) for _, key, count in sorted(senses)] for word, senses in numbered.items()}


def _read_irregular_forms(path: Path) -> dict[str, tuple[str, ...]]:
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {word: tuple(bases) for word, *bases in lines}
