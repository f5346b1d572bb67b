"""The contract of an attack, and the engine that runs many searches at once."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.attacking.attack import Attack, Victim
    from robench.attacking.build import build_attack
    from robench.attacking.derived_attack import DerivedAttack
    from robench.attacking.engine.random_order import take_random_order
    from robench.attacking.language_model_attack import LanguageModelAttack, MaskedLanguageModelAttack
    from robench.attacking.sentence_constraint import compare_windows, with_encoder
    from robench.escaping import replace_surrogates
    from robench.plugins.option import option

__all__ = [
    "Attack",
    "DerivedAttack",
    "LanguageModelAttack",
    "MaskedLanguageModelAttack",
    "Victim",
    "build_attack",
    "compare_windows",
    "option",
    "replace_surrogates",
    "take_random_order",
    "with_encoder",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
