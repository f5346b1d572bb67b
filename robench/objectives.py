"""An alias of :mod:`robench.training.objectives`, kept for plug-ins that import it by this name."""

from robench.training.objectives import Similarity, contrastive, cross_entropy, kl_divergence

__all__ = ["Similarity", "contrastive", "cross_entropy", "kl_divergence"]
