"""Every built-in, option, preset, public name, table and key of a file is in the documentation.

The pages are read as Sphinx reads them: with what is made from code in its place.
"""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from typer.main import get_command

from pages_from_code import PARTS, fill
from pages_from_code.public import FACES
from robench.cli import app
from robench.plugins import registry
from robench.plugins.option import describe
from robench.plugins.registry import Kind
from robench.report.figures.general_figures import list_general_figures
from robench.report.tables.general_tables import GENERAL
from robench.report.tables.legend import FEW_SEEDS
from robench.results.papers import find_paper
from robench.results.schemas import SCHEMAS
from robench.study.presets import PRESETS, Preset
from support.code_blocks import ROOT

GROUP: Any = get_command(app)


@cache
def page(name: str) -> str:
    """The Markdown of a page, as Sphinx reads it."""
    return fill((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8"))


def section(name: str, heading: str) -> str:
    """The part of a page below a heading, up to the next one of its level."""
    level = re.match("#+", heading)
    assert level is not None
    _, found, rest = f"\n{page(name)}".partition(f"\n{heading}\n")
    assert found, f"docs/{name}.md has no heading {heading!r}"
    return re.split(rf"^#{{1,{len(level[0])}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def test_how_to_read_a_table_says_what_is_not_compared_as_tables_do() -> None:
    assert f"{FEW_SEEDS}." in page("read-a-table").replace("\n", " ")


def test_each_part_that_is_made_from_code_is_on_a_page() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "docs").glob("*.md"))
    assert set(re.findall(r"^<!-- made from code: (.+) -->$", text, re.MULTILINE)) == set(PARTS)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_each_built_in_is_described_with_all_its_options(kind: Kind) -> None:
    for entry in registry.entries(kind):
        if entry.origin != "robench":
            continue
        text = section("names", f"### {entry.pattern}")
        assert entry.summary[:20].strip("_*[") in text.replace("\\", "")
        options = [] if kind == "tasks" else describe(entry.implementation() if entry.argument else entry.load())
        assert [one.name for one in options if f"| `{one.name}` |" not in text] == []


@pytest.mark.parametrize("command", GROUP.commands)
def test_each_argument_and_option_of_a_command_is_described(command: str) -> None:
    text = section("commands", f"## robench {command}")
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \|", text, re.MULTILINE)
    named = {name.strip("[],") for names, meaning in rows for name in names.split()}
    for one in GROUP.commands[command].params:
        names = one.opts if one.param_type_name == "option" else [one.metavar or one.name.upper()]
        assert {name.strip("[]") for name in names} <= named, one
    assert len(rows) == len(GROUP.commands[command].params) and all(meaning.strip() for _, meaning in rows)


def test_each_preset_is_described_with_all_its_choices() -> None:
    text = section("names", "## Presets")
    assert [name for name in PRESETS if f"`{name}`" not in text] == []
    assert [one.name for one in fields(Preset) if f"| `{one.name}` |" not in text] == []


def test_each_table_and_figure_is_named() -> None:
    text = section("read-a-table", "## Which tables and figures there are")
    paper = find_paper("paper")
    assert [name for name in (*GENERAL, *paper.tables) if f"`robench table {name}`" not in text] == []
    figures = (*list_general_figures(paper), *paper.figures)
    assert [name for name in figures if f"`robench figure {name}`" not in text] == []


@pytest.mark.parametrize("face", FACES)
def test_each_public_name_is_in_the_reference_of_python(face: str) -> None:
    text = page("python")
    for name in import_module(face).__all__:
        module = f"automodule:: {getattr(import_module(face), name).__name__}" if name == "intervals" else None
        assert re.search(rf"(:: |`){re.escape(face)}\.{name}(\n|`)", text) or (module and module in text), name


@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_key_of_a_file_is_described(schema: str) -> None:
    text = page("formats")
    for structure, content in SCHEMAS[schema]()["$defs"].items():
        assert f"#### {structure}\n" in text
        missing = [key for key in content["properties"] if f"| `{key}` |" not in text]
        assert missing == [], (structure, missing)


def test_almost_each_key_of_a_file_has_a_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page("formats"), re.MULTILINE)
    bare = sorted(key for key, rest in rows if not rest.split(" | ")[-1].strip() or len(rest.split(" | ")) < 2)
    assert len(rows) > 150 and len(bare) < len(rows) / 20, bare
