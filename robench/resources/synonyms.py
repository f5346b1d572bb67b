"""WordNet's one-word synonyms as a table on disk: what PWWS puts in place of a word.

NLTK's reader needs 4 to 8 seconds to start in every process and gives the same words.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robench.paths import cache_dir
from robench.resources import nltk_data, packages
from robench.resources.lexicon import PARTS, Lexicon

# Raise it with any change of the procedure: it names the folder in the cache.
_PROCEDURE = 1
_TABLE = "synonyms.json"

# Regular inflection as NLTK 3.10 undoes it: an ending, and what stands in its place in the base form.
_ENDINGS = {
    "n": (
        *(("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z")),
        *(("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y")),
    ),
    "v": (
        *(("s", ""), ("ies", "y"), ("es", "e"), ("es", "")),
        *(("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    ),
    "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "r": (),
}


def prepare_synonyms(*, offline: bool = False) -> Path:
    """Folder with the table, made in the cache on the first call (3 s).

    Raises:
        RobenchError: WordNet cannot be fetched, or the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps([nltk_data.identify_nltk_data(), _PROCEDURE]).encode()).hexdigest()
    target = cache_dir() / f"synonyms-{digest[:12]}"
    if not target.is_dir():
        corpora = nltk_data.prepare_corpora(offline=offline) / "corpora"
        with packages.building(target) as draft:
            if draft is not None:
                _build(Lexicon(corpora / "wordnet"), draft / _TABLE)
    return target


def load_synonyms(*, offline: bool = False) -> Synonyms:
    """The table of this process.

    Raises:
        RobenchError: as :func:`prepare_synonyms`.
    """
    return _shared(prepare_synonyms(offline=offline))


@functools.cache
def _shared(folder: Path) -> Synonyms:
    return Synonyms(folder)


class Synonyms:
    """Words of all synsets that a word is in, in any part of speech and, if it is an inflected form, as its base."""

    def __init__(self, folder: Path) -> None:
        """Load the table from ``folder``."""
        stored = json.loads((folder / _TABLE).read_text(encoding="utf-8"))
        self._synonyms: dict[str, dict[str, str]] = stored["synonyms"]
        self._irregular: dict[str, dict[str, str]] = stored["irregular"]

    def find(self, word: str) -> list[str]:
        """Synonyms of ``word`` as WordNet spells them, sorted, without ``word`` itself; empty where there are none."""
        found = {
            synonym
            for part in PARTS
            for form in self._forms(word.lower(), part)
            for synonym in self._synonyms[part].get(form, "").split()
        }
        return sorted(found - {word})

    def _forms(self, word: str, part: str) -> Iterator[str]:
        yield word
        if word in self._irregular[part]:
            yield from self._irregular[part][word].split()
        else:
            yield from (word.removesuffix(old) + new for old, new in _ENDINGS[part] if word.endswith(old))


def make_synonym_swap(*, offline: bool = False) -> Any:
    """TextAttack's transformation by WordNet's synonyms, with this table.

    Raises:
        RobenchError: as :func:`prepare_synonyms`.
    """
    return _swap_class()(load_synonyms(offline=offline))


@functools.cache
def _swap_class() -> type[Any]:
    """Define the class when TextAttack is there: its import takes seconds."""
    from textattack.shared.utils import is_one_word
    from textattack.transformations import WordSwapWordNet

    class TabledWordNetSwap(WordSwapWordNet):  # type: ignore[misc]  # TextAttack is untyped
        """The same words as its parent's, which starts NLTK's reader."""

        def __init__(self, synonyms: Synonyms) -> None:
            self.language = "eng"
            self._synonyms = synonyms

        def _get_replacement_words(self, word: str, random: bool = False) -> list[str]:
            return [synonym for synonym in self._synonyms.find(word) if is_one_word(synonym)]

    return TabledWordNetSwap


def _build(lexicon: Lexicon, file: Path) -> None:
    synonyms: dict[str, dict[str, str]] = {part: {} for part in PARTS}
    for (base, part), senses in lexicon.senses.items():
        words = {word for key, _ in senses for word in lexicon.synsets[key].words if "_" not in word}
        synonyms[part][base] = " ".join(sorted(words))
    irregular = {part: {word: " ".join(b) for word, b in bases.items()} for part, bases in lexicon.irregular.items()}
    table = {"synonyms": synonyms, "irregular": irregular}
    file.write_text(json.dumps(table, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
