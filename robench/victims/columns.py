"""The columns of a user's model and the labels of a task: which column is which label's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from robench.data.label_names import fold_name
from robench.errors import RobenchError
from robench.escaping import count_noun, list_values

BETTER_ORDER = 0.1
"""Gain in clean accuracy, under another order of the labels, above which there is a warning."""


def match_columns(
    shown: str,
    labels: Sequence[str],
    names: Mapping[int, str],
    label_order: Sequence[int] | None,
    count: int,
    *,
    has_label_words: bool = False,
) -> tuple[tuple[int, ...], list[str]]:
    """Match a model's columns with the task's labels; columns beyond these labels are left out.

    Names are compared without case and punctuation. Default names (``LABEL_0``) are ignored, those of rows whose labels
    are numbers, too. A word for each label stands for the label at its place, whatever it says, since a prompt may ask
    for the opposite.

    Args:
        shown: the model's location, for messages.
        labels: the task's labels.
        names: the names of the model's columns; empty if it has none.
        label_order: the order of columns that the user set, or None.
        count: number of columns.
        has_label_words: whether the names are words that the user chose for the labels, in the labels' order.

    Returns:
        The model's column for each label of the task in turn, and warnings of names that do not match and of columns
        that are left out.

    Raises:
        RobenchError: there are fewer columns than labels, or more, and nothing says which of them to take; or
            ``label_order`` does not name a column for each label.
    """
    width = (
        f"{shown} gives {count_noun(count, 'score')} per text; the task has {len(labels)} labels"
        f" ({list_values(labels)}), and needs one score for each."
    )
    if count < len(labels):
        cure = "Return more scores, or leave out the rows of labels that it does not know."
        if (count, len(labels)) == (1, 2):
            cure = "If it is a logit of the second label, give --sigmoid, or return 0 and the logit from a function."
        raise RobenchError(f"{width} {cure}")
    order = _take_order(labels, label_order, count)
    if order is None and not (has_label_words and count == len(labels)):
        order = _match_names(labels, names, count)
    if order is not None:
        return order, _warn_of_columns(order, names, count)
    columns = tuple(range(count))
    if count > len(labels) and (strange := _find_strange(labels, names)):
        raise RobenchError(
            f"{width} Its columns are {_name_columns(names, columns)}; none has the name of these labels:"
            f" {list_values(strange)}. If it knows them by other names, write the rows' labels as the model does, or"
            f" give --label-order with the column of each of {list_values(labels)}, in this order. If it does not, it"
            " cannot be tested on these rows."
        )
    if count > len(labels):
        raise RobenchError(
            f"{width} Name their columns, such as --label-order {','.join(map(str, columns[: len(labels)]))}, and the"
            f" others are left out; its columns are {_name_columns(names, columns)}. If rows of your own just lack some"
            " of its labels, name all of them with --labels."
        )
    if (
        not names
        or has_label_words
        or any(all(str(name) == f"LABEL_{i}" for i, name in one) for one in (names.items(), enumerate(labels)))
    ):
        return columns, []
    listed = list_values(names[i] for i in sorted(names))
    return columns, [
        f"the model's labels ({listed}) are not the task's ({list_values(labels)}): they are taken in the same order."
    ]


def _find_strange(labels: Sequence[str], names: Mapping[int, str]) -> list[str]:
    """Return the labels that none of the model's columns is named after; none if its names are the default ones."""
    if all(str(name) == f"LABEL_{i}" for i, name in names.items()):
        return []
    known = {fold_name(str(name)) for name in names.values()}
    return [label for label in labels if fold_name(label) not in known]


def _take_order(labels: Sequence[str], order: Sequence[int] | None, count: int) -> tuple[int, ...] | None:
    """Return the order that the user set, if it names a column for each label."""
    if order is None:
        return None
    if len(order) != len(labels) or len(set(order)) < len(order) or not set(order) <= set(range(count)):
        raise RobenchError(
            f"--label-order {','.join(map(str, order))}: for each of {', '.join(labels)} it takes the model's column, a"
            f" number from 0 to {count - 1}."
        )
    return tuple(order)


def _match_names(labels: Sequence[str], names: Mapping[int, str], count: int) -> tuple[int, ...] | None:
    """Return the columns that have the labels' names; None unless each label has one."""
    bare_labels = [fold_name(label) for label in labels]
    bare_names = [fold_name(str(names.get(i, ""))) for i in range(count)]
    if len(set(bare_labels)) < len(labels) or any(bare_names.count(label) != 1 for label in bare_labels):
        return None
    return tuple(bare_names.index(label) for label in bare_labels)


def _warn_of_columns(order: Sequence[int], names: Mapping[int, str], count: int) -> list[str]:
    """Return a warning of the columns that are left out, if there are any."""
    others = [i for i in range(count) if i not in order]
    if not others:
        return []
    subject = "the model's column {} is" if len(others) == 1 else "the model's columns {} are"
    return [
        f"{subject.format(_name_columns(names, others))} of none of the task's labels and left out: a text of such a"
        " class counts for the likeliest of the others."
    ]


def _name_columns(names: Mapping[int, str], columns: Sequence[int]) -> str:
    """Return the numbers of columns with their names, if they have some, in brackets."""
    return ", ".join(f"{i} ({list_values([names[i]])})" if i in names else str(i) for i in columns)


def check_order(
    labels: Sequence[str],
    order: Sequence[int],
    gold: Sequence[int],
    predicted: Sequence[int],
    is_explicit: bool,
    split: str = "test",
) -> list[str]:
    """Compare the order of labels in use with the order under which most texts of a split would be right.

    Args:
        labels: the task's labels.
        order: the model's column for each label of the task in turn.
        gold: labels of the N texts.
        predicted: predicted labels under that order.
        is_explicit: whether the user set the order.
        split: the split that the texts are of.

    Returns:
        Warnings.

    Raises:
        RobenchError: accuracy is below chance, and the user did not set the order.
    """
    from scipy.optimize import linear_sum_assignment

    confusion = torch.zeros(len(labels), len(labels), dtype=torch.long)
    for label, guess in zip(gold, predicted, strict=True):
        confusion[label, guess] += 1
    accuracy, chance = int(confusion.trace()) / len(gold), 1 / len(labels)
    _, columns = linear_sum_assignment(confusion.numpy(), maximize=True)
    best = sum(int(confusion[row, column]) for row, column in enumerate(columns)) / len(gold)
    better = ",".join(str(order[column]) for column in columns)
    proposal = f"--label-order {better} would give {best:.1%}"
    is_best = best == accuracy
    if accuracy >= chance or is_explicit:
        return [f"clean accuracy is {accuracy:.1%}; {proposal}."] if best >= accuracy + BETTER_ORDER else []
    advice = (
        f"no order of the labels does better; --label-order {','.join(map(str, order))} attacks it nevertheless"
        if is_best
        else f"{proposal}, which names for each of {', '.join(labels)} the model's column"
    )
    raise RobenchError(
        f"the model has {accuracy:.1%} of {len(gold):,} {split} texts right, fewer than by chance ({chance:.1%}):"
        f" {advice}."
    )
