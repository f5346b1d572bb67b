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


def test_readme_says_above_its_table_why_a_row_of_one_seed_is_not_bold() -> None:
    text, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition("robench table worst --task trec")
    seeds = {line.split("|")[-2].strip() for line in rest.splitlines() if line.startswith("| ")}
    assert {"1", "3"} <= seeds and "rows of one seed are [not compared]" in " ".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_page_shows_what_commands_print_of_the_entries(
    page: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prologue = "from pages_from_code.outputs import *"
    arguments = ["cog", "--check", "--diff", "-I", "docs", "-p", prologue, page]
    assert Cog().main(arguments) == 0, f"make results\n{capsys.readouterr().out}"
