"""Part-of-speech tags, found once for all defenses, attacks and runs.

TextFooler and its kin ask for the tags of a word among its neighbours for each candidate. Every defense is attacked on
the same samples, so most of them have been tagged before.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from robench.errors import RobenchError
from robench.paths import atomic_write_text, cache_dir, translate_os_errors
from robench.resources import nltk_data

LIMIT = 100_000
"""Stretches of text whose tags are kept, about 15 MB; the oldest are forgotten first."""


class TagCache:
    """Stands where TextAttack's constraint keeps its tags: words joined by blanks, to the words and their tags.

    Args:
        file: what it knows is read from there.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _read(file)
        self._new: dict[str, str] = {}

    def __contains__(self, joined: str) -> bool:
        return joined in self._known

    def __getitem__(self, joined: str) -> tuple[list[str], list[str]]:
        return joined.split(" "), self._known[joined].split(" ")

    def __setitem__(self, joined: str, tagged: tuple[Sequence[str], Sequence[str]]) -> None:
        words, tags = tagged
        if joined.split(" ") != list(words):
            return  # a blank within a word: the words could not be told apart again
        self._known[joined] = self._new[joined] = " ".join(tags)
        if len(self._known) > LIMIT:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._new.pop(oldest, None)

    def clear(self) -> None:
        """Forget nothing: TextAttack asks before each search, and tags depend on the words alone."""

    def save(self) -> None:
        """Add what is new to the file; where that cannot be written, it is lost with the process."""
        new, self._new = self._new, {}
        if not new:
            return
        with contextlib.suppress(RobenchError), translate_os_errors(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._file}.lock"):
                known = list((_read(self._file) | new).items())
                atomic_write_text(self._file, json.dumps(dict(known[-LIMIT:])))


def load_tag_cache() -> TagCache:
    """The tags of robench's own tagger, one object for the whole process."""
    import nltk

    made_by = [nltk_data.identify_nltk_data(tagger=True)["tagger"], nltk_data.UNIVERSAL_TAGS, nltk.__version__]
    digest = hashlib.sha256(json.dumps(made_by).encode()).hexdigest()
    return _shared(cache_dir() / f"tags-{digest[:12]}.json")


@functools.cache
def _shared(file: Path) -> TagCache:
    return TagCache(file)


def _read(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {words: tags for words, tags in found.items() if words.count(" ") == tags.count(" ")}
    except (OSError, ValueError, AttributeError):  # nothing there, or damaged: it is only a memory
        return {}
