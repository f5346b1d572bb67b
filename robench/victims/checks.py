"""Checks of a user's model before it is attacked, as AutoAttack does: a careless victim makes numbers that mislead.

How it works: a few test texts are scored twice together and once alone. If the scores differ, the model is random, or
its scores depend on the batch. The checks of any model follow, see :mod:`robench.models.checks`. The model's columns
are matched with the task's labels, see :mod:`robench.victims.columns`. Networks that a function holds are searched for
in its closure, its object and its module, and must be in evaluation mode.

Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
attacks".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robench.data.load import Example
from robench.errors import RobenchError, RunEndError
from robench.models.checks import spread, warn_of_saturation, warn_of_window
from robench.victims.columns import match_columns
from robench.victims.scorer import TOLERANCE, Scorer, looks_like_probabilities, take_logarithms

PROBES = 16
"""Test texts on which a model is tried."""
ALONE = 4
"""Test texts of these that are also scored alone."""


@dataclass(frozen=True)
class Findings:
    """What the checks found.

    Attributes:
        warnings: sentences for the user.
        random: whether the same text gets different scores when it is scored twice.
        probabilities: whether the scores are probabilities, or percentages.
        order: the model's column for each label of the task in turn.
    """

    warnings: tuple[str, ...]
    random: bool
    probabilities: bool
    order: tuple[int, ...]


def examine(
    scorer: Scorer, test: Sequence[Example], labels: Sequence[str], label_order: Sequence[int] | None
) -> Findings:
    """Try a model on some test texts.

    Args:
        scorer: the model.
        test: the test split.
        labels: the task's labels.
        label_order: the order of columns that the user set, or None.

    Raises:
        RobenchError: the model fails, or its scores are unusable.
    """
    all_texts = [example.text for example in test]
    texts = spread(all_texts, PROBES)
    first = scorer(texts)
    order, warnings = match_columns(
        scorer.shown, labels, scorer.names, label_order, first.shape[1], has_label_words=scorer.has_label_words
    )
    warnings += scorer.probe(texts)
    is_random = _differ(first, scorer.score_again(texts))
    networks = scorer.networks_in_training()
    if networks:
        warnings.append(f"{', '.join(networks)} is in training mode, in which dropout is active: call .eval() on it.")
    if is_random:
        warnings.append(
            "the same text gets different scores when it is scored twice: accuracy under attack of a random model"
            " depends on luck, and an attack that scores a text only once is misled."
        )
    elif _differ(first[:ALONE], torch.cat([scorer.score_again([text]) for text in texts[:ALONE]])):
        warnings.append(
            "a text's scores depend on the texts beside it in the batch, perhaps because these decide how far it is"
            " padded: results will depend on how many searches run at the same time."
        )
    probabilities = looks_like_probabilities(first)
    if probabilities:
        warnings.append(
            "the model's scores are probabilities or percentages (no less than 0, summing to 1 or 100): robench takes"
            " their logarithms as logits, from which softmax computes the same probabilities; return logits for full"
            " precision."
        )
    warnings += scorer.warn_of_padding(texts)

    def to_logits(scores: Tensor) -> Tensor:
        return (take_logarithms(scores) if probabilities else scores)[:, list(order)]

    if not is_random:
        try:
            warnings += warn_of_saturation(lambda texts: to_logits(scorer(texts)), texts)
        except RunEndError:
            raise
        except RobenchError:  # it may fail on a text with words left out, as on any attacked text
            pass
    cut = scorer.count_truncated(all_texts)
    scorer.begin_summary()  # of whole texts alone; those of the checks lack words
    warnings += warn_of_window(cut, len(test), scorer.max_length, "--max-length N")
    return Findings(tuple(warnings), is_random, probabilities, order)


def warn_of_chance(correct: int, count: int, classes: int, advice: str) -> list[str]:
    """Return a warning if accuracy may be that of a coin: it is less than two standard errors above chance.

    Args:
        correct: number of texts whose label is predicted.
        count: number of texts.
        classes: number of labels.
        advice: what may help, as the end of a sentence.
    """
    chance = 1 / classes
    if correct / count >= chance + 2 * (chance * (1 - chance) / count) ** 0.5:
        return []
    return [
        f"clean accuracy is {correct / count:.1%} of {count:,} texts, hardly more than by chance ({chance:.1%}): an"
        f" attack on such a model says little; {advice}."
    ]


def find_networks_in_training(function: Any) -> list[str]:
    """Return the classes of the networks in training mode that a function can reach.

    The search covers the function's object, closure, default arguments and module, one level of attributes of these,
    and the items of lists and dictionaries. A module without parameters, such as a loss, does not count.
    """
    networks: dict[int, nn.Module] = {}
    with contextlib.suppress(Exception):  # an object may answer to any name, or to none
        for root in _reachable(function):
            for thing in (root, *_contents(root)):
                if isinstance(thing, nn.Module):
                    networks[id(thing)] = thing
    return list(
        dict.fromkeys(
            type(network).__name__
            for network in networks.values()
            if next(network.parameters(), None) is not None and any(part.training for part in network.modules())
        )
    )


def _reachable(function: Any) -> Iterator[Any]:
    """Yield the objects that a function can reach directly."""
    partial = getattr(function, "func", None)
    if callable(partial):
        yield from (*getattr(function, "args", ()), *getattr(function, "keywords", {}).values())
        yield from _reachable(partial)
        return
    yield function
    yield getattr(function, "__self__", None)
    if not hasattr(function, "__code__") and not hasattr(function, "__func__"):
        function = type(function).__call__
    function = getattr(function, "__func__", function)
    for cell in getattr(function, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # the cell is still empty
            continue
    yield from getattr(function, "__defaults__", None) or ()
    yield from getattr(function, "__globals__", {}).values()


def _contents(thing: Any) -> Iterator[Any]:
    """Yield the items of a container, or the attributes of an object that is no class, network or module."""
    if isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, list | tuple):
        yield from thing
    elif not isinstance(thing, type | nn.Module) and type(thing).__name__ != "module":
        attributes: dict[str, Any] = {}
        with contextlib.suppress(Exception):  # reading it may run code of others
            attributes = getattr(thing, "__dict__", {})
        yield from attributes.values()


def _differ(scores: Tensor, other_scores: Tensor) -> bool:
    return bool((scores - other_scores).abs().max() > TOLERANCE)
