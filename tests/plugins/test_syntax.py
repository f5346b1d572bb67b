"""Canonical text of Python source: frozen, so that it is the same on every Python that robench runs on."""

from __future__ import annotations

import hashlib

import pytest

from robench.plugins.syntax import LOOKS, Writer, parse

EVERYTHING = r'''
import a.b, c as d
from ..e import f as g
@deco(1)
class A(B, metaclass=M):
    """Doc."""
    x: int = 3
    y: ClassVar = 4
    def m(self, p, /, q: str = "ä\u2028\U0001fae8", *args, k=None, **kw) -> int:
        "doc"
        async def inner(): await p; yield 1
        return [-1, 1e-5, 10**4300, 0x1F, 2j, b"\xff", ..., True, None, {**kw, 1: 2}, {3}, *args, p[1:2, ::3]]
    def f_strings(self, x):
        return f"a{x!r:>{x}}b" "c" f"{x:}" f"{x = }", f"", f"{{}}", f"{x}" f"{x:%Y}", u"u"
for i, (j, *k) in z: continue
else: del i
try: pass
except* (E, F) as error: raise G from error
finally: global_ = lambda *, a=1: (yield)
match v:
    case {"a": 1, **rest} | [1, *_] | C(0, x=None) if rest: nonlocal_ = 1
    case -1 | None | "a" as whole: assert whole, "told"
with open() as one, two: x += not (1 < x <= 3) and x or (w := 1)
print([n for m in l if m for n in m], (o for o in p), {q: r async for q in s})
'''


def write(text: str) -> str:
    return Writer(lambda name: "", LOOKS).write(parse(text))


def digest(text: str) -> str:
    return hashlib.sha256(write(text).encode()).hexdigest()


def test_text_of_a_source_with_all_of_the_syntax_is_frozen() -> None:
    """If this fails on a new Python, its trees differ: make the text as it was. Keys depend on it."""
    assert digest(EVERYTHING) == "49c3c7b52657bb65d3b6e57ff989c90e9a0d63b41aa2cca3ce08713c5581e00a"


def test_text_of_a_small_source_is_what_stands_here() -> None:
    assert write('def f(x):\n    "Doc."\n    return x + 1.0  # why\n') == (
        "Module(body=[FunctionDef(args=arguments(args=[arg(arg=str 'x')]),body=[Return(value=BinOp("
        "left=Name(id=str 'x'),op=Add(),right=Constant(float 1.0)))],name=str 'f')])"
    )


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = (1)", "x=1 # one"),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = f'a' f'{y}'", "x = f'a{y}'"),
        ("x = 0x10", "x = 16"),
        ("if x:\n  pass\n  y", "if x: y"),
        ("def f():\n  'doc'", "def f(): pass"),
        ("x = u'a'", "x = 'a'"),
        ("x = y # type: int", "x = y"),
    ],
)
def test_text_of_the_same_in_another_layout_is_the_same(one: str, two: str) -> None:
    assert write(one) == write(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 1", "x = '1'"),
        ("x = 'a'", "x = b'a'"),
        ("x = 0.0", "x = -0.0"),
        ("x = None", "x = ..."),
        ("x = f'{y}'", "x = f'{y!s}'"),
        ("x = {None: 1}", "x = {**y}"),
        ("def f(*, a=None): 0", "def f(*, a): 0"),
        ("f(a=1, b=2)", "f(b=2, a=1)"),
        ("from . import a", "from .. import a"),
        ("async def f(): 0", "def f(): 0"),
        ("[x for x in y]", "[x async for x in y]"),
        ("match x:\n  case None: y", "match x:\n  case True: y"),
    ],
)
def test_text_of_what_does_something_else_is_another(one: str, two: str) -> None:
    assert write(one) != write(two)
