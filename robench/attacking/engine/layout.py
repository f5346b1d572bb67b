"""Where the words of a text are, and how one change moves them.

How it works: TextAttack splits a text into words chunk by chunk, a chunk being what stands between whitespace. A change
of one word therefore touches the words of the chunks that it touches, and moves the others. So the layout of a changed
text is that of the text before it with a few entries replaced, and is never computed from the beginning. This holds
unless TextAttack reads a text as a whole: Chinese characters, its own separator of columns, and capital letters whose
lower case has another length or depends on the letters around it (:func:`is_regular`).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]

_CHUNK = re.compile(r"\S+")
_IRREGULAR = re.compile("[\u4e00-\u9fff\u03a3\U0010fffe]")


def is_regular(text: str) -> bool:
    """Return whether TextAttack reads the words of a text one by one."""
    return not _IRREGULAR.search(text) and (text.isascii() or len(text.lower()) == len(text))


class Edit(NamedTuple):
    """The letters from ``start`` to ``end`` of a text are replaced by ``letters``."""

    start: int
    end: int
    letters: str

    def apply(self, text: str) -> str:
        """Return the changed text."""
        return f"{text[: self.start]}{self.letters}{text[self.end :]}"


def make_edit(start: int, old: str, new: str) -> Edit:
    """Return the edit that replaces the word at ``start``, without the letters that both words share at their ends."""
    head = _shared(old, new, min(len(old), len(new)), at_end=False)
    tail = _shared(old, new, min(len(old), len(new)) - head, at_end=True)
    return Edit(start + head, start + len(old) - tail, new[head : len(new) - tail])


def _shared(old: str, new: str, most: int, *, at_end: bool) -> int:
    """Return how many letters two words share at one end, at most so many."""
    least = 0
    while least < most:  # comparing slices is fast, comparing letters is not
        middle = (least + most + 1) // 2
        same = old[len(old) - middle :] == new[len(new) - middle :] if at_end else old[:middle] == new[:middle]
        least, most = (middle, most) if same else (least, middle - 1)
    return least


class Splice(NamedTuple):
    """What an edit does to a layout.

    Attributes:
        first: number of the first word that is replaced.
        last: number of the first word after it that is not.
        words: the words in their place.
        starts: where these begin in the changed text.
        begin: where the first touched chunk begins.
        stop: where the last touched chunk ends, in the text before the edit.
        shift: how far the letters after the edit move.
    """

    first: int
    last: int
    words: list[str]
    starts: list[int]
    begin: int
    stop: int
    shift: int


class TextLayout(NamedTuple):
    """A text, its words, and the places where words begin and chunks begin and end.

    Attributes:
        text: the text.
        words: TextAttack's words.
        starts: where each word begins, (words,).
        chunk_starts: where each chunk begins, (chunks,).
        chunk_ends: where each chunk ends, (chunks,).
    """

    text: str
    words: list[str]
    starts: Places
    chunk_starts: Places
    chunk_ends: Places

    def splice(self, edit: Edit) -> Splice:
        """Return what an edit does to this layout."""
        begin, stop = self._touched_chunks(edit)
        letters = f"{self.text[begin : edit.start]}{edit.letters}{self.text[edit.end : stop]}"
        words, starts, _ = _read_words(letters)
        first, last = self.starts.searchsorted((begin, stop)).tolist()
        shift = len(edit.letters) - (edit.end - edit.start)
        return Splice(first, last, words, [begin + start for start in starts], begin, stop, shift)

    def words_after(self, edit: Edit) -> list[str]:
        """Return the words of the changed text."""
        splice = self.splice(edit)
        return [*self.words[: splice.first], *splice.words, *self.words[splice.last :]]

    def word_count_after(self, edit: Edit) -> int:
        """Return the number of words of the changed text."""
        splice = self.splice(edit)
        return len(self.words) + len(splice.words) - (splice.last - splice.first)

    def word_start_after(self, edit: Edit, number: int) -> int:
        """Return where a word of the changed text begins."""
        splice = self.splice(edit)
        if number < splice.first:
            return int(self.starts[number])
        if number < splice.first + len(splice.words):
            return splice.starts[number - splice.first]
        return int(self.starts[number - len(splice.words) - splice.first + splice.last]) + splice.shift

    def apply(self, edit: Edit) -> TextLayout:
        """Return the layout of the changed text."""
        splice = self.splice(edit)
        text = edit.apply(self.text)
        chunks = [match.span() for match in _CHUNK.finditer(text, splice.begin, splice.stop + splice.shift)]
        before, after = self.chunk_starts.searchsorted((splice.begin, splice.stop)).tolist()

        def replace(places: Places, first: int, last: int, new: list[int]) -> Places:
            return np.concatenate((places[:first], np.array(new, np.int64), places[last:] + splice.shift))

        return TextLayout(
            text,
            [*self.words[: splice.first], *splice.words, *self.words[splice.last :]],
            replace(self.starts, splice.first, splice.last, splice.starts),
            replace(self.chunk_starts, before, after, [start for start, _ in chunks]),
            replace(self.chunk_ends, before, after, [end for _, end in chunks]),
        )

    def _touched_chunks(self, edit: Edit) -> tuple[int, int]:
        """Return where the chunk before an edit begins and the one behind it ends, if it touches them."""
        before = int(self.chunk_starts.searchsorted(edit.start)) - 1  # the last chunk that begins before the edit
        touches = before >= 0 and self.chunk_ends[before] >= edit.start
        begin = int(self.chunk_starts[before]) if touches else edit.start
        behind = int(self.chunk_ends.searchsorted(edit.end, "right"))  # the first chunk that ends behind the edit
        touches = behind < len(self.chunk_ends) and self.chunk_starts[behind] <= edit.end
        return begin, int(self.chunk_ends[behind]) if touches else edit.end


def read_layout(text: str) -> TextLayout:
    """Read the layout of a regular text."""
    words, starts, chunks = _read_words(text)
    places = np.array(chunks, np.int64).reshape(-1, 2)
    return TextLayout(text, words, np.array(starts, np.int64), places[:, 0].copy(), places[:, 1].copy())


def _read_words(text: str) -> tuple[list[str], list[int], list[tuple[int, int]]]:
    """Return the words of a regular text, where they begin, and where its chunks begin and end."""
    split: Any = _splitter()
    words: list[str] = []
    starts: list[int] = []
    chunks: list[tuple[int, int]] = []
    for match in _CHUNK.finditer(text):
        chunk, at = match.group(), 0
        for word in split(chunk):
            at = chunk.index(word, at)
            words.append(word)
            starts.append(match.start() + at)
            at += len(word)
        chunks.append(match.span())
    return words, starts, chunks


def split_words(text: str) -> list[str]:
    """Return TextAttack's words of a text."""
    words: list[str] = _splitter()(text)
    return words


def _splitter() -> Any:
    from textattack.shared import attacked_text  # its function is robench's, which remembers short strings

    return attacked_text.words_from_text


def remove_space(text: str, index: int, edit: Edit) -> Edit:
    """Extend the edit that empties a word by the space before it, or by the one after the first word."""
    if edit.end == len(text):
        return edit
    if index == 0:
        return edit._replace(end=edit.end + (text[edit.end] == " "))
    return edit._replace(start=edit.start - (text[edit.start - 1] == " "))
