"""Words that may replace a word: Moby's thesaurus and WordNet, in the word's own form.

Moby's thesaurus (Grady Ward, public domain) relates 30,259 words and phrases to lists of others; a relation is read in
both directions, so it is loose: *film* is related to *movie* and to *veil*. WordNet adds the words of a meaning and of
the meanings that it calls similar. Both know base forms. So a word is first read as a form of each possible base, and
the related words are then put in this form: *films* becomes *movies*. Vectors rank what is found here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from robench.resources.inflections import Inflections
from robench.resources.lexicon import Lexicon

_SIMILAR = "&^$"
"""WordNet's links to similar adjectives, to see also, and among verbs of one group."""


class Replacements:
    """The replacements of the words of a vocabulary.

    Args:
        lexicon: WordNet.
        thesaurus: Moby's file, a line ``root,word,word,...`` for each root.
        inflections: the table of :class:`Inflections`.
        words: the vocabulary.
    """

    def __init__(self, lexicon: Lexicon, thesaurus: Path, inflections: Path, words: Collection[str]) -> None:
        self._words = frozenset(words)
        self._lexicon = lexicon
        bases = [(base, part) for base, part in lexicon.senses if base.isascii() and base.isalpha()]
        self._inflections = Inflections(inflections, bases, self._words)
        self._related = read_thesaurus(thesaurus, self._words | {base for base, _ in bases})

    def find(self, word: str) -> set[str]:
        """Return the words of the vocabulary that may replace a word, without its opposites."""
        found = self._related.get(word, set()) & self._words
        opposites: set[str] = set()
        for base, part, form in self._inflections.find_readings(word):
            synonyms, similar, opposite = self._find_relatives(base, part)
            related = self._related.get(base, set()) | synonyms | similar
            found.update(self._inflections.inflect(related, part, form))
            found |= self._inflections.list_forms(base, part)
            opposites.update(self._inflections.inflect(opposite - synonyms, part, form))
        return found - opposites - {word}

    def _find_relatives(self, base: str, part: str) -> tuple[set[str], set[str], set[str]]:
        """Return a base word's synonyms, similar words and opposites in WordNet, as base words."""
        synonyms, similar, opposite = set(), set(), set()
        for key in self._lexicon.senses.get((base, part), ()):
            synonyms |= self._words_of(key)
            for other in self._lexicon.synsets[key].linked_keys(*_SIMILAR):
                similar |= self._words_of(other)
            for other in self._lexicon.find_opposites(key):
                opposite |= self._words_of(other)
        return synonyms, similar, opposite

    def _words_of(self, key: str) -> set[str]:
        return {word.lower() for word in self._lexicon.synsets[key].words}


def read_thesaurus(file: Path, words: Collection[str]) -> dict[str, set[str]]:
    """Read the relations of Moby's thesaurus among the given words, each in both directions."""
    related: dict[str, set[str]] = defaultdict(set)
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            root, *others = line.strip().split(",")
            if root in words:
                known = [word for word in others if word in words]
                related[root].update(known)
                for word in known:
                    related[word].add(root)
    return dict(related)
