"""Whatever code of others raises becomes a sentence; an interrupt passes, and sys.exit is no success."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import pytest

from robench.errors import (
    ControlFlow,
    RobenchError,
    blame_foreign_code,
    describe_error,
    quote_message,
    translate_failures,
)


class Odd(BaseException):
    pass


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError


class ExitsError(Exception):
    def __str__(self) -> str:
        sys.exit(0)


class Flow(ControlFlow):
    pass


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("x"), "ValueError: x"),
        (ValueError("two\nlines. "), "ValueError: two lines"),
        (ValueError("x" * 1000), f"ValueError: {'x' * 300}"),
        (KeyError(), "KeyError: no message"),
        (MuteError(), "MuteError: no message"),
        (ExitsError(), "ExitsError: no message"),
        (SystemExit(0), "SystemExit: 0"),
        (Odd("x"), "Odd: x"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value[:20],
)
def test_translate_failures_any_error_becomes_one_line(error: BaseException, sentence: str) -> None:
    assert describe_error(error) == sentence
    with pytest.raises(RobenchError) as told, translate_failures("the thing failed", advice=lambda error: " Mend it."):
        raise error
    message = str(told.value)
    assert re.sub(f": {re.escape(__file__)}, line \\d+", "", message) == f"the thing failed: {sentence}. Mend it."
    assert "raise error" in told.value.frames
    assert told.value.__cause__ is error


@pytest.mark.parametrize("error", [RobenchError("as it is."), KeyboardInterrupt(), GeneratorExit(), Flow()], ids=repr)
def test_translate_failures_own_errors_and_interrupts_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as told, translate_failures("the thing failed"):
        raise error
    assert told.value is error


def test_translate_failures_names_the_innermost_line_of_a_class() -> None:
    text = "class Thing:\n  def outer(self):\n    self.inner()\n  def inner(self):\n    raise ValueError('x')\n"
    module = SimpleNamespace(__file__="/nowhere/thing.py")
    namespace: dict[str, type] = {"__name__": "a_thing"}  # type: ignore[dict-item]
    exec(compile(text, "/nowhere/thing.py", "exec"), namespace)
    thing = namespace["Thing"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "a_thing", module)
        with pytest.raises(RobenchError, match=r"^it failed: /nowhere/thing\.py, line 5: ValueError: x\.$"):
            with translate_failures("it failed", thing):
                thing().outer()


@pytest.mark.parametrize("code", [0, None, 3, "usage"])
def test_blame_foreign_code_exit_names_the_line_that_ended_the_program(code: object) -> None:
    with pytest.raises(RobenchError, match=r"test_errors\.py, line \d+ ended the program \(SystemExit: "):
        with blame_foreign_code():
            sys.exit(code)  # type: ignore[arg-type]


def test_blame_foreign_code_other_errors_pass() -> None:
    with pytest.raises(KeyboardInterrupt), blame_foreign_code():
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("message", "quoted"),
    [
        ("", "ValueError"),
        ("\n one line \nand another", "one line"),
        (
            "Error(s) in loading state_dict:\n\n\tsize mismatch\n\tand more",
            "Error(s) in loading state_dict: size mismatch",
        ),
        ("a heading alone:", "a heading alone:"),
    ],
)
def test_quote_message_has_the_line_below_a_heading(message: str, quoted: str) -> None:
    assert quote_message(ValueError(message)) == quoted
