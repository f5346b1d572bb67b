"""A text under attack that is kept as one change of another text.

How it works: a search makes thousands of candidates that differ from the current text in one word. TextAttack's
``AttackedText`` keeps all words of each, and a table of where each original word went, so that time and memory grow
with the square of a text's length. :class:`SplicedText` keeps the change alone, and puts together its text, its words
and its tables when they are asked for. Only texts that were changed themselves have these at hand, the latest
:data:`WORDS_AT_HAND` words of them. TextAttack's code sees no difference.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from robench.attacking.engine.changes import Attributes, Change, State
from robench.attacking.engine.layout import Edit, is_regular, make_edit, read_layout, remove_space, split_words

if TYPE_CHECKING:
    from textattack.shared import AttackedText
else:
    AttackedText = object  # importing TextAttack takes seconds; see make_text

WORDS_AT_HAND = 200_000
"""Most words of changed texts whose state is kept, at about 50 bytes a word."""
_OBJECTS = 40
"""What the objects of a state count, in words."""


class _StatesAtHand:
    """The states of the texts that were changed most recently."""

    def __init__(self) -> None:
        self._texts: OrderedDict[int, SplicedText] = OrderedDict()
        self._words = 0

    def keep(self, text: SplicedText, state: State) -> None:
        """Attach a state to its text, and detach those that were not used for longest."""
        text._state = state
        self._texts[id(text)] = text
        self._words += len(state.layout.words) + _OBJECTS
        while self._words > WORDS_AT_HAND and len(self._texts) > 1:
            _, oldest = self._texts.popitem(last=False)
            self._words -= len(oldest._state.layout.words) + _OBJECTS
            oldest._state = None

    def use(self, text: SplicedText) -> None:
        """Note that the state of a text was used."""
        if id(text) in self._texts:
            self._texts.move_to_end(id(text))


_AT_HAND = _StatesAtHand()


def make_text(text: str) -> Any:
    """Make the ``AttackedText`` of a text, whose candidates do not grow with its length."""
    return _define_text_class()(text)


@functools.cache
def _define_text_class() -> type[SplicedText]:
    from textattack.shared import AttackedText

    return type("SplicedAttackedText", (SplicedText, AttackedText), {})


class SplicedText(AttackedText):  # type: ignore[misc]  # TextAttack is untyped
    """What differs from ``AttackedText``, which is the next class in the order of inheritance."""

    __slots__ = ("_change", "_hash", "_input", "_regular", "_state", "attack_attrs")
    # What AttackedText.__init__ would set, which is not called for a changed text.
    _words = _words_per_input = _pos_tags = _ner_tags = None

    def __init__(self, text_input: str | OrderedDict[str, str], attack_attrs: dict[str, Any] | None = None) -> None:
        self._change: Change | None = None
        self._state: Any = None
        self._hash: int | None = None
        self._regular: bool | None = None
        super().__init__(text_input, attack_attrs)

    @classmethod
    def _from_change(cls, change: Change) -> SplicedText:
        text: SplicedText = object.__new__(cls)
        text._change, text._regular, text._state, text._hash = change, True, None, None
        text.attack_attrs = Attributes(change)
        return text

    def state(self) -> State:
        """Return the state of a regular text."""
        if self._state is not None:
            _AT_HAND.use(self)
            state: State = self._state
            return state
        texts: list[Any] = [self]  # an old text's ancestors may have lost their states, too
        while texts[-1]._state is None and texts[-1]._change is not None:
            texts.append(texts[-1]._change.parent)
        first = texts.pop()
        if first._state is None:  # an original keeps its state
            attributes = first.attack_attrs
            modified, places = attributes["modified_indices"], attributes["original_index_map"]
            first._state = State(read_layout(first.text), modified, places)
        state = first._state
        for text in reversed(texts):
            assert text._change is not None, "only the first text may be an original"
            state = text.attack_attrs.settle(text._change.apply(state))
        if self is not first:
            _AT_HAND.keep(self, state)
        return state

    @property
    def _is_regular(self) -> bool:
        if self._regular is None:
            self._regular = len(self._input) == 1 and is_regular(self.text)
        return self._regular

    @property
    def _text_input(self) -> OrderedDict[str, str]:
        return self._input if self._change is None else OrderedDict(text=self.text)

    @_text_input.setter
    def _text_input(self, value: OrderedDict[str, str]) -> None:
        self._input = value

    @property
    def column_labels(self) -> list[str]:
        """Return the names of the text's columns."""
        return super().column_labels if self._change is None else ["text"]

    @property
    def text(self) -> str:
        """Return the text."""
        if self._change is None:
            return super().text  # type: ignore[no-any-return]
        if self._state is not None:
            return self._state.layout.text  # type: ignore[no-any-return]
        return self._change.edit.apply(self._change.parent.text_at_hand())

    def text_at_hand(self) -> str:
        """Return the text, from the state of a changed text."""
        return self.text if self._change is None else self.state().layout.text

    @property
    def words(self) -> list[str]:
        """Return the words."""
        if self._change is None:
            return super().words  # type: ignore[no-any-return]
        if self._state is not None:
            return self._state.layout.words  # type: ignore[no-any-return]
        return self._change.parent.state().layout.words_after(self._change.edit)

    @property
    def num_words(self) -> int:
        """Return the number of words."""
        if self._change is None or self._state is not None:
            return len(self.words)
        return self._change.parent.state().layout.word_count_after(self._change.edit)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.text)
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not hasattr(other, "attack_attrs") or len(self.attack_attrs) != len(other.attack_attrs):
            return False
        return hash(self) == hash(other) and bool(self.text == getattr(other, "text", None))

    def _text_index_of_word_index(self, i: int) -> int:
        if not self._is_regular or not 0 <= i < self.num_words:
            return super()._text_index_of_word_index(i)  # type: ignore[no-any-return]
        if self._change is None or self._state is not None:
            return int(self.state().layout.starts[i])
        return self._change.parent.state().layout.word_start_after(self._change.edit, i)

    def replace_words_at_indices(self, indices: Iterable[int], new_words: Iterable[str]) -> AttackedText:
        """Return the text with other words at some places; see ``AttackedText``."""
        if change := self._read_change(indices, new_words):
            return self._from_change(change)
        return super().replace_words_at_indices(indices, new_words)

    def generate_new_attacked_text(self, new_words: Sequence[str]) -> AttackedText:
        """Return the text with these words in the places of its own; see ``AttackedText``."""
        plain = super().generate_new_attacked_text(new_words)
        return type(self)(plain._text_input, plain.attack_attrs)

    def _read_change(self, indices: Any, new_words: Any) -> Change | None:
        """Return a replacement of one word as a change; None if TextAttack has to work it out."""
        if len(indices) != 1 or len(new_words) != 1 or "label_names" in self.attack_attrs or not self._is_regular:
            return None
        (index,), (new,) = indices, new_words
        if not isinstance(new, str) or not is_regular(new):
            return None
        layout = self.state().layout
        if not 0 <= index < len(layout.words) or (old := layout.words[index]) == new:
            return None
        found, start = split_words(new), int(layout.starts[index])
        edit = make_edit(start, old, new)
        if not found:
            edit = remove_space(layout.text, index, Edit(start, start + len(old), new))
        return Change(self, edit, int(index), len(found), bool(found) and found[0] == old)
