"""The help of each command on a terminal of 80 columns: what a newcomer reads first."""

from __future__ import annotations

import inspect
import re
import shlex
from itertools import pairwise
from typing import Annotated, Any, get_args

import pytest
import typer
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from robench.cli import app
from robench.cli.help import EXAMPLE_WIDTH, format_help, prepare_parameter
from support.tiny_job import robench

COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]


def read_help(*words: str) -> str:
    return CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).stdout


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_no_type_of_python_at_an_option_and_cuts_no_word(command: str) -> None:
    shown = read_help(*filter(None, [command]))
    options = [line for line in shown.splitlines() if re.match(r"│[ *]*--", line)]
    assert options and not [line for line in options if re.search(r"<(bool|str|int|float|list|path)", line)]
    assert "…" not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_paragraphs_of_a_help_fill_the_line(command: str) -> None:
    head = read_help(command).partition("╭")[0]
    paragraphs = [text.splitlines() for text in head.split("\n" + " " * 80 + "\n") if "For example:" not in text]
    for lines in paragraphs:
        for line, following in pairwise(lines):
            if line.strip() and following.strip():
                assert len(line.rstrip()) + len(following.split()[0]) >= 78, (line, following)


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_a_help_fit_and_are_commands_with_options_that_exist(command: str) -> None:
    lines = (COMMANDS[command].help or "").partition("For example:\n")[2].splitlines()
    assert all(len(line) <= EXAMPLE_WIDTH for line in lines)
    for example in "\n".join(lines).replace("\\\n", "").splitlines():
        program, name, *words = shlex.split(example)
        assert program == "robench" and name == command
        known = {flag for option in COMMANDS[name].params for flag in (*option.opts, *option.secondary_opts)}
        assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("command", COMMANDS)
def test_no_text_of_a_help_is_taken_for_markup(command: str) -> None:
    texts = [COMMANDS[command].help, *(one.help for one in COMMANDS[command].params if getattr(one, "help", None))]
    assert [text for text in texts if text and Text.from_markup(text).plain != text.replace(r"\[", "[")] == []


def test_a_docstring_becomes_lines_of_paragraphs_and_examples() -> None:
    long = "robench run --defense base,ada,taichi --task trec --attack pwws,deepwordbug --preset quick"
    found = format_help(f"Do it.\n\n    One\n    paragraph.\n\n      {long}\n      robench list\n    ")
    assert found.split("\n\n") == [
        "Do it.",
        "One paragraph.",
        "For example:\n  robench run --defense base,ada,taichi --task trec \\\n"
        "      --attack pwws,deepwordbug --preset quick\n  robench list",
    ]


def test_robench_alone_shows_a_first_command(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = robench().stdout
    assert "  robench run --defense base,taichi --task trec --attack pwws --preset quick" in shown
    assert "  robench attack --model" in shown


def test_list_of_a_preset_writes_what_it_chooses_as_people_do() -> None:
    shown = robench("list", "paper").stdout
    assert "sources: local, hub, index" in shown and "training: epochs 3, batch_size 16" in shown
    assert "summary:" not in shown and "{" not in shown and "None" not in shown
    assert "paper (papers, from robench)" in shown and "table 5: all defenses under all attacks" in shown


def test_parameters_that_share_an_option_have_placeholders_of_their_own() -> None:
    shared = Annotated[list[str] | None, typer.Option(help="Only these.")]
    parameters = [
        prepare_parameter(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=shared))
        for name in ("encoder", "seed")
    ]
    assert [get_args(one.annotation)[1].metavar for one in parameters] == ["ENCODER,...", "SEED,..."]
