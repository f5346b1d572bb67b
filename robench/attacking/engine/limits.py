"""The longest text that is attacked.

An attack's work grows at least with the square of a text's words: it leaves each word out in turn. These bounds are
stated in letters and words, never in seconds, so that the same text is attacked on every machine.
"""

from __future__ import annotations

MOST_WORDS = 10_000
"""Most stretches between whitespace; the longest review of IMDB has 2,500."""
MOST_LETTERS = 10_000
"""Most letters of such a stretch."""
WORDS_AT_ONCE = 4_000
"""Most words of all texts that are searched at the same time; a longer text is searched alone."""


def weigh(text: str) -> int:
    """Return the words of a text, as far as memory is concerned: a word of thousands of letters counts as many."""
    return max(len(text.split()), len(text) // 8)


def explain_length(text: str) -> str | None:
    """Return why a text is too long to be attacked; None if it is not."""
    words = text.split()
    if len(words) > MOST_WORDS:
        return f"it has {len(words):,} words, and at most {MOST_WORDS:,} are attacked"
    longest = max(map(len, words), default=0)
    if longest > MOST_LETTERS:
        return f"a word of it has {longest:,} letters, and at most {MOST_LETTERS:,} are attacked"
    return None
