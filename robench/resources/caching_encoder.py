"""An encoder of texts that remembers its latest results: the base of all sentence encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from robench.resources.text_keys import make_text_key

Embeddings = npt.NDArray[np.float32]

DIMENSIONS = 512
CACHED_TEXTS = 10_000
"""Most texts whose embeddings are cached, at 2 or 3 kB each."""


class CachingEncoder(ABC):
    """An encoder of texts that caches the embeddings it made most recently.

    Args:
        cached_texts: most texts in the cache.
    """

    def __init__(self, cached_texts: int = CACHED_TEXTS) -> None:
        self._cached_texts = cached_texts
        self._cache: OrderedDict[str | bytes, Embeddings] = OrderedDict()  # the least recently used text comes first

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Embed N texts as rows of unit length, (N, D), float32.

        A row depends on its own text alone, up to 1e-6. A text that occurs twice is computed once.
        """
        keys = [make_text_key(text) for text in texts]
        unique = dict(zip(keys, texts, strict=True))
        missing = {key: text for key, text in unique.items() if key not in self._cache}
        if missing:
            self._cache.update(zip(missing, self._embed(list(missing.values())), strict=True))
        for key in unique:
            self._cache.move_to_end(key)
        rows = np.stack([self._cache[key] for key in keys]) if unique else np.empty((0, DIMENSIONS), np.float32)
        while len(self._cache) > self._cached_texts:
            self._cache.popitem(last=False)
        return rows

    @abstractmethod
    def _embed(self, texts: list[str]) -> Sequence[Embeddings]:
        """Embed one or more texts, all of them different, as rows (D,)."""
