"""One field of a defense, an attack or of the training settings: its default, meaning, range and source.

They stand in one place, :func:`option`, from which ``robench list NAME``, the errors of ``--set`` and the checks of
values are made. They are metadata of the dataclass's field, so they enter no key, and a plain field works as well.
"""

from __future__ import annotations

import functools
import math
import numbers
import operator
import re
import types
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from robench.escaping import show_value

KEY = "robench"
"""What a field's ``metadata`` calls its :class:`Option`."""
KINDS: dict[Any, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
"""What a value of a class is, in words."""
NUMBERS: dict[Any, Any] = {int: numbers.Integral, float: numbers.Real}
"""The classes of a number's values, NumPy's included."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is said of a field beside its type and default.

    A number is finite, unless ``maximum`` or ``minimum`` is infinite itself.

    Attributes:
        meaning: what it is, as a phrase.
        minimum: the smallest value.
        above: a value that it has to exceed.
        maximum: the largest value.
        source: where the default comes from.
    """

    meaning: str = ""
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    source: str = ""

    @property
    def range(self) -> str:
        """Return the range in words, such as ``above 0 and at most 1``; empty if any value will do."""
        if self.minimum is not None and self.maximum is not None:
            return f"from {self.minimum} to {self.maximum}"
        parts = [
            f"{self.minimum} or more" if self.minimum is not None else "",
            f"above {self.above}" if self.above is not None else "",
            f"at most {self.maximum}" if self.maximum is not None else "",
        ]
        return " and ".join(filter(None, parts))

    def allows(self, value: Any) -> bool:
        """Return whether a number lies in the range; NaN lies in none, and infinity only in one that ends there."""
        return (
            (_is_finite(value) or value in (self.minimum, self.maximum))
            and (self.minimum is None or value >= self.minimum)
            and (self.above is None or value > self.above)
            and (self.maximum is None or value <= self.maximum)
        )


def _is_finite(value: Any) -> bool:
    """Return whether a number is finite; a whole number that a float cannot hold is not."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def option(
    default: Any,
    meaning: str,
    *,
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    source: str = "",
) -> Any:
    """Declare a field of a dataclass.

    For example ``steps: int = option(3, "ascents, K", minimum=1)``. A subclass that declares the field anew as a plain
    one (``steps: int = 2``) changes its default alone.

    Args:
        default: its value unless another is given; ``dataclasses.MISSING`` if it has none.
        meaning: what it is, as a phrase, with its unit.
        minimum: the smallest value.
        above: a value that it has to exceed.
        maximum: the largest value.
        source: where the default comes from.
    """
    said = Option(meaning=meaning, minimum=minimum, above=above, maximum=maximum, source=source)
    made: Field[Any] = field(default=default, metadata={KEY: said})
    return made


def option_of(kind: type, name: str) -> Option:
    """Return what a dataclass, or the nearest of its bases, declares of a field; an empty option if none does."""
    for base in kind.__mro__:
        declared = vars(base).get("__dataclass_fields__", {}).get(name)
        if declared is not None and KEY in declared.metadata:
            said: Option = declared.metadata[KEY]
            return said
    return Option()


def check_values(thing: Any) -> None:
    """Check the fields of a dataclass's instance against their choices, and numbers against their ranges.

    Raises:
        ValueError: a value is not one of its field's choices, no number where its field is one, or out of its range.
    """
    hints = get_type_hints(type(thing))
    for one in fields(thing):
        value, hint, said = getattr(thing, one.name), hints[one.name], option_of(type(thing), one.name)
        or_none = ", or none" if may_be_none(hint) else ""
        if or_none and value is None:
            continue
        hint = without_none(hint)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise ValueError(f"{one.name} is {describe_values(hint)}{or_none}, not {show_value(value)}")
        if hint is bool and not isinstance(value, bool):
            raise ValueError(f"{one.name} is {describe_values(hint)}{or_none}, not {show_value(value)}")
        if hint not in NUMBERS:
            continue
        if not isinstance(value, NUMBERS[hint]) or isinstance(value, bool):
            raise ValueError(f"{one.name} is {describe_values(hint, said)}{or_none}, not {show_value(value)}")
        if not said.allows(value):
            words = ", ".join(filter(None, ("" if _is_finite(value) else "finite", said.range)))
            raise ValueError(f"{one.name} must be {words}{or_none}, not {show_value(value)}")


def may_be_none(hint: Any) -> bool:
    """Return whether a type includes None."""
    return types.NoneType in list_members(hint)


def without_none(hint: Any) -> Any:
    """Return a type that includes None without it; any other type as it is."""
    if not may_be_none(hint):
        return hint
    return functools.reduce(operator.or_, (one for one in list_members(hint) if one is not types.NoneType))


def list_members(hint: Any) -> tuple[Any, ...]:
    """Return the types of which a union has one; nothing for any other type."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()


def describe_values(hint: Any, said: Option | None = None) -> str:
    """Describe the values of a field: ``a number, above 0``, ``one of mean, sum``, ``a whole number or a text``."""
    hint = without_none(hint)
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    kinds = " or ".join(map(describe_values, list_members(hint))) or KINDS.get(hint, "a value")
    return ", ".join(filter(None, (kinds, said.range if said else "")))


@dataclass(frozen=True)
class Description:
    """A field in words.

    Attributes:
        name: what ``--set NAME.FIELD=VALUE`` calls it.
        values: the values that it takes.
        default: its value unless another is set; empty if it has none.
        meaning: what it is; empty for a plain field.
        source: where the default comes from, if that is known.
    """

    name: str
    values: str
    default: str
    meaning: str
    source: str

    @property
    def gist(self) -> str:
        """Return the meaning up to its first pause."""
        return re.split(r"[,;:.] |\(|\.$", self.meaning)[0].strip()


def describe(thing: Any) -> list[Description]:
    """Describe the fields of a dataclass, or of an instance, whose values are then the defaults."""
    kind = thing if isinstance(thing, type) else type(thing)
    hints, found = get_type_hints(kind), []
    for one in fields(kind):
        said, hint = option_of(kind, one.name), hints[one.name]
        values = describe_values(hint, said) + (", or none" if may_be_none(hint) else "")
        value = one.default if thing is kind else getattr(thing, one.name)
        shown = "" if value is MISSING else option_text(value)
        found.append(Description(one.name, values, shown, said.meaning, said.source))
    return found


def option_text(value: Any) -> str:
    """Write a value as ``--set`` reads it."""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
