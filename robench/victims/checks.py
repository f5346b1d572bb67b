"""What is looked at before a given model is attacked, as AutoAttack does: a careless victim makes numbers that mislead.

Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from robench.data.load import Example
from robench.errors import RobenchError

if TYPE_CHECKING:
    from robench.victims.scorers import Scorer

PROBES = 16
"""Test texts that a model is tried on."""
ALONE = 4
"""Texts of these that are also scored alone."""
TOLERANCE = 1e-3
"""Differences of scores up to here are the arithmetic's; so are those of a sum of probabilities from 1."""
TRUNCATED_SHARE = 0.05
"""Share of test texts that may be cut without a warning."""
BETTER_ORDER = 0.1
"""Clean accuracy that another order of the labels would have to add for a warning."""


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        warnings: sentences.
        random: whether the same text twice gets different scores.
        probabilities: whether scores are probabilities.
        order: the model's column for each label of the task in turn.
    """

    warnings: tuple[str, ...]
    random: bool
    probabilities: bool
    order: tuple[int, ...]


def examine(scorer: Scorer, test: Sequence[Example], labels: Sequence[str], asked: Sequence[int] | None) -> Findings:
    """Try a model on some test texts.

    Args:
        scorer: the model.
        test: the test split.
        labels: of the task.
        asked: the order of columns that the user says.

    Raises:
        RobenchError: it fails, or returns what cannot be used.
    """
    texts = (
        [test[i * len(test) // PROBES].text for i in range(PROBES)] if len(test) > PROBES else [e.text for e in test]
    )
    first = scorer(texts)
    if first.shape[1] != len(labels):
        raise RobenchError(
            f"{scorer.shown} gives {first.shape[1]} scores per text; the task has {len(labels)} labels"
            f" ({', '.join(labels)}), and needs one score for each."
        )
    order, warnings = match_columns(labels, scorer.names, asked)
    is_random = _differ(first, scorer(texts))
    networks = scorer.networks_in_training()
    if networks:
        warnings.append(f"{', '.join(networks)} is in training mode, where dropout is at work: call .eval() on it.")
    if is_random:
        warnings.append(
            "the same text gets different scores when it is asked twice: accuracy under attack of a random model"
            " depends on luck, and an attack that asks only once is misled."
        )
    elif _differ(first[:ALONE], torch.cat([scorer([text]) for text in texts[:ALONE]])):
        warnings.append(
            "a text's scores depend on the texts beside it in the batch: results will depend on how many searches run"
            " at the same time."
        )
    probabilities = looks_like_probabilities(first)
    if probabilities:
        warnings.append(
            "its scores are probabilities (no less than 0, summing to 1): their logarithms are taken, of which softmax"
            " makes the same probabilities again; return logits for full precision."
        )
    cut = scorer.count_truncated([example.text for example in test])
    if cut > TRUNCATED_SHARE * len(test):
        warnings.append(
            f"{cut / len(test):.0%} of the test texts are longer than {scorer.max_length} tokens and are cut there; an"
            " attack on what is cut off does nothing (--max-length N)."
        )
    return Findings(tuple(warnings), is_random, probabilities, order)


def looks_like_probabilities(scores: Tensor) -> bool:
    """Whether every row of (N, C) is at least 0 and sums to 1."""
    return bool((scores >= 0).all() and ((scores.sum(1) - 1).abs() <= TOLERANCE).all())


def match_columns(
    labels: Sequence[str], names: Mapping[int, str], asked: Sequence[int] | None
) -> tuple[tuple[int, ...], list[str]]:
    """The model's column for each label of the task in turn, and a warning where names do not fit.

    Names are compared without case and punctuation. Names that no one gave (``LABEL_0``) say nothing.

    Raises:
        RobenchError: what is asked for is not an order of the columns.
    """
    inorder = tuple(range(len(labels)))
    if asked is not None:
        if sorted(asked) != list(inorder):
            raise RobenchError(
                f"--label-order {','.join(map(str, asked))}: for each of {', '.join(labels)} it takes the model's"
                f" column, a number from 0 to {len(labels) - 1}."
            )
        return tuple(asked), []
    wanted = [_bare(label) for label in labels]
    there = [_bare(str(names.get(i, ""))) for i in inorder]
    if sorted(wanted) == sorted(there) and len(set(wanted)) == len(wanted):
        return tuple(there.index(label) for label in wanted), []
    if not names or all(str(name) == f"LABEL_{i}" for i, name in names.items()):
        return inorder, []
    told = ", ".join(str(names[i]) for i in sorted(names))
    return inorder, [f"its labels ({told}) are not the task's ({', '.join(labels)}): they are taken in the same order."]


def check_order(
    labels: Sequence[str], order: Sequence[int], gold: Sequence[int], predicted: Sequence[int], is_explicit: bool
) -> list[str]:
    """Compare the order of labels in use with the one under which most test texts are right.

    Args:
        labels: of the task.
        order: the model's column for each label of the task in turn.
        gold: labels of the N test texts.
        predicted: labels by that order.
        is_explicit: whether the user said it.

    Returns:
        Warnings.

    Raises:
        RobenchError: fewer texts are right than by chance, and the user did not say the order.
    """
    from scipy.optimize import linear_sum_assignment

    confusion = torch.zeros(len(labels), len(labels), dtype=torch.long)
    for label, guess in zip(gold, predicted, strict=True):
        confusion[label, guess] += 1
    accuracy, chance = int(confusion.trace()) / len(gold), 1 / len(labels)
    _, columns = linear_sum_assignment(confusion.numpy(), maximize=True)
    best = sum(int(confusion[row, column]) for row, column in enumerate(columns)) / len(gold)
    better = ",".join(str(order[column]) for column in columns)
    says = f"--label-order {better} would give {best:.1%}"
    is_best = best == accuracy
    if accuracy >= chance or is_explicit:
        return [f"clean accuracy is {accuracy:.1%}; {says}."] if best >= accuracy + BETTER_ORDER else []
    advice = (
        f"no order of the labels does better; --label-order {','.join(map(str, order))} attacks it nevertheless"
        if is_best
        else f"{says}, which names for each of {', '.join(labels)} the model's column"
    )
    raise RobenchError(
        f"the model has {accuracy:.1%} of {len(gold):,} test texts right, fewer than by chance ({chance:.1%}):"
        f" {advice}."
    )


def find_networks_in_training(function: Any) -> list[str]:
    """Classes of the networks in training mode that a function can reach.

    Those of its object, its closure, its default arguments and its module; in these also one level of attributes, and
    what stands in lists and dictionaries. A module without parameters, such as a loss, does not count.
    """
    found: dict[int, nn.Module] = {}
    for root in _reachable(function):
        for thing in (root, *_inside(root)):
            if isinstance(thing, nn.Module):
                found[id(thing)] = thing
    return list(
        dict.fromkeys(
            type(network).__name__
            for network in found.values()
            if next(network.parameters(), None) is not None and any(part.training for part in network.modules())
        )
    )


def _reachable(function: Any) -> Iterator[Any]:
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
        except ValueError:  # not filled yet
            continue
    yield from getattr(function, "__defaults__", None) or ()
    yield from getattr(function, "__globals__", {}).values()


def _inside(thing: Any) -> Iterator[Any]:
    if isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, list | tuple):
        yield from thing
    elif not isinstance(thing, type | nn.Module) and type(thing).__name__ != "module":
        yield from getattr(thing, "__dict__", {}).values()


def _differ(some: Tensor, others: Tensor) -> bool:
    return bool((some - others).abs().max() > TOLERANCE)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
