"""Foreign strings are shown as they are, and never read as commands of the format that they are written in."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import subprocess

import pytest

from robench.errors import RobenchError
from robench.escaping import (
    count_noun,
    dump_json,
    escape_html,
    escape_latex,
    escape_line,
    escape_markdown,
    escape_matplotlib,
    escape_terminal,
    fence_markdown,
    hide_folders,
    join_csv_cells,
    list_values,
    quote_python,
    quote_words,
    shorten,
    show_value,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a naïve film", "a naïve film"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("a\tb\nc\rd\x07", "a\ufffdb\ufffdc\ufffdd\ufffd"),
        ("\u202eright to left", "\ufffdright to left"),
        ("half of a pair: \ud83d", "half of a pair: \ufffd"),
        ("spaces: \u00a0\u3000", "spaces: \u00a0\u3000"),
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
        ("one\n\n\\two\x1b", r"one \textbackslash{}two?"),
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
        ("a\n\n| b |\x1b", "a \\| b \\|\ufffd"),
        ("&lt; $x$ ~~no~~", r"\&lt; \$x\$ \~\~no\~\~"),
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


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1+x", "@SUM(A1)", " =1", "\uff1d1", "-cmd|' /C calc'!A0"])
def test_join_csv_cells_formulas_become_texts(cell: str) -> None:
    assert list(csv.reader(io.StringIO(join_csv_cells([cell]), newline=""))) == [[f"'{cell}"]]


@pytest.mark.parametrize("cell", ["-1.25", "+3", "-inf", "1e-4", "-2e+10", -1.5, 3, "a=b", "a-b"])
def test_join_csv_cells_numbers_stay_numbers(cell: object) -> None:
    assert join_csv_cells([cell]) == f"{cell}\n"


@pytest.mark.parametrize("cell", ["\t=1", "\r=1", "\x1b[2J"])
def test_join_csv_cells_controls_are_replaced(cell: str) -> None:
    assert join_csv_cells([cell]) == f"\ufffd{cell[1:]}\n"


def test_join_csv_cells_numbers_and_none_are_written_plainly() -> None:
    assert join_csv_cells(["base", 3, 0.5, None]) == "base,3,0.5,\n"


def test_escape_line_line_ends_become_one_space() -> None:
    assert escape_line("a\r\n\tb\u2028c\x1bd") == "a b c\ufffdd"


def test_escape_html_controls_are_replaced_and_values_stay() -> None:
    assert (escape_html("<\x1b\n"), escape_html(1.5), escape_html(None)) == ("<\ufffd\n", 1.5, None)


@pytest.mark.parametrize("text", ["_x", "_\0"])
def test_escape_matplotlib_label_that_a_legend_would_leave_out_is_kept(text: str) -> None:
    assert not escape_matplotlib(text).startswith("_")


def test_fence_markdown_lines_do_not_end_the_block() -> None:
    assert fence_markdown(["a", "```\n````x"]) == ["`````", "a", "``` ````x", "`````"]


@pytest.mark.parametrize("value", ["\x1b\u202e\ud83d\U000e0001", "naïve \u3000", 1.5, ["\x9b", None]])
def test_dump_json_is_read_back_and_printable(value: object) -> None:
    text = dump_json(value)
    assert json.loads(text) == value and escape_terminal(text, keep="\n") == text


@pytest.mark.parametrize("word", ["plain", "two words", "it's", "\x1b[2J'\\", "a\nb\tc", "donn\udce9es", "\u202eé1"])
def test_quote_words_mean_the_same_to_a_shell(word: str) -> None:
    quoted = quote_words(["printf", "%s", word])
    assert quoted.isprintable()
    assert subprocess.run(["bash", "-c", quoted], capture_output=True, check=True).stdout == os.fsencode(word)


@pytest.mark.parametrize("text", ["plain", 'a"b', "a\nb", "`x`", "\udce9", "\U0002ebe1\U000e0001"])
def test_quote_python_means_the_same_to_python(text: str) -> None:
    literal = quote_python(text)
    assert ast.literal_eval(literal) == text and literal.isprintable() and "`" not in literal


def test_shorten_keeps_both_ends() -> None:
    assert shorten("a" * 100, 100) == "a" * 100
    assert shorten("a" * 100 + "z" * 100, 33) == "a" * 20 + " … " + "z" * 10


class _Unshowable:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", "'a'"),
        pytest.param(10**5000, "a value of type int", id="digits"),
        (_Unshowable(), "a value of type _Unshowable"),
    ],
)
def test_show_value_without_a_text_is_its_type(value: object, shown: str) -> None:
    assert show_value(value) == shown


def test_list_values_beyond_ten_are_counted() -> None:
    assert list_values(range(3)) == "0, 1, 2"
    assert list_values(range(1012), 2) == "0, 1, and 1,010 more"


def test_count_noun_of_one_is_singular_and_of_all_other_numbers_plural() -> None:
    assert [count_noun(n, "sample") for n in (0, 1, 1200)] == ["0 samples", "1 sample", "1,200 samples"]
    assert [count_noun(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]


def test_message_of_100_000_characters_is_capped_and_keeps_its_advice() -> None:
    message = str(RobenchError(f"the value {'x' * 100_000} is wrong: \x1b[2J take another."))
    assert len(message) == 2000 and message.startswith("the value xxx") and message.endswith("\ufffd[2J take another.")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/my-model", "my-model"),
        ("robench run --data /home/ann/data/ --runs '/home/ann/my runs'", "robench run --data data/ --runs 'my runs'"),
        ("local:/home/ann/data/trec, from `/srv/x/plugin.py` (/tmp/a/b)", "local:trec, from `plugin.py` (b)"),
        (r"C:\Users\ann\runs and D:/data", "runs and data"),
        ("./model ../data ~/data owner/name n/a 5 / 3", "./model ../data ~/data owner/name n/a 5 / 3"),
        ("https://example.org/a/b and a\\nb", "https://example.org/a/b and a\\nb"),
        ("two\n/home/ann/lines\n", "two\nlines\n"),
        ("ROBENCH_DATA (/home/ann/data) has no folder mr", "ROBENCH_DATA (data) has no folder mr"),
        ("the Python files of encoder ~/models/enc, ~ann/enc", "the Python files of encoder enc, enc"),
        (r"C:\Users\ann\rows.tsv: quoted, \Users\ann\rows.tsv", "rows.tsv: quoted, rows.tsv"),
        ("../up/x, ./here/y and ../../z", "x, y and z"),
        ("../secret/dir/file ~/models/bert", "file bert"),
        ("https://huggingface.co/a/b and/or owner/name", "https://huggingface.co/a/b and/or owner/name"),
        ("'/home/ann/a','/home/ann/b' /home/ann/c,/home/ann/d", "'a','b' c,d"),
        ("/home/o'neil/x /home/ann(old)/x <file:/home/ann/x>", "x x <file:x>"),
        (
            "</home/ann/x.py>, \u201c/home/ann/x.csv\u201d and \u2018/srv/y\u2019",
            "<x.py>, \u201cx.csv\u201d and \u2018y\u2019",
        ),
        ("<b>good</b> <i>bad</i>/x", "<b>good</b> <i>bad</i>x"),
        (
            r"20 of 30 rows, (a)/b, 5%/10%, a 'line\nend' '\n' .../a/b",
            r"20 of 30 rows, (a)/b, 5%/10%, a 'line\nend' '\n' .../a/b",
        ),
    ],
)
def test_hide_folders_leaves_the_last_part_of_a_path_and_everything_else(text: str, shown: str) -> None:
    assert hide_folders(text) == shown
