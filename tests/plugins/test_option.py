"""A field's default, meaning, range and source: said once, read by errors, checks and lists."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal, get_type_hints

import pytest

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.option import Option, check_values, describe, option, option_of, without_none
from robench.plugins.settings import configure
from robench.training.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Knobs:
    steps: int = option(MISSING, "ascents, K", minimum=1)
    share: float = option(1.0, "part of the rows, drawn with the seed", above=0, maximum=1, source="a paper")
    limit: int | None = option(None, "queries; none for no limit", minimum=1)
    norm: Literal["l2", "linf"] = option("l2", "norm of a step")
    plain: float = 0.5

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, kw_only=True)
class Fewer(Knobs):
    steps: int = 2


def test_options_are_fields_with_a_default_and_enter_neither_values_nor_keys() -> None:
    knobs = Knobs(steps=3)
    assert asdict(knobs) == {"steps": 3, "share": 1.0, "limit": None, "norm": "l2", "plain": 0.5}
    assert repr(Fewer()) == "Fewer(steps=2, share=1.0, limit=None, norm='l2', plain=0.5)"
    assert [field.name for field in fields(Fewer)] == list(asdict(knobs))
    with pytest.raises(TypeError, match="steps"):
        Knobs()  # type: ignore[call-arg,unused-ignore]


@pytest.mark.parametrize(
    ("said", "words", "inside", "outside"),
    [
        (Option(), "", [-1e9, 0, 1e9], [math.inf, -math.inf, math.nan]),
        (Option(minimum=1), "1 or more", [1, 2], [0, 0.99, math.nan, math.inf]),
        (Option(minimum=0, maximum=math.inf), "from 0 to inf", [0, 1e9, math.inf], [-0.1, -math.inf, math.nan]),
        (Option(above=0), "above 0", [1e-9], [0, -1]),
        (Option(maximum=1), "at most 1", [1, -5], [1.01]),
        (Option(minimum=0, maximum=1), "from 0 to 1", [0, 1], [-0.1, 1.1, float("nan")]),
        (Option(above=0, maximum=1), "above 0 and at most 1", [0.1, 1], [0, 1.1]),
    ],
    ids=lambda value: value.range or "any" if isinstance(value, Option) else "",
)
def test_a_range_is_said_in_words_and_kept(said: Option, words: str, inside: list[float], outside: list[float]) -> None:
    assert said.range == words
    assert all(said.allows(value) for value in inside) and not any(said.allows(value) for value in outside)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 0}, "steps must be 1 or more, not 0"),
        ({"share": 0.0}, "share must be above 0 and at most 1, not 0.0"),
        ({"share": float("nan")}, "share must be finite, above 0 and at most 1, not nan"),
        ({"plain": float("inf")}, "plain must be finite, not inf"),
        ({"plain": float("-inf")}, "plain must be finite, not -inf"),
        ({"share": None}, "share is a number, above 0 and at most 1, not None"),
        ({"share": "0.5"}, "share is a number, above 0 and at most 1, not '0.5'"),
        ({"steps": 2.5}, "steps is a whole number, 1 or more, not 2.5"),
        ({"steps": True}, "steps is a whole number, 1 or more, not True"),
        ({"limit": "1"}, "limit is a whole number, 1 or more, or none, not '1'"),
        ({"limit": 0}, "limit must be 1 or more, or none, not 0"),
        ({"norm": "l1"}, "norm is one of l2, linf, not 'l1'"),
    ],
)
def test_a_value_out_of_its_range_is_an_error_that_says_the_range(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as error:
        replace(Fewer(), **values)
    assert str(error.value) == sentence


def test_a_field_is_described_by_the_nearest_class_that_declares_it() -> None:
    steps, share, limit, norm, plain = describe(Fewer(share=0.5))
    assert (steps.values, steps.default, steps.meaning) == ("a whole number, 1 or more", "2", "ascents, K")
    assert (share.values, share.default, share.source) == ("a number, above 0 and at most 1", "0.5", "a paper")
    assert (limit.values, limit.default) == ("a whole number, 1 or more, or none", "none")
    assert norm.values == "one of l2, linf"
    assert (plain.values, plain.default, plain.meaning) == ("a number", "0.5", "")
    assert describe(Knobs)[0].default == "", "it has none"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("shar", "1", "did you mean share (part of the rows)? `robench list knobs` describes them."),
        (
            "zzz",
            "1",
            "there are steps (ascents), share (part of the rows), limit (queries), norm (norm of a step), plain.",
        ),
        ("share", "much", "knobs.share is a number, above 0 and at most 1, not 'much'."),
        ("limit", "few", "knobs.limit is a whole number, 1 or more, not 'few'."),
        ("share", "2", "knobs: share must be above 0 and at most 1, not 2.0."),
    ],
)
def test_a_wrong_setting_is_answered_with_meanings_and_range(field: str, value: str, sentence: str) -> None:
    with pytest.raises(RobenchError) as error:
        configure("knobs", Fewer(), {field: value})
    assert sentence in str(error.value)


def settable() -> Iterator[tuple[str, Any]]:
    """Everything that ``--set`` changes: each registered defense and attack, and the training settings."""
    yield "training", TrainingSettings()
    for kind in ("defenses", "attacks"):
        for entry in registry.entries(kind):
            member = (entry.members() or ["pwws"])[0]  # the family of random orders takes the name of any attack
            yield entry.name, registry.entry(kind, f"{entry.name}:{member}" if entry.argument else entry.name).load()


THINGS = dict(settable())


def number_fields(thing: Any) -> Iterator[tuple[str, type, Option]]:
    """Each numeric field with its type and what is declared of it."""
    hints = get_type_hints(type(thing))
    for one in fields(thing):
        if (hint := without_none(hints[one.name])) in (int, float):
            yield one.name, hint, option_of(type(thing), one.name)


@pytest.mark.parametrize("name", THINGS)
def test_every_number_of_a_built_in_has_a_range_and_is_refused_outside(name: str) -> None:
    thing = THINGS[name]
    for field, hint, said in number_fields(thing):
        assert said.minimum is not None or said.above is not None, f"{name}.{field} has no lower bound"
        outside: list[float] = [math.inf, -math.inf, math.nan] if hint is float else []
        outside += [] if said.above is None else [hint(said.above)]
        for bound, direction in ((said.minimum, -math.inf), (said.maximum, math.inf)):
            if bound is not None:
                outside.append(bound + math.copysign(1, direction) if hint is int else math.nextafter(bound, direction))
        for value in outside:
            with pytest.raises(RobenchError, match=rf"^{re.escape(name)}[:.] ?{field} (must be|is) "):
                configure(name, thing, {field: value})


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("textfooler", "max_candidates", "-5"),
        ("textfooler", "min_sentence_similarity", "5"),
        ("bae", "min_sentence_similarity", "1.5"),
        ("iga", "max_word_distance", "0"),
        ("taichi", "temperature", "inf"),
        ("taichi", "ce_weight", "-1"),
        ("training", "weight_decay", "-1e30"),
        ("training", "learning_rate", "inf"),
        ("pgd", "step_size", "inf"),
        ("pwws", "max_words_changed", "nan"),
    ],
)
def test_a_senseless_value_is_refused(name: str, field: str, value: str) -> None:
    with pytest.raises(RobenchError, match=rf"{name}.*{field}"):
        configure(name, THINGS[name], {field: value})


@pytest.mark.parametrize("kind", ["defenses", "attacks"])
def test_every_field_of_a_built_in_says_what_it_means(kind: registry.Kind) -> None:
    for entry in registry.entries(kind):
        made = entry.implementation() if entry.argument else entry.load()
        assert [one.name for one in describe(made) if not one.meaning or one.meaning.endswith(".")] == [], entry.name
