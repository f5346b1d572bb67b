"""The labels of rows that bring no task: their names, and the number of each.

How it works: robench numbers labels from 0, as models number their columns. A file may hold names, numbers, numbers
written as floating-point numbers, or truth values. Numbers count from 0 unless the user lists other ones; names are
sorted, as scikit-learn and ``datasets`` sort them; classes that the file names itself (``datasets.ClassLabel``) keep
its order. What could mean two things is refused.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robench.data.table import NumberedRow
from robench.errors import RobenchError
from robench.escaping import list_values, show_value

LARGEST = 999
"""Largest label number; a column of larger ones holds something else."""
_TRUTHS = {"false": 0, "true": 1}
_CLASS_WORD = re.compile(r"^class([\s_]+(?=-?\d+(\.0*)?$)|[\W_]*(?=\d+(\.0*)?$))")
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.0*)?")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(?=e))(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class LabelNames:
    """The labels of some rows.

    Attributes:
        names: their names; the number of a label is its position.
        numbers: the number of each value that the label column may hold, in the form of :func:`simplify_label`.
        remark: what the user should know about the order, as a sentence without an end; empty if nothing.
    """

    names: tuple[str, ...]
    numbers: Mapping[int | str, int]
    remark: str = ""

    def find(self, value: object) -> int | None:
        """Return the number of a value of the label column; None if it has none."""
        simple = simplify_label(value)
        return None if simple is None else self.numbers.get(simple)


def simplify_label(value: object) -> int | str | None:
    """Return a label as a whole number or as a text without blanks around it; None if it can be neither.

    A truth value is its name, ``False`` or ``True``; floating-point numbers and texts such as ``1.0`` are numbers.
    """
    if isinstance(value, str):
        text = value.strip()
        return int(text.partition(".")[0]) if _NUMBER.fullmatch(text) else text
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):  # NumPy's too
        return str(bool(value))
    if isinstance(value, numbers.Real):
        number = float(value)
        return int(number) if abs(number) <= 2**53 and number.is_integer() else None
    return None


def find_label(labels: Sequence[str], label: object) -> int | None:
    """Return the number of a label of a task, given as name, number or, of two labels, truth value; None if none."""
    if isinstance(label, str) and label in labels:
        return labels.index(label)
    simple = simplify_label(label)
    if isinstance(simple, str) and len(labels) == 2:
        return _TRUTHS.get(simple.casefold())
    return simple if isinstance(simple, int) and 0 <= simple < len(labels) else None


def translate_classes(rows: Sequence[NumberedRow], classes: Sequence[str], labels: Sequence[str]) -> list[NumberedRow]:
    """Replace a file's class numbers by the task's label numbers, if its classes have the names of the labels.

    Args:
        rows: rows with their numbers.
        classes: the names of the file's classes; empty if it has none.
        labels: names of the task's labels.
    """
    by_class = _match_classes(classes, labels)
    if not by_class:
        return list(rows)
    return [(number, (text, by_class.get(label, label))) for number, (text, label) in rows]


def note_classes(classes: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return a note on classes if they have other names than the task's labels; see `translate_classes`."""
    if not classes or _match_classes(classes, labels):
        return []
    return [
        f"the data's classes are {list_values(classes)} and the task's labels {list_values(labels)}: each class counts"
        " as the label at its place; rename one if they mean others"
    ]


def _match_classes(classes: Sequence[str], labels: Sequence[str]) -> dict[int | str, int]:
    """Return by class number the number of the label of that name; nothing if the names are others."""
    ours = {fold_name(name): number for number, name in enumerate(labels)}
    theirs = [fold_name(name) for name in classes]
    if set(theirs) != set(ours) or not len(theirs) == len(ours) == len(labels):
        return {}
    found: dict[int | str, int] = {i: ours[name] for i, name in enumerate(theirs)}
    return found


