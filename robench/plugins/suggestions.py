"""The sentence for a name that does not exist, with the nearest ones that do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from robench.escaping import show_value

_MOST = 30
"""Most names that a sentence lists."""


def find_near_beginnings(name: str, known: Sequence[str]) -> list[str]:
    """Return the names that begin nearly like a name that may be cut short, and as near as the nearest does.

    Args:
        name: as it was written.
        known: the names that exist, each longer than what is usually written.
    """
    beginnings = {one: one[: len(name) + 1].lower() for one in known}
    near = set(difflib.get_close_matches(name.lower(), set(beginnings.values()), n=3, cutoff=0.8))
    return [one for one, beginning in beginnings.items() if beginning in near]


def explain_unknown(
    what: str,
    name: str,
    known: Sequence[str],
    hint: str,
    *,
    prefix: str = "",
    meanings: Mapping[str, str] | None = None,
) -> str:
    """Make the sentence for a name that does not exist, with the nearest ones that do, or all if they are not too many.

    Args:
        what: what it would be a name of.
        name: as it was written.
        known: the names that exist.
        hint: a last sentence, without its full stop.
        prefix: all names begin with it.
        meanings: of some of the names, which then stand behind them in brackets.
    """
    said = {one: f" ({meaning})" for one, meaning in (meanings or {}).items() if meaning}
    folded = {one.lower(): prefix + one + said.get(one, "") for one in known}
    near = [folded[one] for one in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
    there = ", ".join(folded.values()) if len(folded) <= _MOST else f"{len(folded)} others, none of them like it"
    meant = f"did you mean {' or '.join(near)}?" if near else f"there are {there}."
    return f"unknown {what} {show_value(prefix + name)}: {meant} {hint[0].upper()}{hint[1:]}."
