"""Embeddings of long texts that differ in a few words, in time that hardly grows with their length.

How it works: the sentence encoder sums features over the pieces of a text, and the features of a piece depend on the
four pieces on either side of it, its context. The candidates of an attack share nearly all contexts, so the sum of one
is that of another plus the few contexts that it gained, minus those that it lost. The features are rounded to a fixed
point first: sums of integers are exact, so a text's sum is the same whichever text it was computed from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Ids = npt.NDArray[np.int64]
Sum = npt.NDArray[np.int64]

REACH = 4
"""Pieces on either side that a piece's features depend on."""
KNOWN_TEXTS = 16
"""Texts whose sums are kept for the next call."""

_SCALE = 2.0**32
_PIECES = 1024
"""Most pieces of changes in one pass: 20 MB of features."""


class Network(Protocol):
    """The part of the encoder that computes features."""

    def features(self, ids: Ids, owner: Ids) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the features of distinct contexts, and the row of each piece among them."""


class _Text(NamedTuple):
    """The pieces of a text, the number that stands for each piece's context, and the sum of its features."""

    pieces: Ids
    contexts: npt.NDArray[np.uint64]
    sum: Sum


class _Gap(NamedTuple):
    """Neighbouring contexts that a text has oftener than another one, or less often.

    Attributes:
        pieces: the pieces that the contexts reach over.
        places: where the contexts' own pieces are among them, (contexts,).
        times: how much oftener each occurs, (contexts,).
    """

    pieces: Ids
    places: Ids
    times: Ids


class FeatureSums:
    """The sums of the features of long texts.

    Args:
        network: computes features.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: deque[_Text] = deque(maxlen=KNOWN_TEXTS)
        odd = np.random.default_rng(0).integers(1, 2**63, size=2 * REACH + 1, dtype=np.uint64)
        self._factors = odd * np.uint64(2) + np.uint64(1)

    def sums(self, texts: Sequence[list[int]]) -> list[npt.NDArray[np.float32]]:
        """Return the sum of the features of each text, given as the ids of its pieces: (features,) each."""
        results: list[Sum] = []
        pending: list[tuple[int, list[_Gap]]] = []  # number of a text, and what it has beyond the latest known one
        latest: _Text | None = None
        for number, text in enumerate(texts):
            pieces = np.array(text, np.int64)
            contexts = self._name_contexts(pieces)
            gaps = None if latest is None else _compare(latest, pieces, contexts)
            if latest is None or gaps is None:
                latest = _Text(pieces, contexts, self._sum_anew(pieces, contexts))
                self._known.append(latest)
            else:
                pending.append((number, gaps))
            results.append(latest.sum)
        for (number, _), added in zip(pending, self._sum_gaps([gaps for _, gaps in pending]), strict=True):
            results[number] = results[number] + added
        return [(one / _SCALE).astype(np.float32) for one in results]

    def _name_contexts(self, pieces: Ids) -> npt.NDArray[np.uint64]:
        """Return a number for each piece that stands for it and the pieces around it, (pieces,)."""
        padded = np.pad(pieces + 1, REACH).astype(np.uint64)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1)
        mixed = windows * self._factors
        mixed ^= mixed >> np.uint64(29)
        named: npt.NDArray[np.uint64] = (mixed * self._factors[::-1]).sum(axis=1, dtype=np.uint64)
        return named

    def _sum_anew(self, pieces: Ids, contexts: npt.NDArray[np.uint64]) -> Sum:
        """Return the sum of a text, from that of a known text if one is alike."""
        for known in reversed(self._known):
            if (gaps := _compare(known, pieces, contexts)) is not None:
                return known.sum + self._sum_gaps([gaps])[0]
        stretches = [np.arange(start, min(start + _PIECES, len(pieces))) for start in range(0, len(pieces), _PIECES)]
        return self._sum_gaps([[_cut_gap(pieces, places, np.ones_like(places)) for places in stretches]])[0]

    def _sum_gaps(self, texts: list[list[_Gap]]) -> list[Sum]:
        """Return the sum of each text's gaps, each as often as it occurs."""
        import torch

        sums: list[Sum] = [np.zeros(1, np.int64)] * len(texts)
        for group in _group([(number, gap) for number, text in enumerate(texts) for gap in text]):
            lengths = np.array([len(gap.pieces) for _, gap in group])
            starts = np.cumsum(lengths) - lengths
            with torch.inference_mode():
                ids = np.concatenate([gap.pieces for _, gap in group])
                features, at = self._network.features(ids, np.repeat(np.arange(len(group)), lengths))
                for (number, gap), start in zip(group, starts, strict=True):
                    rows = _fix(features[at[torch.from_numpy(start + gap.places)]]).numpy()
                    sums[number] = sums[number] + gap.times @ rows
        return sums


def _group(gaps: list[tuple[int, _Gap]]) -> Iterator[list[tuple[int, _Gap]]]:
    """Cut a list of gaps into parts of about :data:`_PIECES` pieces."""
    group: list[tuple[int, _Gap]] = []
    pieces = 0
    for number, gap in gaps:
        if group and pieces + len(gap.pieces) > _PIECES:
            yield group
            group, pieces = [], 0
        group.append((number, gap))
        pieces += len(gap.pieces)
    if group:
        yield group


def _fix(features: torch.Tensor) -> torch.Tensor:
    """Round features to a fixed point."""
    return (features.double() * _SCALE).round().long()


def _compare(known: _Text, pieces: Ids, contexts: npt.NDArray[np.uint64]) -> list[_Gap] | None:
    """Return the contexts that a text has oftener than a known one (times > 0), or less often (times < 0).

    None if they differ in more contexts than a quarter of the text's.
    """
    shorter = min(len(contexts), len(known.contexts))
    same = known.contexts[:shorter] == contexts[:shorter]
    head = shorter if same.all() else int(same.argmin())
    same = known.contexts[::-1][: shorter - head] == contexts[::-1][: shorter - head]
    tail = shorter - head if same.all() else int(same.argmin())
    old = slice(head, len(known.contexts) - tail)
    new = slice(head, len(contexts) - tail)
    both = np.concatenate((known.contexts[old], contexts[new]))
    old_count = len(known.contexts[old])
    _, first, group = np.unique(both, return_index=True, return_inverse=True)
    signs = np.repeat((-1, 1), (old_count, len(both) - old_count))
    times = np.bincount(group.reshape(-1), weights=signs, minlength=len(first)).astype(int)
    if 4 * np.abs(times).sum() > len(contexts):
        return None
    rows = np.flatnonzero(times)
    rows = rows[first[rows].argsort()]
    at, times = first[rows], times[rows]
    gaps = []
    for run in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) != 1) + 1):
        for is_new in (False, True):  # a run may begin in the one text and end in the other
            part = run[(at[run] >= old_count) == is_new]
            if len(part):
                text = pieces if is_new else known.pieces
                gaps.append(_cut_gap(text, at[part] - old_count * is_new + head, times[part]))
    return gaps


def _cut_gap(pieces: Ids, places: Ids, times: Ids) -> _Gap:
    """Return the contexts at neighbouring places of a text."""
    start = max(int(places[0]) - REACH, 0)
    return _Gap(pieces[start : int(places[-1]) + REACH + 1], places - start, times)
