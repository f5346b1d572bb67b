"""Code blocks of README and docs: every command is one that robench takes, every Python block compiles.

``test_worked_examples.py`` runs them.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from pages_from_code.commands import render_commands
from robench.cli import app
from robench.extras import format_install_command
from support.code_blocks import BLOCKS, LANGUAGES, ROOT, Block, read_blocks

GROUP: Any = get_command(app)
SHELL = [block for block in BLOCKS if block.language == "bash"]
PYTHON = [block for block in BLOCKS if block.language == "python"]
PROGRAMS = {"robench", "make", "pip", "export", "ray", "python"}
"""Programs whose lines are checked one by one; scripts begin with ``#!``."""


def test_blocks_are_found_on_most_pages_and_say_what_they_are() -> None:
    assert len({block.page for block in BLOCKS}) > 15 and len(SHELL) > 25 and len(PYTHON) > 6
    assert [block.place for block in BLOCKS if block.language not in LANGUAGES] == []
    assert [block.place for block in BLOCKS if block.note and not re.match("dry-run$|parse: ..", block.note)] == []


def test_pages_have_no_code_outside_of_fences() -> None:
    indented = re.compile(r"\n\n {4}(robench|pip|import|from|make) ")
    assert [page.name for page in ROOT.glob("docs/*.md") if indented.search(page.read_text("utf-8"))] == []


def parse(words: list[str]) -> None:
    """Let typer read a command without running it; it ends with an error if an option or a value is wrong."""
    command = GROUP.commands[words[0]]
    with command.make_context(words[0], words[1:]):
        pass


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)
def test_each_line_of_a_shell_is_a_command_that_there_is(block: Block) -> None:
    if block.text.startswith("#!"):
        assert subprocess.run(["bash", "-n"], input=block.text, text=True, check=False).returncode == 0
        return
    for words in block.commands:
        assert words[0] in PROGRAMS, words
        if words[0] == "robench":
            parse(words[1:])
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), words
        elif words[0] == "pip":
            assert words[1] == "install"
            for place in re.findall(r"\./[\w/-]+", " ".join(words)):
                assert (ROOT / place / "pyproject.toml").is_file(), place
            for extra in re.findall(r"\.\[(\w+)\]", " ".join(words)):
                assert format_install_command(extra), words


@pytest.mark.parametrize("block", read_blocks(Path("commands.md"), render_commands()), ids=lambda block: block.place)
def test_examples_of_the_help_are_commands_that_there_are(block: Block) -> None:
    for words in block.robench if block.language == "bash" else []:
        parse(words)


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_each_block_of_python_compiles(block: Block) -> None:
    compile(block.text, block.place, "exec")


def test_each_block_of_yaml_can_be_read() -> None:
    contents = [yaml.safe_load(block.text) for block in BLOCKS if block.language == "yaml"]
    assert contents and all(isinstance(content, dict) for content in contents)


def test_commands_inside_of_sentences_are_ones_that_there_are() -> None:
    text = "\n".join(page.read_text("utf-8") for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    named = set(re.findall(r"`robench ([a-z]+)(?:[ `])", text))
    assert len(named) > 8 and named <= {*GROUP.commands}
    flags = {
        flag
        for one in GROUP.commands.values()
        for option in one.params
        for flag in (*option.opts, *option.secondary_opts)
    }
    used = set(re.findall(r"`(--[a-z][a-z-]+)(?:[ `=])", text))
    other = {"--editable", "--help"}
    assert len(used) > 30 and used <= flags | other, used - flags - other
