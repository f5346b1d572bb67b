"""The commands that robench prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from robench.plugins import registry
from robench.results import papers
from robench.results.selection import Selection
from robench.study.commands import format_command, format_paper_command, make_run_command


def test_words_of_a_command_are_quoted_for_a_shell() -> None:
    assert format_command("show", "my cell", "--runs", "a'b") == "robench show 'my cell' --runs 'a'\"'\"'b'"


def test_command_about_a_paper_names_any_but_the_default() -> None:
    paper = papers.find_paper()
    assert format_paper_command(paper, "table", "5") == "robench table 5"
    assert (
        format_paper_command(replace(paper, name="./my paper"), "table", "5") == "robench table 5 --paper './my paper'"
    )


@pytest.mark.parametrize(
    ("selection", "command"),
    [
        (Selection(tasks=["mr"]), "robench run --defense all --task mr"),
        (
            Selection(tasks=["mr"], defenses=["base", "ada"], attacks=["pwws"], encoders=["minilm"], seeds=[1, 2]),
            "robench run --defense base,ada --task mr --attack pwws --encoder minilm --seed 1,2",
        ),
        (Selection(tasks=["mr"], presets=["quick"]), "robench run --defense all --task mr --preset quick"),
    ],
)
def test_command_of_a_selection_names_what_it_takes(selection: Selection, command: str) -> None:
    assert make_run_command(selection) == command
    assert make_run_command(selection, ["--runs", "r"]) == f"{command} --runs r"


@pytest.mark.usefixtures("forget_plugins")
def test_command_names_the_file_of_a_plug_in_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.py"
    file.write_text('import robench\nrobench.register("mine", robench.Task(labels=("a", "b")))\n', encoding="utf-8")
    registry.load_plugin(Path("mine.py"))
    selection = Selection(tasks=["mine"], defenses=["base"])
    command = "robench run --defense base --task mine"
    assert make_run_command(selection) == f"{command} --plugin {file}"
    assert make_run_command(selection, ["--plugin", "mine.py"]) == f"{command} --plugin mine.py"
    assert "--plugin" not in make_run_command(Selection(tasks=["mr"]))
