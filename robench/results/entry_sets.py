"""What the entries of a folder say of each other: two that contradict each other, and seeds that are one model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from robench.results.cells import identity_text
from robench.results.entry_form import Entry

NamedEntry = tuple[Path, Entry]


def find_conflicts(entries: Iterable[NamedEntry]) -> Iterator[tuple[Path, Path]]:
    """Yield pairs of files that are about one model, by one author, and differ: which of them counts, nobody knows."""
    seen: dict[tuple[str, str], NamedEntry] = {}
    for path, entry in entries:
        first, other = seen.setdefault((entry.key, entry.rerun_by), (path, entry))
        if other != entry:
            yield first, path


def find_copied_seeds(entries: Iterable[NamedEntry]) -> Iterator[tuple[Path, Path]]:
    """Yield pairs of files with trained models that differ in the seed alone, and predict the same to the last bit.

    A seed decides the first weights of the classifier, so two seeds never give the same probabilities.
    """
    seen: dict[str, list[NamedEntry]] = {}
    for path, entry in entries:
        if entry.victim is not None or entry.predictions is None:
            continue
        others = seen.setdefault(_identify_but_seed(entry), [])
        same = (first for first, one in others if one.seed != entry.seed and one.predictions == entry.predictions)
        if (first := next(same, None)) is not None:
            yield first, path
        others.append((path, entry))


def _identify_but_seed(entry: Entry) -> str:
    """Return what a model was made of, without its seed and the keys of stages that have one."""
    own = {name: value for name, value in entry.identity.items() if name not in ("seed", "adversarial", "parts")}
    against = entry.trained_against
    attack = against.identity.get("attack") if against else None
    return identity_text([own, attack, [part.defense.identify() for part in entry.parts]])
