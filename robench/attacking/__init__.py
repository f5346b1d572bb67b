"""The contract of an attack, and the engine that runs many searches at once."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.attacking.attack import Attack, Victim
    from robench.attacking.build import build_attack
    from robench.attacking.language_model_attack import MaskedModelAttack, ModelAttack
    from robench.attacking.sentence_constraint import with_encoder
    from robench.plugins.option import option

__all__ = [
    "Attack",
    "MaskedModelAttack",
    "ModelAttack",
    "Victim",
    "build_attack",
    "option",
    "with_encoder",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "Attack": "attack",
        "MaskedModelAttack": "language_model_attack",
        "ModelAttack": "language_model_attack",
        "Victim": "attack",
        "build_attack": "build",
        "option": "attack",
        "with_encoder": "sentence_constraint",
    },
)
