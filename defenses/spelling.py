"""Spelling: look-alikes and misspelt words are put right before Base reads a text."""

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from random import Random
from typing import Any, ClassVar

from robench.models import Batch, Classifier
from robench.training import Defense, Style, Terms, cross_entropy, option

_WORD = re.compile(
    r"(?P<contraction>[^\W\d_]*'(?:[dmst]|ll|re|ve)\b|\b(?:ai|ca|sha|wo)(?= n't\b))|[^\W\d_]{2,}", re.IGNORECASE
)
"""A word, or a contraction: ``isn't``, ``film's``, and its parts in texts that were split, ``wo n't`` and ``'ll``."""
_PACKAGES = ("confusable-homoglyphs", "symspellpy")


@dataclass(frozen=True, kw_only=True)
class Spelling(Defense):
    """Base behind a spelling corrector: what an engineer tries first against attacks on characters.

    It trains as Base, on clean texts. Before the network reads a text, each character that Unicode lists as confusable
    with one of ASCII becomes that one, full-width and mathematical letters become plain ones (NFKC), and each word that
    is not in SymSpell's English dictionary becomes the most frequent word of the least edit distance, if there is one.
    Words of one letter, and words that were split in two, stay. So do contractions and possessives, whose stems are no
    words ("doesn't" is not "does't"), and words in capitals, which the dictionary does not have ("NASA" is not "Casa").
    The versions of both packages are part of the key.
    """

    style: ClassVar[Style] = Style(title="Spelling", hue="grey", pattern="ruled")

    distance: int = option(
        1,
        "most edits between a word and its correction; two letters that changed places are one edit",
        minimum=1,
        maximum=2,
        source="ours: DeepWordBug and TextBugger edit a word once; SymSpell's default is 2",
    )

    def identify_resources(self) -> Mapping[str, str]:
        """Return the versions of the packages."""
        return {name: metadata.version(name) for name in _PACKAGES}

    def read(self, text: str, stream: Random) -> Iterator[str]:
        """Yield the text with look-alikes and misspelt words put right."""
        plain = "".join(map(undo_look_alike, text))
        yield _WORD.sub(self._correct, plain)

    def _correct(self, found: re.Match[str]) -> str:
        return found[0] if found["contraction"] or found[0].isupper() else correct(found[0], self.distance)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy."""
        (network,) = networks
        return {"ce": cross_entropy(network(batch.texts).logits, batch.labels)}


@functools.cache
def undo_look_alike(character: str) -> str:
    """Return the first ASCII character that Unicode lists as confusable with another one; else its NFKC form."""
    from confusable_homoglyphs.confusables import confusables_data

    if character.isascii():
        return character
    listed = (entry["c"] for entry in confusables_data.get(character, ()))
    alike = (one for one in listed if len(one) == 1 and one.isascii())
    return next(alike, unicodedata.normalize("NFKC", character))


@functools.lru_cache(maxsize=100_000)
def correct(word: str, distance: int) -> str:
    """Return the correction of a word, or the word itself if it is known or too far from all known words."""
    from symspellpy import Verbosity

    dictionary = _load_dictionary(distance)
    found = dictionary.lookup(word.lower(), Verbosity.TOP, max_edit_distance=distance)
    if not found or found[0].distance == 0:
        return word
    return str(found[0].term.capitalize() if word[0].isupper() else found[0].term)


@functools.cache
def _load_dictionary(distance: int) -> Any:
    from symspellpy import SymSpell

    dictionary = SymSpell(max_dictionary_edit_distance=distance)
    dictionary.load_dictionary(resources.files("symspellpy") / "frequency_dictionary_en_82_765.txt", 0, 1)
    return dictionary
