"""Labels of rows and columns: as short as possible, but different for different things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from robench.plugins.option import option_text
from robench.results.cells import Result, group

_TITLE_FIELDS = ("protocol", "resources")
"""Fields of an attack that its title shows already."""


class Label(NamedTuple):
    """The label of a row or column.

    Attributes:
        text: the label itself.
        ambiguous: whether only a key distinguishes it from another label.
    """

    text: str
    ambiguous: bool


class LabelSource(NamedTuple):
    """A defense or attack that needs a label.

    Attributes:
        identity: equal for two of them only if they are the same.
        title: the beginning of the label.
        changed: the fields that differ from the registered ones.
        key: key of one of its results, used if nothing else distinguishes its label from others.
    """

    identity: str
    title: str
    changed: Mapping[str, Any]
    key: str


def row_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Label each defense by name and changed hyper-parameters; if that is ambiguous, add the key of a model."""
    return make_labels([LabelSource(r.row, r.defense.name, r.defense.changed, r.info.model) for r in results])


def column_labels(results: Sequence[Result]) -> dict[str, Label]:
    """Label each attack by title and changed fields; if that is ambiguous, add the key of a cell."""
    return make_labels(
        LabelSource(
            r.column,
            r.attack.title,
            {name: value for name, value in r.attack.changed.items() if name not in _TITLE_FIELDS},
            r.info.key,
        )
        for r in results
    )


def make_labels(sources: Iterable[LabelSource]) -> dict[str, Label]:
    """Make a label for each identity."""
    texts, keys = {}, {}
    for identity, members in group(sources, lambda source: source.identity).items():
        # The same defense can have several registered names; the one with the fewest changed fields is the clearest.
        clearest = min(members, key=lambda member: (len(member.changed), member.title))
        changes = ", ".join(f"{name}={option_text(value)}" for name, value in sorted(clearest.changed.items()))
        texts[identity] = f"{clearest.title} ({changes})" if changes else clearest.title
        keys[identity] = min(member.key for member in members)[:8]
    count = Counter(texts.values())
    return {
        identity: Label(f"{text} [{keys[identity]}]", True) if count[text] > 1 else Label(text, False)
        for identity, text in texts.items()
    }
