"""Another name of :mod:`robench.training.objectives`, for plug-ins that import this one."""

from robench.training.objectives import Similarity, contrastive, cross_entropy, kl_divergence

__all__ = ["Similarity", "contrastive", "cross_entropy", "kl_divergence"]
