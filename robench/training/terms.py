"""The check of what a defense returns as its loss, so that no mistake in it trains nothing without a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.frames import locate
from robench.plugins.lookup import find_name
from robench.training.defense import Defense

_EXPECTED = "a loss is a dictionary of named terms, scalar tensors with a gradient, as in {'ce': cross_entropy(...)}"


def locate_loss(defense: Defense) -> str:
    """Return ``FILE, line N`` of the loss of a defense, or of its class if robench computes the loss for it.

    Returns:
        The place; empty if all of that is robench's own, or not known.
    """
    kind = type(defense)
    return locate(kind.loss) or locate(kind)


def check_terms(defense: Defense, terms: Any) -> Mapping[str, Tensor]:
    """Return what a defense gave as the loss of one pass, if training can minimise it.

    Args:
        defense: the defense, for the message.
        terms: what its ``loss`` returned, or its ``passes`` yielded.

    Raises:
        RobenchError: these are no named scalar tensors with a gradient.
    """
    place = locate_loss(defense)
    name = f"{find_name(defense)} ({place})" if place else find_name(defense)
    if terms is None:
        raise RobenchError(
            f"the loss of the defense {name} is None, perhaps because it returns nothing, so nothing can be trained:"
            f" {_EXPECTED}."
        )
    if not isinstance(terms, Mapping):
        raise RobenchError(f"the loss of the defense {name} is {_describe(terms)}: {_EXPECTED}.")
    if not terms:
        raise RobenchError(f"the loss of the defense {name} has no terms: {_EXPECTED}.")
    for key, term in terms.items():
        if not isinstance(key, str):
            raise RobenchError(f"a term in the loss of the defense {name} is called {show_value(key)}: {_EXPECTED}.")
        if not isinstance(term, Tensor) or term.ndim:
            raise RobenchError(f"the term {key} in the loss of the defense {name} is {_describe(term)}: {_EXPECTED}.")
        if not term.requires_grad:
            raise RobenchError(
                f"the term {key} in the loss of the defense {name} has no gradient, perhaps because it was detached or"
                f" computed under no_grad, so it trains nothing: {_EXPECTED}."
            )
    return terms


def _describe(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
