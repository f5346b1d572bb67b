"""The protocol under which TextDefender compares defenses: the same bounds for every attack.

Li et al. 2021, "Searching for an Effective Defender: Benchmarking Defense against Adversarial Word Substitution",
section 4, and the authors' code: at most 30 % of the words change, every word has the 50 nearest neighbours of the
counter-fitted vectors as its candidates, an example costs at most 50 queries a word, and each substitution keeps a
window of 15 words within an angular similarity of 0.84 of the Universal Sentence Encoder, texts shorter than the window
excepted. The word distance that an attack has of its own is left out. An attack that changes characters keeps its
transformation; its other bounds are these.
"""

from __future__ import annotations

from typing import Any

CANDIDATES = 50
QUERIES_PER_WORD = 50
MAX_WORDS_CHANGED = 0.3
SIMILARITY = 0.840845057  # the authors' code has TextFooler's number; the paper rounds it


def apply_textdefender_bounds(built: Any) -> Any:
    """Return the ``textattack.Attack`` under those bounds; what it cannot keep to is the caller's: the query budget."""
    from textattack import Attack
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.semantics import WordEmbeddingDistance
    from textattack.constraints.semantics.sentence_encoders import SentenceEncoder, UniversalSentenceEncoder
    from textattack.transformations import WordSwapEmbedding

    replaced = (SentenceEncoder, WordEmbeddingDistance, MaxWordsPerturbed)
    constraints = [one for one in built.constraints if not isinstance(one, replaced)]
    similarity = UniversalSentenceEncoder(
        threshold=SIMILARITY,
        metric="angular",
        compare_against_original=False,
        window_size=15,
        skip_text_shorter_than_window=True,
    )
    constraints += [MaxWordsPerturbed(max_percent=MAX_WORDS_CHANGED), similarity]
    transformation = built.transformation
    if _replaces_words(transformation):
        transformation = WordSwapEmbedding(max_candidates=CANDIDATES)
    everything = [*built.pre_transformation_constraints, *constraints]
    return Attack(built.goal_function, everything, transformation, built.search_method)


def _replaces_words(transformation: Any) -> bool:
    from textattack import transformations as known

    words = (known.WordSwapEmbedding, known.WordSwapWordNet, known.WordSwapHowNet)
    return any(isinstance(one, words) for one in getattr(transformation, "transformations", [transformation]))
