"""The tokenizer of a masked language model in an attack: short batches, and no words of too many pieces."""

from __future__ import annotations

from typing import Any


class BatchPaddingTokenizer:
    """A tokenizer that pads to the longest text of a batch, although TextAttack requests 512 tokens for each text."""

    def __init__(self, tokenizer: Any, max_pieces: int | None = None) -> None:
        self._tokenizer = tokenizer
        self._max_pieces = max_pieces

    def __call__(self, texts: Any, **options: Any) -> Any:
        """Tokenize texts, padded to the longest one."""
        return self._tokenizer(texts, **{**options, "padding": True})

    def encode(self, word: str, **options: Any) -> list[int]:
        """Return the ids of a word's pieces; none if it has too many pieces, so that TextAttack leaves it unchanged."""
        pieces: list[int] = self._tokenizer.encode(word, **options)
        return [] if self._max_pieces is not None and len(pieces) > self._max_pieces else pieces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)
