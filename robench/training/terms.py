"""Checks of a loss: that it can be trained, so that no mistake in it trains nothing, and that it is a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from robench.errors import UnitError
from robench.escaping import show_value
from robench.frames import locate
from robench.plugins.lookup import find_name
from robench.training.defense import Defense

_EXPECTED = "a loss is a dictionary of named terms, scalar tensors with a gradient, as in {'ce': cross_entropy(...)}"


def check_terms(defense: Defense, terms: Any) -> Mapping[str, Tensor]:
    """Return what a defense gave as the loss of one pass, if training can minimise it.

    Args:
        defense: the defense, for the message.
        terms: what its ``loss`` returned, or its ``passes`` yielded.

    Raises:
        UnitError: these are no named scalar tensors with a gradient.
    """
    name = _describe_defense(defense)
    if terms is None:
        raise UnitError(
            f"the loss of the defense {name} is None, perhaps because it returns nothing, so nothing can be trained:"
            f" {_EXPECTED}."
        )
    if not isinstance(terms, Mapping):
        raise UnitError(f"the loss of the defense {name} is {_describe(terms)}: {_EXPECTED}.")
    if not terms:
        raise UnitError(f"the loss of the defense {name} has no terms: {_EXPECTED}.")
    for key, term in terms.items():
        if not isinstance(key, str):
            raise UnitError(f"a term in the loss of the defense {name} is called {show_value(key)}: {_EXPECTED}.")
        if not isinstance(term, Tensor) or term.ndim:
            raise UnitError(f"the term {key} in the loss of the defense {name} is {_describe(term)}: {_EXPECTED}.")
        if not term.requires_grad:
            raise UnitError(
                f"the term {key} in the loss of the defense {name} has no gradient, perhaps because it was detached or"
                f" computed under no_grad, so it trains nothing: {_EXPECTED}."
            )
    return terms


def check_losses(losses: Mapping[str, float], defense: Defense, when: str, *, done: int) -> None:
    """Check that the terms of a loss are finite.

    Args:
        losses: the terms by name.
        defense: computed them.
        when: when they were computed, such as ``at step 3``.
        done: number of optimiser steps that were done.

    Raises:
        UnitError: one is not finite.
    """
    if diverged := [f"the loss term {name}" for name, loss in losses.items() if not math.isfinite(loss)]:
        raise explain_divergence(" and ".join(diverged), defense, when, done=done)


def explain_divergence(culprit: str, defense: Defense, when: str, *, done: int) -> UnitError:
    """Return the error for a training that diverged.

    Args:
        culprit: what is not finite, such as ``the loss term ce``.
        defense: is trained; its name and its file are part of the sentence.
        when: when that was found.
        done: number of optimiser steps that were done; before the first, no learning rate is to blame.
    """
    cure = "Try a smaller learning rate, or --precision fp32."
    if not done:
        cure = "No weight has changed yet: mend the loss, or try --precision fp32."
    return UnitError(
        f"training diverged {when} in the defense {_describe_defense(defense)}: {culprit} is no longer a number. {cure}"
    )


def _describe_defense(defense: Defense) -> str:
    """Return its name, and ``(FILE, line N)`` of its loss, or of its class if robench computes the loss for it.

    The place is left out if all of that is robench's own, or not known.
    """
    kind = type(defense)
    place = locate(kind.loss) or locate(kind)
    return f"{find_name(defense)} ({place})" if place else find_name(defense)


def _describe(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
