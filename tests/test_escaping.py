"""Foreign strings are shown as they are, and never read as commands of the format that they are written in."""

from __future__ import annotations

import csv
import io

import pytest

from robench.escaping import escape_latex, escape_markdown, escape_matplotlib, escape_terminal, join_csv_cells


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a naïve film", "a naïve film"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("a\tb\nc\rd\x07", "a\ufffdb\ufffdc\ufffdd\ufffd"),
        ("\u202eright to left", "\ufffdright to left"),
        ("half of a pair: \ud83d", "half of a pair: \ufffd"),
    ],
)
def test_escape_terminal_control_characters_are_replaced(text: str, shown: str) -> None:
    assert escape_terminal(text) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("taichi", "taichi"),
        ("50% & more_or_less", r"50\% \& more\_or\_less"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("[2]", "{[}2{]}"),
        ("$x^2$ ~ #1", r"\$x\textasciicircum{}2\$ \textasciitilde{} \#1"),
        (
            "81.2 ± 0.3 ↑ ↓ → ≥ ∞ · — < >",
            r"81.2 $\pm$ 0.3 $\uparrow$ $\downarrow$ $\to$ $\ge$ $\infty$ $\cdot$ --- $<$ $>$",
        ),
    ],
)
def test_escape_latex_special_characters_become_commands(text: str, escaped: str) -> None:
    assert escape_latex(text) == escaped


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("taichi", "taichi"),
        ("a|b", r"a\|b"),
        ("*bold* _italic_ `code`", r"\*bold\* \_italic\_ \`code\`"),
        ("<script> [link](url)", r"\<script\> \[link\](url)"),
        ("\\", r"\\"),
    ],
)
def test_escape_markdown_formatting_characters_are_escaped(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


@pytest.mark.parametrize("text", ["plain", "$", "$5 or $6", r"a\$b", "$\\bad{$", "$$$"])
def test_escape_matplotlib_dollar_signs_are_drawn_as_they_are(text: str) -> None:
    from matplotlib.text import Text

    drawn, is_math = Text(text=escape_matplotlib(text))._preprocess_math(escape_matplotlib(text))  # type: ignore[attr-defined]
    assert (drawn, is_math) == (text, False)


def test_join_csv_cells_are_read_back_unchanged() -> None:
    cells = ["a", "b,c", 'say "no"', "two\nlines", "", " naïve "]
    line = join_csv_cells(cells)
    assert line.endswith("\n") and not line.endswith("\r\n")
    assert list(csv.reader(io.StringIO(line, newline=""))) == [cells]


def test_join_csv_cells_numbers_and_none_are_written_plainly() -> None:
    assert join_csv_cells(["base", 3, 0.5, None]) == "base,3,0.5,\n"
