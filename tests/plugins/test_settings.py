from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional

import pytest

from robench.errors import RobenchError
from robench.plugins.settings import configure, merge, parse, read_file


@dataclass(frozen=True)
class Knobs:
    steps: int = 3
    radius: float = 0.5
    cased: bool = False
    norm: Literal["l2", "linf"] = "l2"
    order: Literal[1, 2] = 1
    cap: float | None = None
    seed: Optional[int] = 7  # noqa: UP045  the old spelling counts too
    note: str = "none yet"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")


@dataclass(frozen=True)
class Plain:
    pass


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {}),
        (["taichi.temperature=0.5"], {"taichi": {"temperature": "0.5"}}),
        ([" taichi.temperature = 0.5 "], {"taichi": {"temperature": "0.5"}}),
        (["a.x=1", "b.x=2", "a.y=3"], {"a": {"x": "1", "y": "3"}, "b": {"x": "2"}}),
        (["a.x=1", "a.x=2"], {"a": {"x": "2"}}),
        (["textattack:BAE.v1.x=1"], {"textattack:BAE.v1": {"x": "1"}}),
        (["a.x=b=c"], {"a": {"x": "b=c"}}),
        (["a.x="], {"a": {"x": ""}}),
    ],
    ids=str,
)
def test_settings_are_read(settings: list[str], expected: dict[str, dict[str, str]]) -> None:
    assert parse(settings) == expected


@pytest.mark.parametrize("setting", ["", "taichi", "taichi.temperature", "temperature=0.5", ".x=1", "a.=1", "=1"])
def test_a_malformed_setting_is_shown_with_one_that_is_not(setting: str) -> None:
    with pytest.raises(RobenchError) as error:
        parse([setting])
    assert f"--set {setting}:" in str(error.value)
    assert "taichi.temperature=0.5" in str(error.value)


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("steps", "5", 5),
        ("steps", 5, 5),
        ("steps", 5.0, 5),
        ("radius", "0.25", 0.25),
        ("radius", "1e-3", 0.001),
        ("radius", "2", 2.0),
        ("radius", 2, 2.0),
        ("cased", "true", True),
        ("cased", "false", False),
        ("cased", True, True),
        ("norm", "linf", "linf"),
        ("order", "2", 2),
        ("order", 2, 2),
        ("cap", "0.5", 0.5),
        ("cap", "none", None),
        ("cap", None, None),
        ("seed", "none", None),
        ("seed", "8", 8),
        ("note", "any text", "any text"),
        ("note", "12", "12"),
        ("note", "none", "none"),
    ],
)
def test_a_value_becomes_what_its_field_is(field: str, given: Any, expected: Any) -> None:
    made, changed = configure("knobs", Knobs(), {field: given})
    found = getattr(made, field)
    assert (found, type(found)) == (expected, type(expected))
    assert changed == (() if expected == getattr(Knobs(), field) else ((field, expected),))


