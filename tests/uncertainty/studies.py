"""Simulated studies: S seeds by n samples, the same samples for all seeds and models, by a probit model.

An outcome is right if a level that the accuracy sets, plus the effects of seed, sample, sample and model, and of the
outcome alone, is above 0. All but the seeds' effects have a variance of 1 together; the seeds' effect has a deviation
``seeds``: 0, 0.05 (small) or 0.2 (large).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[np.float64]

CHUNK = 500
"""Studies that are drawn at a time."""


@dataclass(frozen=True)
class Design:
    """What a kind of studies is like.

    Attributes:
        seed_deviation: deviation of the seeds' effects, each model's own.
        samples: n.
        seeds: S.
        accuracies: of each model, without the seeds' effect.
        shared: share of the variance that samples have alike in all models.
        own: share that a sample has in one model.
    """

    seed_deviation: float
    samples: int
    seeds: int
    accuracies: Sequence[float] = (0.5,)
    shared: float = 0.6
    own: float = 0.15

    @property
    def truth(self) -> Array:
        """Return the expected accuracy of each model over seeds and samples."""
        levels = ndtri(np.asarray(self.accuracies))
        found: Array = ndtr(levels / np.sqrt(1 + self.seed_deviation**2))
        return found

    def draw(self, studies: int, generator: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        """Yield outcomes (studies, models, S, n) in chunks, and accuracies (studies, models, S) of the trained models.

        The latter are what the models have on all samples there could be.
        """
        levels = ndtri(np.asarray(self.accuracies))[:, None, None]
        rest = np.sqrt(1 - self.shared - self.own)
        for start in range(0, studies, CHUNK):
            count, models = min(CHUNK, studies - start), len(self.accuracies)

            def normal(*shape: int) -> NDArray[np.float32]:
                return generator.standard_normal(shape, dtype=np.float32)

            trained = levels + self.seed_deviation * normal(count, models, self.seeds, 1)
            samples = np.sqrt(self.shared) * normal(count, 1, 1, self.samples)
            samples = samples + np.sqrt(self.own) * normal(count, models, 1, self.samples)
            latent = trained + samples + rest * normal(count, models, self.seeds, self.samples)
            yield (latent > 0).astype(np.float64), ndtr(trained[..., 0])
