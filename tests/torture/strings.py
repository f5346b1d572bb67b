"""Texts, values and payloads that several kinds share."""

from __future__ import annotations

import importlib
import random
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

CONTROLS = (
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[1;1H",
    "\x1b[31m",
    "\x9b2J",
    "\x07",
    "\b\b\b",
    "\0",
    "\x7f",
    "\x85",
    "\r",
    "\t",
    "\n",
)
UNICODE = (
    "\u202egnp.exe",
    "\u2066\u2069",
    "\u200b",
    "\u2028",
    "\ufeff",
    "\ufffe",
    "\U000e0041",
    "Z\u0351\u0335\u0310a\u0320\u0311l\u0342go",
    "\u0661\u0662",
    "\u3000",
    "ẞıİǅ",
    "\uff41",
    "👩\u200d👩\u200d👧",
    "ﷺ",
)
SURROGATES = ("\ud800", "\udcff", "\udfff\ud800")
MARKUP = (
    "<script>alert(1)</script>",
    "<!--",
    "</table>",
    "&lt;b&gt;",
    "| a | b |",
    "`code`",
    "```",
    "[x](javascript:y)",
    "# head",
    "[bold]b[/bold]",
    "[/]",
    "[link=file:///etc]x[/link]",
    "$\\frac{1}{$",
    "\\input{/etc/hosts}",
    "\\end{document}",
    "%",
    "{}",
    "=1+1",
    "@SUM(A1)",
    "+1",
    "-1",
    "{{ 7*7 }}",
    "{% raw %}",
    "%s %n",
    "{0.__class__}",
    "'; --",
    '"',
    "\\",
)
NAMES = (
    "..",
    ".",
    "/",
    "~",
    "-",
    "--help",
    "nul",
    "a/b",
    "../../x",
    "*",
    "?",
    " ",
    "",
    "all",
    "before",
    "x" * 300,
    "$HOME",
)


def shuffle(stream: random.Random, items: Iterable[T]) -> list[T]:
    """Return some items in random order."""
    order = list(items)
    stream.shuffle(order)
    return order


def piece(stream: random.Random, *, surrogates: bool = True) -> str:
    """One hostile piece of a text."""
    groups: list[tuple[str, ...]] = [CONTROLS, UNICODE, MARKUP, *([SURROGATES] if surrogates else [])]
    return stream.choice(stream.choice(groups))


def hostile(stream: random.Random, *, surrogates: bool = True, words: bool = True) -> str:
    """Some hostile pieces, with words between them."""
    parts = [piece(stream, surrogates=surrogates) for _ in range(stream.randint(1, 3))]
    return (" fine " if words and stream.random() < 0.7 else "").join(["", *parts, ""]) or parts[0]


def typeable(text: str) -> str:
    """A text as a program can be given it: no NUL, and surrogates only for bytes that are not UTF-8."""
    return "".join(c for c in text if c != "\0" and (not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff"))


NUMBERS = (
    "9" * 5000,
    "-" + "9" * 400,
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-1",
    "0",
    "1e-400",
    "٣",
    "½",
    "1_000",
    "0x10",
    "1.5",
    " 7 ",
    "",
    " ",
    "None",
    "true",
    "1;2",
    "1,,2",
    "+1",
    "2**64",
    str(2**64),
    str(2**31),
    "\x001",
)
"""Values of options that are no usual numbers."""


class Lazy:
    """A module that is imported when it is used, since not every input needs it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


def values() -> list[Any]:
    """Values that JSON can hold where another is expected."""
    return [
        None,
        True,
        False,
        0,
        -1,
        2**31,
        2**63,
        2**64,
        10**400,
        -(10**30),
        0.5,
        1e308,
        float("nan"),
        float("inf"),
        "",
        " ",
        "x",
        "7",
        "../../outside/notes.txt",
        "\x1b[2J\x1b]0;owned\x07",
        "\ud800",
        "<b>[/]$\\frac{$",
        "y" * 20_000,
        [],
        [[]],
        [None, 1, "x"],
        ["a"] * 3_000,
        {},
        {"": None},
        {"\x1b[2J": {"a": [1, {"b": 2}]}},
        nested(200),
    ]


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


def touch(canary: Path) -> str:
    """A shell command that makes the canary's file."""
    return f"touch {shlex.quote(str(canary))}"


def payload(canary: Path) -> str:
    """Python code that makes the canary's file."""
    return f"__import__('os').system({touch(canary)!r})"


class Bomb:
    """What makes the canary's file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.command = touch(canary)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, (self.command,)
