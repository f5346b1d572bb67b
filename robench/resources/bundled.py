"""What the bundled word vectors and the bundled sentence encoder share: their version, and GloVe's frequent words."""

from __future__ import annotations

from pathlib import Path

from robench.resources.pinned_packages import GLOVE

STAND_IN_VERSION = 2
"""Version of how both stand-ins are made and used. Increase it with any change: names and keys of attacks have it."""

FREQUENT = 100_000
"""The number of GloVe's most frequent words that count as known words of English."""


def read_frequent_words(glove: Path) -> list[str]:
    """Read GloVe's most frequent words, the most frequent first, from the folder of its package."""
    from pyarrow import parquet

    _, words = GLOVE.members
    spellings: list[str] = parquet.read_table(glove / words).column(0)[:FREQUENT].to_pylist()
    return spellings
