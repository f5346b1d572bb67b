"""The bounds of TextDefender, which are the same for every attack, so that defenses can be compared.

The source is Li et al. 2021, "Searching for an Effective Defender: Benchmarking Defense against Adversarial Word
Substitution", section 4, and the authors' code. At most 30 % of the words change. The candidates for a word are its 50
nearest neighbours among the counter-fitted vectors. An example costs at most 50 queries per word. Each substitution
keeps a window of 15 words at an angular similarity of at least 0.84 under the Universal Sentence Encoder; texts shorter
than the window are exempt. The attack's own limit on word distance is dropped. An attack that changes characters keeps
its transformation, and the other bounds apply to it too.
"""

from __future__ import annotations

from typing import Any

from robench.attacking.sentence_constraint import compare_windows

CANDIDATES = 50
QUERIES_PER_WORD = 50
MAX_WORDS_CHANGED = 0.3
SIMILARITY = 0.840845057  # the authors' code has TextFooler's number; the paper rounds it


def apply_textdefender_bounds(built: Any) -> Any:
    """Return a ``textattack.Attack`` with these bounds, except for the query budget, which the engine enforces.

    Args:
        built: the ``textattack.Attack`` of the recipe.
    """
    from textattack import Attack
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.semantics import WordEmbeddingDistance
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder
    from textattack.transformations import WordSwapEmbedding

    dropped = (SentenceEncoder, WordEmbeddingDistance, MaxWordsPerturbed)
    constraints = [one for one in built.constraints if not isinstance(one, dropped)]
    similarity = compare_windows(SIMILARITY, metric="angular", with_original=False)
    constraints += [MaxWordsPerturbed(max_percent=MAX_WORDS_CHANGED), similarity]
    transformation = built.transformation
    if _replaces_words(transformation):
        transformation = WordSwapEmbedding(max_candidates=CANDIDATES)
    everything = [*built.pre_transformation_constraints, *constraints]
    return Attack(built.goal_function, everything, transformation, built.search_method)


def _replaces_words(transformation: Any) -> bool:
    from textattack import transformations as classes

    words = (classes.WordSwapEmbedding, classes.WordSwapWordNet, classes.WordSwapHowNet)
    return any(isinstance(one, words) for one in getattr(transformation, "transformations", [transformation]))