@pytest.mark.parametrize(
    ("field", "given", "complaint"),
    [
        ("steps", "many", "knobs.steps is a whole number, not 'many'."),
        ("steps", "2.5", "knobs.steps is a whole number, not '2.5'."),
        ("steps", 2.5, "knobs.steps is a whole number, not 2.5."),
        ("steps", True, "knobs.steps is a whole number, not True."),
        ("steps", None, "knobs.steps is a whole number, not None."),
        ("steps", float("inf"), "knobs.steps is a whole number, not inf."),
        ("steps", "0", "knobs: steps must be at least 1."),
        ("radius", "wide", "knobs.radius is a number, not 'wide'."),
        ("radius", "", "knobs.radius is a number, not ''."),
        ("radius", "nan", "knobs.radius is a number, not 'nan'."),
        ("radius", "inf", "knobs: radius must be finite, not inf."),
        ("radius", "-1e400", "knobs: radius must be finite, not -inf."),
        ("radius", float("nan"), "knobs.radius is a number, not nan."),
        ("radius", [1], "knobs.radius is a number, not [1]."),
        ("cased", "yes", "knobs.cased is true or false, not 'yes'."),
        ("cased", 3, "knobs.cased is true or false, not 3."),
        ("norm", "l1", "knobs.norm is one of l2, linf, not 'l1'."),
        ("order", "3", "knobs.order is one of 1, 2, not '3'."),
        ("cap", "high", "knobs.cap is a number, not 'high'."),
        ("note", 5, "knobs.note is a text, not 5."),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused_where_it_stands(field: str, given: Any, complaint: str) -> None:
    with pytest.raises(RobenchError) as error:
        configure("knobs", Knobs(), {field: given})
    assert str(error.value) == complaint


@pytest.mark.parametrize(
    ("thing", "field", "hint"),
    [
        (Knobs(), "step", "unknown option of knobs 'step': did you mean steps"),
        (Knobs(), "Radius", "did you mean radius?"),
        (Knobs(), "zzz", "there are steps, radius, cased, norm, order, cap, seed, note."),
        (Plain(), "radius", "knobs has no options, so knobs.radius cannot be set."),
    ],
    ids=["near", "case", "far", "none"],
)
def test_an_unknown_field_is_answered_with_those_there_are(thing: Any, field: str, hint: str) -> None:
    with pytest.raises(RobenchError) as error:
        configure("knobs", thing, {field: "1"})
    assert hint in str(error.value)


def test_what_changed_is_told_in_the_order_of_the_fields_names_and_the_original_stays() -> None:
    thing = Knobs(radius=2.0)
    made, changed = configure("knobs", thing, {"steps": "9", "radius": "2", "norm": "linf", "cap": "1"})
    assert changed == (("cap", 1.0), ("norm", "linf"), ("steps", 9))
    assert made == Knobs(steps=9, radius=2.0, norm="linf", cap=1.0)
    assert thing == Knobs(radius=2.0)


def test_a_settings_file_has_a_table_for_each_name_and_what_is_typed_wins(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        '[knobs]\nsteps = 5\nradius = 2\ncased = true\n\n["textattack:BAE"]\nnote = "é"\n', encoding="utf-8"
    )
    settings = merge(read_file(file), parse(["knobs.steps=6"]))
    assert settings == {"knobs": {"steps": "6", "radius": 2, "cased": True}, "textattack:BAE": {"note": "é"}}
    made, _ = configure("knobs", Knobs(), settings["knobs"])
    assert made == Knobs(steps=6, radius=2.0, cased=True)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot read the settings .*: no such file or directory"),
        (b"[knobs\n", "is not a TOML file"),
        (b"[knobs]\nnote = '\xff'\n", "is not a TOML file"),
        (b"steps = 5\n", r"steps stands outside of a table; it belongs below a line like \[taichi\]"),
    ],
    ids=["missing", "torn", "not text", "no table"],
)
def test_a_broken_settings_file_is_named(content: bytes | None, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RobenchError, match=complaint) as error:
        read_file(file)
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[knobs]\nsteps = " + "[" * 2000, "is not a TOML file"),
        ("[knobs]\nsteps = " + "9" * 5000, "is not a TOML file"),
        (".".join("a" * 50_000) + " = 1", "bytes; a file of settings has"),
    ],
    ids=["nested", "5,000 digits", "a key of 50,000 parts"],
)
def test_read_file_of_a_toml_file_that_no_one_writes_is_a_sentence(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(content)
    with pytest.raises(RobenchError, match=words):
        read_file(tmp_path / "odd.toml")


@pytest.mark.parametrize("field", ["words", "pair", "table"])
def test_configure_of_a_field_that_no_text_stands_for_is_refused(field: str) -> None:
    @dataclass(frozen=True)
    class Shapes:
        words: list[str] = dataclasses.field(default_factory=list)
        pair: tuple[int, int] = (1, 2)
        table: dict[str, int] = dataclasses.field(default_factory=dict)

    with pytest.raises(RobenchError, match=rf"^a\.{field} takes no text, .* of the type (list|tuple|dict)\[.*--config"):
        configure("a", Shapes(), {field: "1"})
    made, changed = configure("a", Shapes(), {"words": ["x"]})
    assert (made.words, changed) == (["x"], (("words", ["x"]),))


@dataclass(frozen=True)
class Unions:
    layers: str | int = 3
    width: int | float | None = None
    pick: Literal["all"] | int | None = 1
    named: str | bool | None = "x"
    freeze: bool | int = 5
    words: int | list[str] = 1


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("layers", "all", "all"),
        ("layers", "5", 5),
        ("layers", 5, 5),
        ("width", "0.5", 0.5),
        ("width", "2", 2),
        ("width", "none", None),
        ("pick", "all", "all"),
        ("pick", "4", 4),
        ("named", "true", True),
        ("named", "y", "y"),
        ("named", None, None),
        ("freeze", 1, 1),
        ("freeze", True, True),
        ("words", ["a"], ["a"]),
        ("words", "7", 7),
    ],
)
def test_configure_of_a_field_of_several_types_takes_each_of_them(field: str, given: Any, expected: Any) -> None:
    made, _ = configure("a", Unions(), {field: given})
    found = getattr(made, field)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "given", "complaint"),
    [
        ("layers", [1], "a.layers is a text or a whole number, not [1]."),
        ("pick", "some", "a.pick is one of all or a whole number, not 'some'."),
        ("words", "all", "a.words is a whole number or a value, not 'all'."),
    ],
)
def test_configure_of_a_field_of_several_types_with_none_of_them_is_refused(
    field: str, given: Any, complaint: str
) -> None:
    with pytest.raises(RobenchError) as error:
        configure("a", Unions(), {field: given})
    assert str(error.value) == complaint


def test_configure_with_a_number_beyond_all_floats_is_a_sentence() -> None:
    from robench.training.settings import TrainingSettings

    with pytest.raises(RobenchError, match="epochs must be finite"):
        configure("training", TrainingSettings(), {"epochs": "9" * 400})
