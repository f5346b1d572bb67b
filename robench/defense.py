"""Another name of :mod:`robench.training.defense`, for plug-ins that import this one."""

from robench.training.defense import AdversarialDefense, Defense, FusedDefense, Terms, TrainsOn

__all__ = ["AdversarialDefense", "Defense", "FusedDefense", "Terms", "TrainsOn"]
