"""The inflected forms of English words, from the table of the package ``lemminflect``, which is read as a file.

A line of the table is ``base,part of speech,form,form,...``. Forms stand in a fixed order, spellings of one form are
divided by ``/``, and an empty form is spelled like the one before it (the participle *walked* like the past).
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

_FORMS = {
    "noun": ("n", ("plural",)),
    "verb": ("v", ("past", "participle", "ing", "s")),
    "adj": ("a", ("more", "most")),
    "adv": ("r", ("more", "most")),
}

BASE = ""
"""The name of the base form itself."""


class Inflections:
    """The forms of base words, and the base words of a form.

    Args:
        file: the table, compressed by gzip.
        bases: pairs of base form and part of speech (n, v, a or r) that count as words even if the table lacks them.
        words: the vocabulary; other spellings are left out.
    """

    def __init__(self, file: Path, bases: Iterable[tuple[str, str]], words: Collection[str]) -> None:
        self._spellings: dict[tuple[str, str], dict[str, tuple[str, ...]]] = defaultdict(dict)
        self._readings: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        forms: dict[tuple[str, str], dict[str, tuple[str, ...]]]
        forms = {(base, part): {BASE: (base,)} for base, part in bases}
        for base, part, inflected in _read_table(file):
            forms.setdefault((base, part), {BASE: (base,)}).update(inflected)
        for (base, part), by_form in forms.items():
            for form, spellings in by_form.items():
                known = tuple(word for word in spellings if word in words)
                if known:
                    self._spellings[part, form][base] = known
                for word in known:
                    self._readings[word].append((base, part, form))
        self._all_forms = {
            key: frozenset(word for spellings in by_form.values() for word in spellings if word in words)
            for key, by_form in forms.items()
        }

    def find_readings(self, word: str) -> list[tuple[str, str, str]]:
        """Return all ways to read a word of the vocabulary: (base form, part of speech, form)."""
        return self._readings.get(word, [])

    def inflect(self, bases: Iterable[str], part: str, form: str) -> Iterator[str]:
        """Yield this form of several base words that the vocabulary has."""
        spellings = self._spellings[part, form]
        for base in bases:
            yield from spellings.get(base, ())

    def list_forms(self, base: str, part: str) -> frozenset[str]:
        """Return all forms of a base word that the vocabulary has."""
        return self._all_forms[base, part]


def _read_table(file: Path) -> Iterator[tuple[str, str, dict[str, tuple[str, ...]]]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            base, name, *columns = line.rstrip("\n").split(",")
            part, forms = _FORMS[name]
            inflected: dict[str, tuple[str, ...]] = {}
            spellings: tuple[str, ...] = ()
            for form, column in zip(forms, columns, strict=False):
                spellings = tuple(column.split("/")) if column else spellings
                inflected[form] = spellings
            yield base, part, inflected
