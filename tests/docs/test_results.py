"""The published results: every entry is sound, and the pages show what commands print of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from cogapp import Cog

from support.code_blocks import ROOT
from support.tiny_job import robench

ENTRIES = ROOT / "leaderboards" / "measured"
DATA = os.environ.get("ROBENCH_TEST_DATA")


@pytest.fixture
def root() -> Iterator[Path]:
    with chdir(ROOT):
        yield ROOT


def test_every_published_entry_is_sound() -> None:
    done = robench("validate", ENTRIES, *(["--data", DATA] if DATA else []))
    assert done.exit_code == 0, done.output


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_page_shows_what_commands_print_of_the_entries(
    page: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prologue = "from pages_from_code.outputs import *"
    arguments = ["cog", "--check", "--diff", "-I", "docs", "-p", prologue, page]
    assert Cog().main(arguments) == 0, f"make results\n{capsys.readouterr().out}"
