"""Every place of a value of JSON, to put something else there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]
"""The way to a value inside another."""


def list_places(value: Any, items: int, place: Place = ()) -> Iterator[Place]:
    """Yield the way to every value inside a value, itself included; in a list, to so many items."""
    yield place
    if isinstance(value, dict):
        for key in value:
            yield from list_places(value[key], items, (*place, key))
    elif isinstance(value, list):
        for index in range(min(len(value), items)):
            yield from list_places(value[index], items, (*place, index))


def replace_at(value: Any, place: Place, new: Any) -> Any:
    """Return a copy of a value with another one at a place."""
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replace_at(value[place[0]], place[1:], new)
    return copy
