"""Keys of texts in caches: a long text is known by its digest, so that a cache does not hold it."""

from __future__ import annotations

import hashlib

_LONGEST = 200


def make_text_key(text: str) -> str | bytes:
    """Return a text of at most 200 letters as it is, and the digest of a longer one (16 bytes)."""
    if len(text) <= _LONGEST:
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
