"""Where a model breaks under attack: the words, the classes and the lengths of text, counted over records.

How it works: a text is *broken* if an attack succeeded on it. Of each broken text the words that its attack changed are
counted, once a text and word, without case and punctuation. How often a word occurs at all in texts that the model had
right before stands beside that, since an attack changes frequent words often for no other reason. A change of that
word alone says most: nothing else can have broken the text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import quantiles
from typing import NamedTuple

from robench.results.changes import align_words
from robench.results.classes import name_class
from robench.results.records import Record
from robench.results.sample_reader import Samples

LENGTH_GROUPS = 4
"""Groups of texts by length, about as many texts in each."""
FEWEST = 5
"""Texts of a class from which on it can be called weak."""
_EDGES = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True)
class WeakWord:
    """A word that attacks change to break texts.

    Attributes:
        word: the word, in lower case.
        broken: broken texts in which it was changed.
        alone: those of them in which nothing else was changed.
        texts: attacked texts with this word that the model had right before.
        instead: what stood there most often instead; empty if the word was removed.
    """

    word: str
    broken: int
    alone: int
    texts: int
    instead: str


@dataclass(frozen=True)
class TextGroup:
    """Texts that have something in common.

    Attributes:
        name: what they have in common.
        clean: texts that the model had right before.
        held: texts that are right after every attack; of a random model, the sum of the shares of draws that are.
        n: texts without an error.

    Of several seeds the numbers are means.
    """

    name: str
    clean: Fraction | int
    held: Fraction | int
    n: Fraction | int


class AttackedSeed(NamedTuple):
    """One seed's model under every attack.

    Attributes:
        cells: the records of each attack.
        stands: whether the model is right about a text after every attack, see :mod:`robench.results.worst`.
    """

    cells: Sequence[Sequence[Record]]
    stands: Samples


def find_weak_words(records: Iterable[Record]) -> list[WeakWord]:
    """Count the words whose change broke texts, those first that broke most.

    Args:
        records: of attacks on one model; a text may occur once for each attack.
    """
    broken: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    instead: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        if record.status in ("succeeded", "failed"):
            texts.update({_bare(word) for word in record.original.split()})
        if record.status != "succeeded":
            continue
        changes = _changed_words(record)
        for word, other in changes.items():
            broken[word] += 1
            alone[word] += len(changes) == 1
            instead[word][other] += 1
    found = [WeakWord(w, n, alone[w], texts[w], _most_frequent(instead[w])) for w, n in broken.items() if w]
    return sorted(found, key=lambda one: (-one.broken, -one.alone, one.texts, one.word))


def _changed_words(record: Record) -> dict[str, str]:
    """Return what stands instead of each word that an attack changed; words of unequal parts stand as a whole."""
    found: dict[str, str] = {}
    for span in align_words(record.original, record.final):
        before, after = span.before.split(), span.after.split()
        if span.before == span.after or not before:
            continue
        others = after if len(after) == len(before) else [span.after] * len(before)
        for word, other in zip(before, others, strict=True):
            found.setdefault(_bare(word), _strip(other) if len(after) == len(before) else other)
    return found


def _bare(word: str) -> str:
    return _strip(word).casefold()


def _strip(word: str) -> str:
    return _EDGES.sub("", word) or word


def _most_frequent(counts: Counter[str]) -> str:
    return min(counts, key=lambda text: (-counts[text], text))


def group_by_class(seeds: Sequence[AttackedSeed], labels: Sequence[str]) -> list[TextGroup]:
    """Count what holds by gold label, the weakest class first, and classes of hardly any texts last.

    Args:
        seeds: the model of each seed under every attack.
        labels: names of the task's labels.
    """
    names = {r.id: name_class(r.label, labels) for r in _list_records(seeds)}
    groups = _average([_groups(*seed, names) for seed in seeds])
    return sorted(groups, key=lambda one: (one.n < FEWEST, Fraction(one.held) / one.n, one.name))


def group_by_length(seeds: Sequence[AttackedSeed]) -> list[TextGroup]:
    """Count what holds by number of words, in groups of about as many texts, the shortest first.

    Args:
        seeds: as in :func:`group_by_class`.
    """
    names = _length_names({record.id: record.words for record in _list_records(seeds)})
    return _average([_groups(*seed, names) for seed in seeds])


def _list_records(seeds: Sequence[AttackedSeed]) -> Iterator[Record]:
    return (record for seed in seeds for cell in seed.cells for record in cell)


def _average(seeds: Sequence[Sequence[TextGroup]]) -> list[TextGroup]:
    """Return the mean of the groups of each name over seeds."""
    by_name: dict[str, list[TextGroup]] = {}
    for group in (group for groups in seeds for group in groups):
        by_name.setdefault(group.name, []).append(group)
    return [
        TextGroup(name, *(Fraction(sum(column)) / len(seeds) for column in zip(*map(_count, groups), strict=True)))
        for name, groups in by_name.items()
    ]


def _count(group: TextGroup) -> tuple[Fraction | int, ...]:
    return group.clean, group.held, group.n


def _length_names(words: Mapping[int, int]) -> dict[int, str]:
    """Return the name of each text's group, in order of length."""
    lengths = sorted(words.values())
    if len(lengths) < 2:
        edges = []
    else:
        edges = sorted({int(edge) for edge in quantiles(lengths, n=LENGTH_GROUPS, method="inclusive")})
    edges = [edge for edge in edges if lengths[0] <= edge < lengths[-1]]
    lows, highs = [lengths[0], *(edge + 1 for edge in edges)], [*edges, lengths[-1]]
    names = [f"{low} words" if low == high else f"{low} to {high} words" for low, high in zip(lows, highs, strict=True)]
    order = sorted(words, key=lambda row: (words[row], row))
    return {row: names[sum(words[row] > edge for edge in edges)] for row in order}


def _groups(cells: Sequence[Sequence[Record]], stands: Samples, names: Mapping[int, str]) -> list[TextGroup]:
    known = {row: held for row, held in stands.items() if held is not None}
    skipped = {record.id for cell in cells for record in cell if record.status == "skipped"}
    found = []
    for name in dict.fromkeys(names.values()):
        rows = [row for row in names if names[row] == name and row in known]
        if rows:
            clean = sum(row not in skipped for row in rows)
            found.append(TextGroup(name, clean, sum((Fraction(known[row]) for row in rows), Fraction()), len(rows)))
    return found
