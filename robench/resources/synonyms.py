"""WordNet's one-word synonyms as a table on disk, from which PWWS takes its replacements.

NLTK's reader gives the same words, but needs 4 to 8 seconds to start in every process. The table maps each base form to
the words of all its synsets. A word is looked up as it is and as its base form, which is found as NLTK finds it: by
WordNet's list of irregular forms, or else by regular endings.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.resources import nltk_data
from robench.resources.build_lock import build_once, locate_folder
from robench.resources.lexicon import PARTS, Lexicon

# Increase this with any change to the table; it is part of the cache folder's name.
_PROCEDURE = 1
_TABLE = "synonyms.json"

Table = dict[str, dict[str, dict[str, str]]]
"""Words, separated by blanks, by the part of the table, the part of speech and the base form or irregular form."""

# Regular inflection as NLTK 3.10 undoes it: (ending, ending of the base form).
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
    """Return the folder of the table, which is built in the cache on the first call (3 s).

    Raises:
        RobenchError: WordNet cannot be fetched, or the cache cannot be written.
    """
    target = locate_folder("synonyms", json.dumps([nltk_data.identify_nltk_data(), _PROCEDURE]))
    if not target.is_dir():
        corpora = nltk_data.prepare_corpora(offline=offline) / "corpora"
        with build_once(target) as draft:
            if draft is not None:
                table = _make_table(Lexicon(corpora / "wordnet"))
                text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
                (draft / _TABLE).write_text(text, encoding="utf-8")
    return target


def load_synonyms(*, offline: bool = False) -> Synonyms:
    """Return the table, which is loaded once a process, or made if it cannot be kept in the cache.

    Raises:
        RobenchError: WordNet cannot be fetched.
    """
    try:
        folder = prepare_synonyms(offline=offline)
    except RobenchError:  # the cache is read-only or full
        return _make_once(nltk_data.prepare_corpora(offline=offline) / "corpora")
    return _load_once(folder)


@functools.cache
def _load_once(folder: Path) -> Synonyms:
    return Synonyms(json.loads((folder / _TABLE).read_text(encoding="utf-8")))


@functools.cache
def _make_once(corpora: Path) -> Synonyms:
    return Synonyms(_make_table(Lexicon(corpora / "wordnet")))


class Synonyms:
    """The synonyms of a word: the words of all synsets that contain it or, if it is an inflected form, its base form.

    Args:
        table: the table, with the parts ``synonyms`` and ``irregular``.
    """

    def __init__(self, table: Table) -> None:
        self._synonyms, self._irregular = table["synonyms"], table["irregular"]

    def find(self, word: str) -> list[str]:
        """Return the sorted synonyms of ``word`` in any part of speech, as WordNet spells them, without ``word``."""
        synonyms = {
            synonym
            for part in PARTS
            for form in self._forms(word.lower(), part)
            for synonym in self._synonyms[part].get(form, "").split()
        }
        return sorted(synonyms - {word})

    def _forms(self, word: str, part: str) -> Iterator[str]:
        yield word
        if word in self._irregular[part]:
            yield from self._irregular[part][word].split()
        else:
            yield from (word.removesuffix(old) + new for old, new in _ENDINGS[part] if word.endswith(old))


def make_synonym_swap(*, offline: bool = False) -> Any:
    """Make TextAttack's transformation that replaces words by WordNet's synonyms, with this table.

    Raises:
        RobenchError: as :func:`load_synonyms`.
    """
    return _define_swap_class()(load_synonyms(offline=offline))


@functools.cache
def _define_swap_class() -> type[Any]:
    """Define the class late, because importing TextAttack takes seconds."""
    from textattack.shared.utils import is_one_word
    from textattack.transformations import WordSwapWordNet

    class TabledWordNetSwap(WordSwapWordNet):  # type: ignore[misc]  # TextAttack is untyped
        """Makes the same replacements as its parent, which would start NLTK's reader."""

        def __init__(self, synonyms: Synonyms) -> None:
            self.language = "eng"
            self._synonyms = synonyms

        def _get_replacement_words(self, word: str, random: bool = False) -> list[str]:
            return [synonym for synonym in self._synonyms.find(word) if is_one_word(synonym)]

    return TabledWordNetSwap


def _make_table(lexicon: Lexicon) -> Table:
    synonyms: dict[str, dict[str, str]] = {part: {} for part in PARTS}
    for (base, part), senses in lexicon.senses.items():
        words = {word for key in senses for word in lexicon.synsets[key].words if "_" not in word}
        synonyms[part][base] = " ".join(sorted(words))
    irregular = {part: {word: " ".join(b) for word, b in bases.items()} for part, bases in lexicon.irregular.items()}
    return {"synonyms": synonyms, "irregular": irregular}