def merge_classes(
    rows: Mapping[str, Sequence[NumberedRow]], classes: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[NumberedRow]], tuple[str, ...]]:
    """Replace the class numbers of several files, each with classes of its own, by those of one list of classes.

    Args:
        rows: the rows of each file; the classes of the first one come first in the list.
        classes: the names of the classes of each file that has some.

    Returns:
        The rows, and the list; it is empty if no file has classes.

    Raises:
        RobenchError: a file holds numbers without classes, and those of the others may mean other ones.
    """
    merged = list(dict.fromkeys(name for file in rows for name in classes.get(file, ())))
    is_one_list = all(list(names) == merged for names in classes.values())
    is_numbered = any(isinstance(simplify_label(name), int) and name != str(i) for i, name in enumerate(merged))
    found: dict[str, list[NumberedRow]] = {}
    for file, numbered in rows.items():
        own = enumerate(classes.get(file, ()))
        by_class: dict[int | str, int] = {i: merged.index(name) for i, name in own}
        has_numbers = any(isinstance(simplify_label(label), int) for _, (_, label) in numbered)
        if merged and not by_class and has_numbers and (is_numbered or not is_one_list):
            other = next(iter(classes))
            raise RobenchError(
                f"{file} holds numbers as labels and no names of classes, and {other} names its classes"
                f" ({list_values(classes[other])}): write names in place of the numbers."
            )
        found[file] = list(numbered)
        if by_class:
            found[file] = [(number, (text, by_class.get(label, label))) for number, (text, label) in numbered]
    return found, tuple(merged)


def are_hidden(values: Sequence[object], given: Sequence[str] = ()) -> bool:
    """Return whether a column holds labels that are hidden, as those of the test splits of GLUE are: -1 alone.

    Args:
        values: the values of all rows of a file.
        given: names, or values, that the user listed; -1 among them is a label.
    """
    return -1 not in map(simplify_label, given) and {simplify_label(value) for value in values} == {-1}


def settle_labels(
    values: Sequence[object], place: str, given: Sequence[str] = (), classes: Sequence[str] | None = None
) -> LabelNames:
    """Decide what the values of a label column mean.

    Args:
        values: the values of all rows.
        place: names the column in messages.
        given: names, or values, that the user listed in the order of their numbers.
        classes: the names of the column's classes, if it says them.

    Raises:
        RobenchError: they could mean several things, or are no labels.
    """
    simple = dict.fromkeys(map(simplify_label, values))
    if None in simple:
        strange = next(value for value in values if simplify_label(value) is None)
        raise RobenchError(f"{place} holds {show_value(strange)}, which is no label: a label is a number or a name.")
    found = [value for value in simple if value is not None]
    if given:
        return _settle_given(given, found, classes)
    if classes:
        return LabelNames(_make_names(classes), _number(classes) | {i: i for i in range(len(classes))})
    whole = [value for value in found if isinstance(value, int)]
    if len(whole) == len(found):
        return _settle_numbers(whole, place)
    if all(isinstance(value, int) or _DECIMAL.fullmatch(value) for value in found):
        raise RobenchError(_explain_decimals(found, place))
    if whole:
        mixed = list_values(map(show_value, found))
        raise RobenchError(f"{place} holds numbers and names ({mixed}): list the labels with --labels, in order.")
    return _settle_names([str(value) for value in found], len(values), place)


