"""SAFER: randomised smoothing by synonyms."""

import functools
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from robench.models import Batch, Classifier
from robench.resources import Neighbours, identify_bundled_vectors, load_neighbours
from robench.training import Defense, Style, Terms, cross_entropy, option

_CODE = "the authors' code"
_TOKEN = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)


class SynonymSets:
    """The synonyms of each word, and the set from which its random replacement is drawn.

    Two words are synonyms if their cosine reaches ``similarity``. A word's set is the whole component of the graph of
    synonyms that it belongs to, or if this has more than ``size`` words, the ``size`` words of it that are nearest.
    """

    def __init__(self, table: Neighbours, similarity: float, size: int) -> None:
        import numpy as np
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        self._words, self._vectors, self._size, count = table.words, table.vectors, size, len(table.words)
        rows, places = np.nonzero((table.cosines >= similarity) & (table.neighbours != np.arange(count)[:, None]))
        links = coo_array((np.ones(len(rows)), (rows, table.neighbours[rows, places])), (count, count)).tocsr()
        self._links, self._numbers = links + links.T, {word: at for at, word in enumerate(table.words)}
        _, self._labels = connected_components(links, directed=False)
        order = np.argsort(self._labels, kind="stable")
        self._components = np.split(order, np.cumsum(np.bincount(self._labels))[:-1])
        self.find = functools.lru_cache(maxsize=None)(self._find)
        self.bound_shift = functools.lru_cache(maxsize=None)(self._bound_shift)

    def list_synonyms(self, word: str) -> list[str]:
        """Return the synonyms of a word, without itself."""
        at = self._numbers.get(word)
        return [] if at is None else [self._words[i] for i in self._links[[at]].indices]

    def _find(self, word: str) -> tuple[str, ...]:
        at = self._numbers.get(word)
        if at is None:
            return (word,)
        members = self._components[self._labels[at]]
        if len(members) > self._size:
            nearest = (-(self._vectors[members] @ self._vectors[at]).round(6)).argsort(kind="stable")
            members = members[nearest[: self._size]]
        return tuple(self._words[i] for i in members)

    def _bound_shift(self, word: str) -> float:
        """Return the largest total variation distance between the draws for a word and for one of its synonyms."""
        own = set(self.find(word))
        others = [set(self.find(other)) for other in self.list_synonyms(word)]
        return max((1 - len(own & other) / max(len(own), len(other)) for other in others), default=0.0)


_load_sets = functools.cache(lambda similarity, size: SynonymSets(load_neighbours(), similarity, size))


@dataclass(frozen=True, kw_only=True)
class SAFER(Defense):
    """A vote over copies of a text whose words are randomly replaced, on which it trains, too (Ye et al. 2020).

    A word, which is what stands between blanks, without punctuation around it and in lower case, is drawn from its set,
    itself included. The sets are made of the bundled word vectors, a stand-in for the paper's (docs/stand-ins.md).

    Its certificates hold for k words that become synonyms of theirs. If this moves the draw of word i by a variation
    distance of at most q_i, votes change by no more than 1 - the product of the k smallest 1 - q_i (the paper's bound).
    """

    reads_in_training: ClassVar[bool] = True
    certificate: ClassVar[str] = "k words, each replaced by a synonym of its own"
    style: ClassVar[Style] = Style(title="SAFER", hue="green", pattern="ruled")

    similarity: float = option(
        0.8,
        "cosine from which words are synonyms; below 0.7 a word would have more of them than the 50 that are stored",
        minimum=0.7,
        maximum=1,
        source=_CODE,
    )
    set_size: int = option(100, "words of a set at most", minimum=1, source=_CODE)
    votes: int = option(25, "copies of a text that vote on its label", minimum=1, source=f"{_CODE} has 100,000: slow")

    @property
    def texts_read(self) -> int:
        """Return the number of votes."""
        return self.votes

    @property
    def sets(self) -> SynonymSets:
        """Return the sets of all words, which are built once a process."""
        return _load_sets(self.similarity, self.set_size)

    def identify_resources(self) -> Mapping[str, str]:
        """Return the version of the bundled word vectors."""
        return identify_bundled_vectors()

    def prepare(self, *, offline: bool) -> None:
        """Build the bundled word vectors."""
        load_neighbours(offline=offline)

    def read(self, text: str, stream: random.Random) -> Iterator[str]:
        """Yield copies of the text with words replaced, without end."""
        parts = (_TOKEN.fullmatch(token).groups() for token in text.split())  # type: ignore[union-attr]
        choices = [(before, word, self.sets.find(word.lower()), after) for before, word, after in parts]
        while True:
            drawn = ((a, stream.choice(found) if len(found) > 1 else word, b) for a, word, found, b in choices)
            yield " ".join(map("".join, drawn))

    def bound_shift(self, text: str, changes: int) -> float:
        """Return the total variation distance that so many replacements can cause at most."""
        words = (_TOKEN.fullmatch(token)[2].lower() for token in text.split())  # type: ignore[index]
        worst = sorted(map(self.sets.bound_shift, words), reverse=True)[:changes]
        return 1 - math.prod(1 - shift for shift in worst)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy on the texts with replaced words."""
        (network,) = networks
        return {"ce": cross_entropy(network(batch.texts).logits, batch.labels)}
