"""Changes to a built attack that keep its memory and time in proportion to the length of a text.

How it works: TextAttack makes all candidates of a word at once, sorts them by their texts and sends all of these to the
model. Here a long list is filtered and sent in parts of at most :data:`LETTERS_AT_ONCE` letters, so that the texts of
one part are in memory at a time. Look-alike letters of a long word are made one by one. An edit distance is computed
only as far as its limit. The words of a text that are stopwords are looked up once, and not again for each other word
of it. None of it changes which candidates there are, or their order.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Iterator
from operator import attrgetter
from types import MethodType
from typing import Any

LETTERS_AT_ONCE = 1_000_000
"""Most letters of the texts that are compared, or sent to the model, together."""
TEXTS_REMEMBERED = 32
"""Most texts whose stopwords are remembered."""


def adapt_to_long_texts(built: Any) -> None:
    """Let a ``textattack.Attack`` take long texts; its copies do so, too."""
    from textattack.constraints.overlap import LevenshteinEditDistance
    from textattack.constraints.pre_transformation import StopwordModification
    from textattack.transformations import WordSwapHomoglyphSwap

    built.filter_transformations = MethodType(_filter_in_parts, built)
    built.search_method.filter_transformations = built.filter_transformations
    built.goal_function._call_model_uncached = MethodType(_call_model_in_parts, built.goal_function)
    for constraint in built.constraints:
        if type(constraint) is LevenshteinEditDistance:
            constraint._check_constraint = MethodType(_is_within_edits, constraint)
    for constraint in built.pre_transformation_constraints:
        if type(constraint) is StopwordModification:
            remember = functools.lru_cache(maxsize=TEXTS_REMEMBERED)
            constraint._get_modifiable_indices = remember(constraint._get_modifiable_indices)
    for part in getattr(built.transformation, "transformations", [built.transformation]):
        if type(part) is WordSwapHomoglyphSwap and not part.random_one:
            part._get_replacement_words = MethodType(_look_alikes, part)


def _split(texts: list[Any], length: int) -> Iterator[list[Any]]:
    """Cut a list into parts of at most :data:`LETTERS_AT_ONCE` letters, for texts of about ``length`` letters."""
    size = max(1, LETTERS_AT_ONCE // max(length, 1))
    return (texts[start : start + size] for start in range(0, len(texts), size))


def _filter_in_parts(attack: Any, texts: list[Any], current_text: Any, original_text: Any = None) -> list[Any]:
    """Return the texts that the constraints accept, in the order of their letters; see ``textattack.Attack``."""
    parts = _split(list(texts), len(current_text.text))
    accepted = [type(attack).filter_transformations(attack, part, current_text, original_text) for part in parts]
    return accepted[0] if len(accepted) == 1 else list(heapq.merge(*accepted, key=attrgetter("text")))


def _call_model_in_parts(goal_function: Any, texts: list[Any]) -> Any:
    """Return the model's outputs for the texts, one for each; see ``textattack.GoalFunction``."""
    call = type(goal_function)._call_model_uncached
    parts = list(_split(texts, len(texts[0].text))) if texts else [[]]
    if len(parts) == 1:
        return call(goal_function, texts)
    return [output for part in parts for output in call(goal_function, part)]


def _is_within_edits(constraint: Any, transformed_text: Any, reference_text: Any) -> bool:
    """Return whether a text is within the allowed edits of the reference text.

    Its time grows with the length of the text; without the limit it would grow with the square.
    """
    from rapidfuzz.distance import Levenshtein

    limit = constraint.max_edit_distance
    distance: int = Levenshtein.distance(reference_text.text, transformed_text.text, score_cutoff=limit)
    return bool(distance <= limit)


def _look_alikes(transformation: Any, word: str) -> Iterator[str]:
    """Yield the word with each of its letters that has a look-alike replaced, one at a time."""
    for at, letter in enumerate(word):
        if letter in transformation.homos:
            yield f"{word[:at]}{transformation.homos[letter]}{word[at + 1 :]}"
