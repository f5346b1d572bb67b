"""WordNet 3.0 as tables: the meanings of a word, and which meanings are similar or opposite.

NLTK's reader builds 600 MB of objects to answer the same questions for a whole vocabulary. This one reads WordNet's
files once: ``data.*`` hold the synsets, ``index.sense`` lists the meanings of each base form, and ``*.exc`` list the
irregular forms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_PART_OF_DIGIT = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}


@dataclass(frozen=True, slots=True)
class Synset:
    """One meaning, with the words that express it.

    Attributes:
        words: the words with this meaning, spelled as in WordNet (names are capitalised).
        links: (pointer symbol, key of the other synset).
    """

    words: tuple[str, ...]
    links: tuple[tuple[str, str], ...]

    def linked_keys(self, *symbols: str) -> Iterator[str]:
        """Return the keys of the synsets that pointers with one of these symbols lead to."""
        return (key for symbol, key in self.links if symbol in symbols)


class Lexicon:
    """The synsets of WordNet 3.0, and the meanings of its words.

    Args:
        folder: the files of WordNet 3.0.

    Attributes:
        synsets: by their keys: the part of speech and the byte offset in WordNet's file.
        senses: (base form, part of speech) to the keys of its synsets, the most frequent first.
        irregular: for each part of speech, irregular form to base forms.
    """

    def __init__(self, folder: Path) -> None:
        self.synsets = {
            key: synset for part in PARTS for key, synset in _read_synsets(folder / f"data.{PARTS[part]}", part)
        }
        self.senses = _read_senses(folder / "index.sense")
        self.irregular = {part: _read_irregular_forms(folder / f"{name}.exc") for part, name in PARTS.items()}

    def find_opposites(self, key: str) -> set[str]:
        """Return the synsets of the opposite meanings, and those that WordNet groups around them.

        WordNet names the opposite of a few adjectives only. Others are similar to one of these: *tedious* is similar to
        *uninteresting*, the opposite of *interesting*, which *absorbing* is similar to.
        """
        heads = [key, *(self.synsets[key].linked_keys("&") if key[0] == "a" else ())]
        opposite = {other for head in heads for other in self.synsets[head].linked_keys("!")}
        return opposite | {near for other in opposite for near in self.synsets[other].linked_keys("&")}


def _read_synsets(path: Path, part: str) -> Iterator[tuple[str, Synset]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(" "):
                continue  # the licence at the top of the file
            fields = line.partition(" | ")[0].split()
            count = int(fields[3], 16)
            words = tuple(word.partition("(")[0] for word in fields[4 : 4 + 2 * count : 2])
            rest = fields[5 + 2 * count :]
            links = []
            for at in range(0, 4 * int(fields[4 + 2 * count]), 4):
                symbol, offset, other, _ = rest[at : at + 4]
                links.append((symbol, other.replace("s", "a") + offset))
            yield part + fields[0], Synset(words, tuple(links))


def _read_senses(path: Path) -> dict[tuple[str, str], list[str]]:
    numbered: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for line in file:
            sense, offset, number, _ = line.split()
            base, _, rest = sense.partition("%")
            part = _PART_OF_DIGIT[rest[0]]
            numbered[base, part].append((int(number), part + offset))
    return {word: [key for _, key in sorted(senses)] for word, senses in numbered.items()}


def _read_irregular_forms(path: Path) -> dict[str, tuple[str, ...]]:
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {word: tuple(bases) for word, *bases in lines}
