"""Names of rows and columns for people, as short as they can be told apart by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from robench.results.cells import Result, group

_TITLE_FIELDS = ("protocol", "resources")
"""Fields of an attack that its title tells."""


class Label(NamedTuple):
    """The name of a row or column.

    Attributes:
        text: for people.
        ambiguous: whether only a key in it tells it from another one.
    """

    text: str
    ambiguous: bool


class LabelSource(NamedTuple):
    """A defense or attack that needs a name.

    Attributes:
        identity: what tells it from others.
        title: the name to begin with.
        changed: fields that differ from the registered ones.
        key: of a result, if nothing else tells it from others.
    """

    identity: str
    title: str
    changed: Mapping[str, Any]
    key: str


def row_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Name each defense, with changed hyper-parameters; with the key of one of its models if that is not enough."""
    return make_labels([LabelSource(r.row, r.defense.name, r.defense.changed, r.info.model) for r in results])


def column_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Name each attack likewise; with the key of one of its cells if that is not enough."""
    return make_labels(
        LabelSource(
            r.column,
            r.attack.title,
            {name: value for name, value in r.attack.changed.items() if name not in _TITLE_FIELDS},
            r.info.key,
        )
        for r in results
    )


def make_labels(things: Iterable[LabelSource]) -> dict[str, Label]:
    """Name things for people, by identity."""
    texts, keys = {}, {}
    for identity, members in group(things, lambda thing: thing.identity).items():
        # A thing that goes by two names is called by the one under which fewer of its fields are unusual.
        thing = min(members, key=lambda member: (len(member.changed), member.title))
        changed = ", ".join(f"{name}={option_text(value)}" for name, value in sorted(thing.changed.items()))
        texts[identity] = f"{thing.title} ({changed})" if changed else thing.title
        keys[identity] = min(member.key for member in members)[:8]
    count = Counter(texts.values())
    return {
        identity: Label(f"{text} [{keys[identity]}]", True) if count[text] > 1 else Label(text, False)
        for identity, text in texts.items()
    }


def option_text(value: Any) -> str:
    """Write a hyper-parameter as ``--set`` reads it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
