"""The tokenizer of a masked language model in an attack: short batches, and no words of too many pieces."""

from __future__ import annotations

from typing import Any

from robench.escaping import replace_surrogates


class BatchPaddingTokenizer:
    """A tokenizer that pads to the longest text of a batch, although TextAttack requests 512 tokens for each text.

    BERT-Attack looks up as many positions of a text as a word has pieces by itself. In a text, where a space precedes
    it, the word may have fewer: byte-level vocabularies know "Ġfilm", not "film". The positions of the last word then
    lie beyond the end, so such a text is padded by as many tokens as a word can have pieces.

    Args:
        tokenizer: the tokenizer; of one that pads already, the tokenizer in it is used, and its limit counts no more.
        max_pieces: the most pieces of a word that is changed; None is no limit.
    """

    def __init__(self, tokenizer: Any, max_pieces: int | None = None) -> None:
        self._tokenizer: Any = tokenizer._tokenizer if isinstance(tokenizer, BatchPaddingTokenizer) else tokenizer
        self._max_pieces = max_pieces
        self._is_free_of_context = _is_free_of_context(self._tokenizer)

    def __call__(self, texts: Any, **options: Any) -> Any:
        """Tokenize a text, as BERT-Attack does, or a list of texts, padded to the longest one."""
        if not isinstance(texts, str):
            return self._tokenizer([replace_surrogates(text) for text in texts], **{**options, "padding": True})
        text = replace_surrogates(texts)
        if self._is_free_of_context or not (words := text.split()):
            return self._tokenizer(text, **{**options, "padding": True})
        longest = options["max_length"]
        length = len(self._tokenizer.encode(text, truncation=True, max_length=longest))
        length = min(length + max(len(word.encode()) for word in words), longest)
        return self._tokenizer(text, **{**options, "max_length": length, "padding": "max_length"})

    def encode(self, word: str, **options: Any) -> list[int]:
        """Return the ids of a word's pieces; none if it has too many pieces, so that TextAttack leaves it unchanged."""
        pieces: list[int] = self._tokenizer.encode(replace_surrogates(word), **options)
        return [] if self._max_pieces is not None and len(pieces) > self._max_pieces else pieces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)


def _is_free_of_context(tokenizer: Any) -> bool:
    """Return whether a word has the same pieces by itself as after a space or a bracket, as in WordPiece."""

    def split(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False))

    return split(" a") == split("a") and split("(a") == split("(") + split("a")
