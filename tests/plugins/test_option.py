"""A field's default, meaning, range and source: said once, read by errors, checks and lists."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Literal

import pytest

from robench.errors import RobenchError
from robench.plugins import registry
from robench.plugins.option import Option, check_values, describe, option
from robench.plugins.settings import configure


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
        (Option(), "", [-1e9, 0, 1e9], []),
        (Option(minimum=1), "1 or more", [1, 2], [0, 0.99, float("nan")]),
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
        ({"share": float("nan")}, "share must be above 0 and at most 1, not nan"),
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


@pytest.mark.parametrize("kind", ["defenses", "attacks"])
def test_every_field_of_a_built_in_says_what_it_means(kind: registry.Kind) -> None:
    for entry in registry.entries(kind):
        made = entry.implementation() if entry.argument else entry.load()
        assert [one.name for one in describe(made) if not one.meaning or one.meaning.endswith(".")] == [], entry.name
