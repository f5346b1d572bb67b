"""The check that the losses of a training are numbers, and the sentence for one that diverged."""

from __future__ import annotations

import math
from collections.abc import Mapping

from robench.errors import RobenchError
from robench.plugins.lookup import find_name
from robench.training.defense import Defense
from robench.training.terms import locate_loss


def check_losses(losses: Mapping[str, float], defense: Defense, when: str, *, done: int) -> None:
    """Check that the terms of a loss are finite.

    Args:
        losses: the terms by name.
        defense: computed them.
        when: when they were computed, such as ``at step 3``.
        done: number of optimiser steps that were done.

    Raises:
        RobenchError: one is not finite.
    """
    if diverged := [f"the loss term {name}" for name, loss in losses.items() if not math.isfinite(loss)]:
        raise explain_divergence(" and ".join(diverged), defense, when, done=done)


def explain_divergence(culprit: str, defense: Defense, when: str, *, done: int) -> RobenchError:
    """Return the error for a training that diverged.

    Args:
        culprit: what is not finite, such as ``the loss term ce``.
        defense: is trained; its name and its file are part of the sentence.
        when: when that was found.
        done: number of optimiser steps that were done; before the first, no learning rate is to blame.
    """
    place = locate_loss(defense)
    named = f"the defense {find_name(defense)}, {place}" if place else f"the defense {find_name(defense)}"
    cure = "Try a smaller learning rate, or --precision fp32."
    if not done:
        cure = "No weight has changed yet: mend the loss, or try --precision fp32."
    return RobenchError(f"training diverged {when} ({named}): {culprit} is no longer a number. {cure}")
