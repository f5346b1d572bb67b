"""The contract of a defense, its losses and perturbations, and the loop that trains every defense."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.plugins.option import option
    from robench.plugins.style import Style
    from robench.training.defense import AdversarialDefense, Defense, FusedDefense, Terms, TrainsOn
    from robench.training.loop import TrainingResult, train
    from robench.training.objectives import Similarity, contrastive, cross_entropy, kl_divergence
    from robench.training.perturbation import (
        VirtualDefense,
        gradient_left,
        gradient_of,
        onto_ball,
        same_dropout,
        uniform_start,
        unit,
    )
    from robench.training.settings import TrainingSettings

__all__ = [
    "AdversarialDefense",
    "Defense",
    "FusedDefense",
    "Similarity",
    "Style",
    "Terms",
    "TrainingResult",
    "TrainingSettings",
    "TrainsOn",
    "VirtualDefense",
    "contrastive",
    "cross_entropy",
    "gradient_left",
    "gradient_of",
    "kl_divergence",
    "onto_ball",
    "option",
    "same_dropout",
    "train",
    "uniform_start",
    "unit",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "AdversarialDefense": "defense",
        "Defense": "defense",
        "FusedDefense": "defense",
        "Similarity": "objectives",
        "Style": "defense",
        "Terms": "defense",
        "TrainingResult": "loop",
        "TrainingSettings": "settings",
        "TrainsOn": "defense",
        "VirtualDefense": "perturbation",
        "contrastive": "objectives",
        "cross_entropy": "objectives",
        "gradient_left": "perturbation",
        "gradient_of": "perturbation",
        "kl_divergence": "objectives",
        "onto_ball": "perturbation",
        "option": "defense",
        "same_dropout": "perturbation",
        "train": "loop",
        "uniform_start": "perturbation",
        "unit": "perturbation",
    },
)
