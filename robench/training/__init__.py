"""The contract of a defense, its losses and perturbations, and the loop that trains every defense."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.plugins.option import option
    from robench.plugins.style import Style
    from robench.training.defense import AdversarialDefense, Defense, FusedDefense, Terms, TrainsOn, Unsuccessful
    from robench.training.loop import train
    from robench.training.objectives import Similarity, contrastive, cross_entropy, kl_divergence
    from robench.training.perturbation import (
        VirtualDefense,
        compute_gradient,
        draw_uniform_start,
        project_onto_ball,
        read_gradient,
        replay_dropout,
        to_unit_norm,
    )
    from robench.training.reattack import Reattack
    from robench.training.run import TrainingResult
    from robench.training.settings import TrainingSettings

__all__ = [
    "AdversarialDefense",
    "Defense",
    "FusedDefense",
    "Reattack",
    "Similarity",
    "Style",
    "Terms",
    "TrainingResult",
    "TrainingSettings",
    "TrainsOn",
    "Unsuccessful",
    "VirtualDefense",
    "compute_gradient",
    "contrastive",
    "cross_entropy",
    "draw_uniform_start",
    "kl_divergence",
    "option",
    "project_onto_ball",
    "read_gradient",
    "replay_dropout",
    "to_unit_norm",
    "train",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