def _settle_given(given: Sequence[str], found: Sequence[int | str], classes: Sequence[str] | None) -> LabelNames:
    listed = [simplify_label(name) for name in given]
    if len(set(listed)) < max(2, len(listed)):
        raise RobenchError(f"--labels {','.join(given)}: two or more different names, in the order of their numbers.")
    by_name = {name: i for i, name in enumerate(listed) if name is not None}
    names = _make_names(given)
    own = [simplify_label(name) for name in classes or ()]
    is_known = bool(set(own) & set(listed))
    if not is_known and all(isinstance(name, int) for name in listed):
        return LabelNames(names, by_name)
    by_number: dict[int | str, int] = {i: i for i in range(len(given))}
    if is_known:  # the file's numbers go by the file's names, even if these are numbers
        by_number = {i: by_name[name] for i, name in enumerate(own) if name in by_name}
        by_name = {name: i for name, i in by_name.items() if isinstance(name, str)}
    elif own and len(own) != len(given):
        raise RobenchError(
            f"--labels {','.join(given)} renames the classes of the file ({list_values(own)}): give as many names."
        )
    folded = {value: value.casefold() for value in found if isinstance(value, str)}
    if len(given) == 2 and folded and set(folded.values()) <= _TRUTHS.keys() and not folded.keys() & by_name.keys():
        by_number |= {value: _TRUTHS[word] for value, word in folded.items()}
    return LabelNames(names, by_name | by_number)


def _settle_numbers(found: Sequence[int], place: str) -> LabelNames:
    used, count = sorted(found), max(found) + 1
    listed = list_values(used)
    if len(used) < 2:
        raise RobenchError(
            f"{place} holds the number {listed} alone: name all labels with --labels, in the order of their numbers."
        )
    if used[0] < 0 or count > LARGEST + 1 or len(used) < count:
        raise RobenchError(
            f"{place} holds the numbers {listed}, which are not all from 0 on: give --labels {','.join(map(str, used))}"
            " for these in the order of the model's columns, or the names of all labels from 0 on."
        )
    names = tuple(f"LABEL_{number}" for number in used)
    remark = "labels are numbers, each of which means the model's column of that number; --labels NAME,NAME names them"
    return LabelNames(names, {number: number for number in used}, remark)


def _explain_decimals(found: Sequence[int | str], place: str) -> str:
    """Say why numbers of which some are not whole are refused: in alphabetical order 10.5 is before 2.5."""
    used = sorted(found, key=float)
    words = f"{place} holds the numbers {list_values(used)}, which are not all whole"
    if len(used) < 2 or len(used) > 20:
        return f"{words}: it is no column of labels; --label names another."
    return (
        f"{words}: give --labels {','.join(map(str, used))} for these in the order of the model's columns, or name"
        " another column with --label."
    )


def _settle_names(found: Sequence[str], rows: int, place: str) -> LabelNames:
    used = sorted(found)
    listed = list_values(map(show_value, used))
    if len(used) < 2:
        raise RobenchError(
            f"{place} holds {listed} alone: name all labels with --labels, in the order of their numbers."
        )
    if len(used) > LARGEST or (len(used) > 20 and 2 * len(used) > rows):
        raise RobenchError(
            f"{place} holds {len(used):,} different values in {rows:,} rows, such as {show_value(used[0])}: it is no"
            " column of labels; --label names another."
        )
    order = ", ".join(used) if len(used) <= 10 else f"{', '.join(used[:3])}, ..."
    remark = f"labels are in alphabetical order ({order}), unless the model names them; --labels sets another order"
    return LabelNames(_make_names(used), _number(used), remark)


def _number(names: Sequence[str]) -> dict[int | str, int]:
    return {simple: i for i, name in enumerate(names) if (simple := simplify_label(name)) is not None}


def _make_names(values: Sequence[str]) -> tuple[str, ...]:
    """Return names of labels; one that is a number gets a word before it, because a number means a position."""
    return tuple(f"class {value}" if isinstance(simplify_label(value), int) else value.strip() for value in values)


def fold_name(name: str) -> str:
    """Return a label's name without case and punctuation, and without the word that :func:`_make_names` may add.

    A number is a whole one, however it is written: scikit-learn names classes ``1.0`` if labels were read as such.
    """
    text = _CLASS_WORD.sub("", name.strip().casefold())
    number = simplify_label(text)
    return str(number) if isinstance(number, int) else re.sub(r"[\W_]+", "", text)
