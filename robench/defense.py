"""An alias of :mod:`robench.training.defense`, kept for plug-ins that import it by this name."""

from robench.training.defense import AdversarialDefense, Defense, FusedDefense, Terms, TrainsOn

__all__ = ["AdversarialDefense", "Defense", "FusedDefense", "Terms", "TrainsOn"]
