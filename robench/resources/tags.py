"""A cache of part-of-speech tags, kept on disk for all defenses, attacks and runs.

TextFooler and similar attacks ask for the tags of each candidate word among its neighbours. Every defense is attacked
on the same samples, so most of these stretches of text have been tagged before.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from robench.errors import RobenchError
from robench.paths import atomic_write_text, translate_os_errors
from robench.resources import nltk_data
from robench.resources.build_lock import locate_folder

LIMIT = 100_000
"""Most stretches of text that are kept, about 15 MB; the oldest are dropped first."""


class TagCache:
    """A replacement for the dictionary in which TextAttack's constraint keeps its tags.

    Its keys are words joined by blanks, its values the words and their tags.

    Args:
        file: the file that the tags are read from and saved to.
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
            return  # a word contains a blank, so the key could not be split into the words again
        self._known[joined] = self._new[joined] = " ".join(tags)
        if len(self._known) > LIMIT:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._new.pop(oldest, None)

    def clear(self) -> None:
        """Keep everything. TextAttack clears its cache before each search, but tags depend on the words alone."""

    def save(self) -> None:
        """Add new tags to the file. If it cannot be written, they are lost when the process ends."""
        new, self._new = self._new, {}
        if not new:
            return
        with contextlib.suppress(RobenchError), translate_os_errors(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._file}.lock"):
                known = list((_read(self._file) | new).items())
                atomic_write_text(self._file, json.dumps(dict(known[-LIMIT:])))


def load_tag_cache() -> TagCache:
    """Return the cache for robench's own tagger, which is loaded once a process."""
    import nltk

    identity = [nltk_data.identify_nltk_data(tagger=True)["tagger"], nltk_data.UNIVERSAL_TAGS, nltk.__version__]
    return _load_once(locate_folder("tags", json.dumps(identity)).with_suffix(".json"))


@functools.cache
def _load_once(file: Path) -> TagCache:
    return TagCache(file)


def _read(file: Path) -> dict[str, str]:
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        return {words: tags for words, tags in stored.items() if words.count(" ") == tags.count(" ")}
    except (OSError, ValueError, AttributeError):  # no file, or a damaged one; tags can be made again
        return {}
