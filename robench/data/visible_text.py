"""Whether a text has anything to see."""

from __future__ import annotations

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
"""Unicode's categories of control and format characters, half characters and spaces."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {chr(i) for i in range(0xFE00, 0xFE10)}
"""Characters of other categories that show nothing alone: fillers, the blank Braille pattern, variation selectors."""


def has_sign(text: str) -> bool:
    """Return whether a text has a character that one can see."""
    return any(unicodedata.category(char) not in _INVISIBLE and char not in _BLANK for char in text)
