"""The bounds of TextDefender, which are the same for every attack, so that defenses can be compared.

The source is Li et al. 2021, "Searching for an Effective Defender: Benchmarking Defense against Adversarial Word
Substitution", section 4, and the authors' code. At most 30 % of the words change, and an example costs at most 50
queries per word. Each substitution keeps a window of 15 words at an angular similarity of at least 0.84 under the
Universal Sentence Encoder; texts shorter than the window are exempt. As in the code:

* An attack that takes words from vectors or WordNet takes the 50 nearest neighbours among the counter-fitted vectors
  instead, and loses its own limit on word distance. So TextBugger changes no characters.
* An attack that asks a masked language model takes its 50 likeliest words. BERT-Attack leaves words of several pieces
  as they are, since 50 candidates for each piece are too many combinations.
* All other bounds of an attack stay beside these, such as TextBugger's similarity of the whole text.
* Texts of four words and fewer, split at single spaces, are not attacked: they are no part of the sample.

The share of changed words is TextAttack's ``MaxWordsPerturbed``, as in the code: it is rounded up to whole words, and
words are compared place by place, so after a word that was split or inserted all later ones count as changed.

The bounds are theirs; the searches are those of TextAttack 0.3.11, which differ from the code's:

* Its search of PWWS gives each word only the candidate that was best in the ranking, applies it even if it does not
  help, and stops at the first word without one.
* Its search of TextBugger ranks words by [UNK], where 0.3.11 deletes them.
* Its rankings ask about all words, where 0.3.11 leaves out those that may not change, such as stopwords.
* It draws 50 random edits of a word for DeepWordBug. Here an attack that changes characters keeps its transformation.
"""

from __future__ import annotations

from typing import Any

from robench.attacking.padding_tokenizer import BatchPaddingTokenizer
from robench.attacking.sentence_constraint import compare_windows

CANDIDATES = 50
QUERIES_PER_WORD = 50
MAX_WORDS_CHANGED = 0.3
SIMILARITY = 0.840845057  # the authors' code has TextFooler's number; the paper rounds it
SHORTEST = 5
"""Fewest words of a text that is attacked."""


def is_long_enough(text: str) -> bool:
    """Return whether a text has the words that the protocol asks for, counted as the authors' code does."""
    return len(text.split(" ")) >= SHORTEST


def apply_textdefender_bounds(built: Any) -> Any:
    """Return a ``textattack.Attack`` with these bounds, except for the query budget, which the engine enforces.

    Args:
        built: the ``textattack.Attack`` of the recipe.
    """
    from textattack import Attack
    from textattack.constraints.overlap import MaxWordsPerturbed
    from textattack.constraints.semantics import WordEmbeddingDistance
    from textattack.transformations import WordSwapEmbedding

    constraints, transformation = list(built.constraints), built.transformation
    if _replaces_words(transformation):
        transformation = WordSwapEmbedding(max_candidates=CANDIDATES)
        constraints = [one for one in constraints if not isinstance(one, WordEmbeddingDistance)]
    for part in _parts(transformation):
        _widen_language_model(part)
    window = compare_windows(SIMILARITY, metric="angular", with_original=False)
    constraints = [one for one in constraints if not _is_same_window(one, window)]  # TextFooler has this very bound
    constraints += [MaxWordsPerturbed(max_percent=MAX_WORDS_CHANGED), window]
    everything = [*built.pre_transformation_constraints, *constraints]
    return Attack(built.goal_function, everything, transformation, built.search_method)


def _parts(transformation: Any) -> list[Any]:
    return getattr(transformation, "transformations", [transformation])


def _replaces_words(transformation: Any) -> bool:
    from textattack import transformations as classes

    words = (classes.WordSwapEmbedding, classes.WordSwapWordNet, classes.WordSwapHowNet)
    return any(isinstance(one, words) for one in _parts(transformation))


def _widen_language_model(transformation: Any) -> None:
    """Let a swap by a masked language model have 50 candidates, and replace no single pieces of a word."""
    from textattack.transformations import WordSwapMaskedLM

    if isinstance(transformation, WordSwapMaskedLM):
        transformation.max_candidates = CANDIDATES
        # Only the form that replaces pieces asks for those of a word; the other one masks whole words.
        transformation._lm_tokenizer = BatchPaddingTokenizer(transformation._lm_tokenizer, max_pieces=1)


def _is_same_window(constraint: Any, window: Any) -> bool:
    """Return whether a constraint accepts exactly the texts that a window does."""
    names = ("threshold", "metric", "compare_against_original", "window_size", "skip_text_shorter_than_window")
    return type(constraint) is type(window) and all(getattr(constraint, n) == getattr(window, n) for n in names)
