"""What an attack changed in a text, word by word."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from robench.results.records import Record


class Span(NamedTuple):
    """A part of an attacked text.

    Attributes:
        before: its words in the original; empty if the attack inserted words.
        after: its words in the final text; empty if the attack removed words.
    """

    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        """Return whether the attack changed it."""
        return self.before != self.after


def align_words(before: str, after: str) -> list[Span]:
    """Compare two texts word by word, and return their equal and different parts in order."""
    old, new = before.split(), after.split()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [Span(" ".join(old[a:b]), " ".join(new[c:d])) for _, a, b, c, d in matcher.get_opcodes()]


def choose_examples(rows: Sequence[Record], count: int) -> list[Record]:
    """Choose the first successes, then the first failures; in the others nothing changed."""
    ordered = [r for status in ("succeeded", "failed") for r in rows if r.status == status]
    return ordered[: max(count, 0)]
