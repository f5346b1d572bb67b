"""Building TextAttack's attacks with robench's resources, bounds and limits, and copying them for many searches."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

from robench import resources
from robench.attacking import bounds, sentence_constraint
from robench.resources import tags
from robench.resources.textattack import load_textattack, without_nltk_downloads

if TYPE_CHECKING:
    from robench.attacking.attack import Attack, Victim

_WHOLE_REQUEST = 2**31
_WORD_VECTORS = "textattack_counterfitted_GLOVE_embedding"


def build_attack(attack: Attack, victim: Victim, *, offline: bool = False) -> Any:
    """Build a ``textattack.Attack`` with the attack's resources, protocol and limits, ready for the engine.

    It downloads nothing and does not cut requests into batches of 32. The limit of queries is the engine's to set.

    Raises:
        RobenchError: TextAttack or its data cannot be had.
    """
    load_textattack(offline=offline)
    attack.prepare(offline=offline)
    if "word-vectors" in attack.needs:
        from textattack.shared import utils

        # Where WordEmbedding.counterfitted_GLOVE_embedding looks before it downloads.
        utils.GLOBAL_OBJECTS[_WORD_VECTORS] = resources.shared_word_vectors(attack.resources, offline=offline)
    with without_nltk_downloads(), tolerate_missing_homoglyphs():
        built = attack.build(victim)
    if attack.protocol == "textdefender":
        built = bounds.apply_textdefender_bounds(built)
    if attack.max_words_changed is not None:
        from textattack.constraints.overlap import MaxWordsPerturbed

        built.constraints.insert(0, MaxWordsPerturbed(max_percent=attack.max_words_changed))
    _encode_sentences(built, attack, offline=offline)
    if "tagger" in attack.needs:
        _remember_tags(built)
    built.goal_function.batch_size = _WHOLE_REQUEST
    return built


def _encode_sentences(built: Any, attack: Attack, *, offline: bool) -> None:
    """Give the attack's constraints on sentences the encoder that it is to have."""
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    for at, constraint in enumerate(built.constraints):
        if isinstance(constraint, UniversalSentenceEncoder):
            encoder = resources.shared_sentence_encoder(attack.resources, offline=offline)
            threshold = constraint.threshold
            if attack.resources == "bundled":
                threshold = sentence_constraint.calibrate_threshold(threshold, constraint.metric)
            built.constraints[at] = sentence_constraint.with_encoder(constraint, encoder, threshold)


def _remember_tags(built: Any) -> None:
    """Let constraints on parts of speech share what has been tagged, with each other and with later runs."""
    from textattack.constraints.grammaticality import PartOfSpeech

    for constraint in built.constraints:
        if isinstance(constraint, PartOfSpeech):
            if (constraint.tagger_type, constraint.tagset, constraint.language_nltk) == ("nltk", "universal", "eng"):
                constraint._pos_tag_cache = tags.shared()


def save_tags(built: Any) -> None:
    """Keep for later runs what this attack's constraints have tagged."""
    for constraint in built.constraints:
        if isinstance(found := vars(constraint).get("_pos_tag_cache"), tags.Tags):
            found.save()


def copy_attack(built: Any) -> Any:
    """Copy an attack that has not been used: TextAttack's own parts are separate, everything else is shared.

    Parts hold the state of one search, so two searches need two. What they refer to, such as word vectors or a language
    model, is heavy and has no such state. Caches of a part are new and empty.
    """
    import lru
    from textattack import Attack
    from textattack.constraints import Constraint, PreTransformationConstraint
    from textattack.goal_functions import GoalFunction
    from textattack.search_methods import SearchMethod
    from textattack.transformations import Transformation

    parts = (Attack, GoalFunction, SearchMethod, Transformation, Constraint, PreTransformationConstraint)
    made: dict[int, Any] = {}

    def copy(value: Any) -> Any:
        if isinstance(value, lru.LRU):
            return lru.LRU(value.get_size())
        if isinstance(value, list | tuple) and any(isinstance(item, parts) for item in value):
            return type(value)(map(copy, value))
        if isinstance(value, MethodType) and isinstance(value.__self__, parts):
            return MethodType(value.__func__, copy(value.__self__))
        if not isinstance(value, parts):
            return value
        if id(value) not in made:
            made[id(value)] = twin = object.__new__(type(value))
            twin.__dict__.update({name: copy(item) for name, item in vars(value).items()})
        return made[id(value)]

    return copy(built)


@contextlib.contextmanager
def tolerate_missing_homoglyphs() -> Iterator[None]:
    """Let TextBugger be built where TextAttack's package lacks a file that it reads and does not use.

    The package of 0.3.11 was made without ``intentional_homoglyphs.txt``, the look-alikes of the recipe
    ``BadCharacters2021``; TextBugger has its own table of them.
    """
    from textattack.transformations.word_swaps import word_swap_homoglyph_swap as module

    def opened(path: str, *args: Any, **kwargs: Any) -> Any:
        return open(path, *args, **kwargs) if Path(path).exists() else io.StringIO()  # noqa: PTH123  # it gives a str

    module.open = opened
    try:
        yield
    finally:
        del module.open
