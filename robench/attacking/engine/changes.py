"""One change of a text under attack, and what a text and its changes are computed from."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from robench.attacking.engine.layout import Edit, TextLayout


class State(NamedTuple):
    """What a text and its changes are computed from.

    Attributes:
        layout: the text and its words.
        modified: numbers of the words that have been changed since the original text.
        places: where each word of the original text is now, (original words,); -1 if it was deleted.
    """

    layout: TextLayout
    modified: set[int]
    places: npt.NDArray[np.int64]


class ChangedText(Protocol):
    """A text that is changed, see :class:`~robench.attacking.engine.spliced_text.SplicedText`."""

    def state(self) -> State:
        """Return the state of the text."""

    def text_at_hand(self) -> str:
        """Return the text, from its state."""


class Change(NamedTuple):
    """A replacement of one word.

    Attributes:
        parent: the text before.
        edit: the letters that are replaced.
        number: number of the word.
        words: number of the words in its place.
        keeps_place: whether the word is still the first of them.
    """

    parent: ChangedText
    edit: Edit
    number: int
    words: int
    keeps_place: bool

    def newly_modified_indices(self) -> set[int]:
        """Return the numbers of the words that the change brought."""
        return set(range(self.number, self.number + self.words))

    def modified_indices(self) -> set[int]:
        """Return the numbers of all words that have been changed so far."""
        return self._modified(self.parent.state().modified)

    def original_index_map(self) -> npt.NDArray[np.int64]:
        """Return where each word of the original text is now."""
        return self._places(self.parent.state().places)

    def apply(self, state: State) -> State:
        """Return the state of the changed text, given that of its parent."""
        return State(state.layout.apply(self.edit), self._modified(state.modified), self._places(state.places))

    def _modified(self, before: set[int]) -> set[int]:
        if self.words != 1:
            before = {at if at < self.number else at + self.words - 1 for at in before if at != self.number}
        return before | self.newly_modified_indices()

    def _places(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        added = self.words - 1
        if not added:
            return places
        places = places.copy()
        if added == -1:
            places[places == self.number] = -1
        places[places > self.number] += added
        if added > 0 and not self.keeps_place:
            places[places == self.number] += added
        return places


_LATER = object()
"""Stands among a text's attributes for those that its change can tell."""


class Attributes(dict[str, Any]):
    """The attributes that TextAttack attaches to a text; three of them are computed each time they are asked for."""

    __slots__ = ("change",)

    def __init__(self, change: Change) -> None:
        super().__init__(
            newly_modified_indices=_LATER,
            previous_attacked_text=change.parent,
            modified_indices=_LATER,
            original_index_map=_LATER,
        )
        self.change = change

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        return getattr(self.change, key)() if value is _LATER else value

    def get(self, key: str, default: Any = None) -> Any:
        """Return an attribute, or the default."""
        return self[key] if key in self else default

    def settle(self, state: State) -> State:
        """Return the state with what an attack has put in the place of a computed attribute."""
        modified, places = super().__getitem__("modified_indices"), super().__getitem__("original_index_map")
        if modified is not _LATER:
            state = state._replace(modified=modified)
        return state if places is _LATER else state._replace(places=places)
