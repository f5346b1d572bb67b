"""Building TextAttack's attacks with robench's resources, bounds and limits, and copying them for many searches.

How it works: word vectors are put where TextAttack looks for them before it downloads; the recipe is built; then its
bounds, its goal, its sentence encoders and its tag caches are replaced in the finished ``textattack.Attack``. A copy
for another search separates the parts that hold the state of a search and shares everything heavy, such as word vectors
and models.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

from robench import resources
from robench.attacking import bounds, sentence_constraint
from robench.attacking.goal import check_goal, use_precise_scores
from robench.errors import UnitError, run_foreign_code
from robench.escaping import name_type, show_value
from robench.frames import locate
from robench.resources import tags
from robench.resources.textattack import load_textattack
from robench.resources.textattack_guard import block_nltk_downloads

if TYPE_CHECKING:
    from robench.attacking.attack import Attack, Victim

_WHOLE_REQUEST = 2**31
_WORD_VECTORS = "textattack_counterfitted_GLOVE_embedding"


def build_attack(attack: Attack, victim: Victim, *, offline: bool = False) -> Any:
    """Build a ``textattack.Attack`` with the attack's resources, protocol and limits, ready for the engine.

    The result downloads nothing, does not cut calls of the model into batches of 32, and ranks texts of which the model
    is very sure. The engine sets the query budget, which depends on the example.

    Args:
        attack: the attack and its options.
        victim: the model under attack.
        offline: forbid fetching the attack's data.

    Raises:
        UnitError: the goal is something else than a wrong prediction of the victim.
        RobenchError: TextAttack or the attack's data is not available.
    """
    load_textattack(offline=offline)
    from textattack import Attack as TextAttack

    failure = f"the attack {type(attack).__name__} failed before its first text"
    with run_foreign_code(failure, type(attack)):
        attack.prepare(offline=offline)
    if "word-vectors" in attack.needs:
        from textattack.shared import utils

        # WordEmbedding.counterfitted_GLOVE_embedding looks here before it downloads.
        utils.GLOBAL_OBJECTS[_WORD_VECTORS] = resources.load_word_vectors(attack.resources, offline=offline)
    with block_nltk_downloads(), tolerate_missing_homoglyphs():
        with run_foreign_code(failure, type(attack)):
            built = attack.build(victim)
    if not isinstance(built, TextAttack):
        place = locate(type(attack).build)
        raise UnitError(
            f"the attack {type(attack).__name__}{place and f' ({place})'} built {name_type(built)}, not a"
            " textattack.Attack; perhaps its build lacks a return."
        )
    with run_foreign_code(f"the attack {type(attack).__name__} built an attack that cannot be used", type(attack)):
        check_goal(built.goal_function, victim, type(attack).__name__)
        return _adapt(built, attack, offline=offline)


def _adapt(built: Any, attack: Attack, *, offline: bool) -> Any:
    """Return a finished attack with robench's resources, bounds and limits."""
    from textattack.constraints import Constraint

    for constraint in built.constraints:
        if not isinstance(constraint, Constraint):
            raise TypeError(f"{show_value(constraint)} is no constraint")
    if attack.protocol == "textdefender":
        built = bounds.apply_textdefender_bounds(built)
    if attack.max_words_changed is not None:
        from textattack.constraints.overlap import MaxWordsPerturbed

        built.constraints.insert(0, MaxWordsPerturbed(max_percent=attack.max_words_changed))
    _set_sentence_encoders(built, attack, offline=offline)
    if "tagger" in attack.needs:
        _share_tags(built)
    built.goal_function.batch_size = _WHOLE_REQUEST
    use_precise_scores(built)
    copy_attack(built)  # each search has a copy
    return built


def _set_sentence_encoders(built: Any, attack: Attack, *, offline: bool) -> None:
    """Replace the sentence encoder of the attack's constraints by the one that ``resources`` names."""
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    for at, constraint in enumerate(built.constraints):
        if isinstance(constraint, UniversalSentenceEncoder):
            encoder = resources.load_sentence_encoder(attack.resources, offline=offline)
            threshold = constraint.threshold
            if attack.resources == "bundled":
                threshold = sentence_constraint.calibrate_threshold(threshold, constraint.metric)
            built.constraints[at] = sentence_constraint.with_encoder(constraint, encoder, threshold)


def _share_tags(built: Any) -> None:
    """Let constraints on parts of speech share their tagged texts, with each other and with later runs."""
    from textattack.constraints.grammaticality import PartOfSpeech

    for constraint in built.constraints:
        if isinstance(constraint, PartOfSpeech):
            if (constraint.tagger_type, constraint.tagset, constraint.language_nltk) == ("nltk", "universal", "eng"):
                constraint._pos_tag_cache = tags.load_tag_cache()


def save_tags(built: Any) -> None:
    """Save the texts that this attack's constraints have tagged for later runs."""
    for constraint in built.constraints:
        if isinstance(cache := vars(constraint).get("_pos_tag_cache"), tags.TagCache):
            cache.save()


def copy_attack(built: Any) -> Any:
    """Copy an attack that has not been used: TextAttack's own parts are copied, everything else is shared.

    The parts hold the state of one search, so each search needs its own. The objects that they refer to, such as word
    vectors or a language model, are heavy and hold no such state. The caches of the copied parts are new and empty.
    """
    import lru
    from textattack import Attack
    from textattack.constraints import Constraint, PreTransformationConstraint
    from textattack.goal_functions import GoalFunction
    from textattack.search_methods import SearchMethod
    from textattack.transformations import Transformation

    parts = (Attack, GoalFunction, SearchMethod, Transformation, Constraint, PreTransformationConstraint)
    copies: dict[int, Any] = {}

    def copy(value: Any) -> Any:
        if isinstance(value, lru.LRU):
            return lru.LRU(value.get_size())
        if isinstance(value, list | tuple) and any(isinstance(item, parts) for item in value):
            return type(value)(map(copy, value))
        if isinstance(value, MethodType) and isinstance(value.__self__, parts):
            return MethodType(value.__func__, copy(value.__self__))
        if not isinstance(value, parts):
            return value
        if id(value) not in copies:
            copies[id(value)] = twin = object.__new__(type(value))
            twin.__dict__.update({name: copy(item) for name, item in vars(value).items()})
        return copies[id(value)]

    return copy(built)


@contextlib.contextmanager
def tolerate_missing_homoglyphs() -> Iterator[None]:
    """Let TextBugger be built although TextAttack's package lacks a file that it opens but does not use.

    The package of version 0.3.11 lacks ``intentional_homoglyphs.txt``, a table of look-alike characters for the recipe
    ``BadCharacters2021``. TextBugger opens it too, but has a table of its own.
    """
    from textattack.transformations.word_swaps import word_swap_homoglyph_swap as module

    def open_if_present(path: str, *args: Any, **kwargs: Any) -> Any:
        return open(path, *args, **kwargs) if Path(path).exists() else io.StringIO()  # noqa: PTH123  # path is a str

    module.open = open_if_present
    try:
        yield
    finally:
        del module.open
