"""The commands that robench prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from robench.plugins import plugin_files
from robench.results import papers
from robench.results.cells import read_results
from robench.results.info import CellInfo
from robench.results.selection import Selection
from robench.results.store import Store
from robench.study.commands import format_command, format_paper_command, make_commands, make_run_command, repeat
from support.hand_made import add_cell
from support.tables import options_of


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
    plugin_files.load_plugin(Path("mine.py"))
    selection = Selection(tasks=["mine"], defenses=["base"])
    command = "robench run --defense base --task mine"
    assert make_run_command(selection) == f"{command} --plugin {file}"
    assert make_run_command(selection, ["--plugin", "mine.py"]) == f"{command} --plugin mine.py"
    assert "--plugin" not in make_run_command(Selection(tasks=["mr"]))


def test_a_model_that_met_other_attacks_than_its_own_is_made_again_by_one_command(store: Store) -> None:
    for attack in ("pwws", "textfooler"):
        add_cell(store, "ada", attack, 50, trained="pwws")
        add_cell(store, "base", attack, 40)
    results = read_results(store.stages(CellInfo))
    commands, hopeless = make_commands(repeat(results))
    assert not hopeless and sorted(command.partition(" --task")[0] for command in commands) == [
        "robench run --defense ada",
        "robench run --defense base",
    ]
    crossed, plain = sorted(commands)
    assert "--attack pwws,textfooler --against pwws " in crossed and "--against" not in plain
    own = [r for r in results if not r.info.is_crossed]
    assert "--against" not in "".join(make_commands(repeat(own))[0]), "the usual case"


def test_attacks_with_settings_of_their_own_share_a_command_unless_one_has_several(store: Store) -> None:
    for seed in (1, 2):
        add_cell(store, "base", "pwws", 40, seed=seed, attack_changed={"query_budget": 50})
        add_cell(store, "base", "textfooler", 40, seed=seed, foreign_code=["word vectors"])
    (command,), _ = make_commands(repeat(read_results(store.stages(CellInfo))))
    assert "--attack pwws,textfooler " in command and command.count("--trust-remote-code") == 1
    assert command.count("--set pwws.query_budget=50") == 1 and "--seed 1,2" in command
    for seed in (1, 2):
        add_cell(store, "base", "pwws", 40, seed=seed)
    commands, _ = make_commands(repeat(read_results(store.stages(CellInfo))))
    found = {(options["attack"][0], *(options["settings"] or ())) for options in map(options_of, commands)}
    training = ("training.batch_size=16", "training.learning_rate=0.0001")
    assert {(name, *(word for word in words if word not in training)) for name, *words in found} == {
        ("pwws",),
        ("pwws", "pwws.query_budget=50"),
        ("textfooler",),
    }


@pytest.mark.parametrize(
    ("attacked", "clean", "clean_limit", "options"),
    [
        (20, 200, 200, ""),
        (20, 90, None, ""),
        (8, 8, None, ""),
        (100, 200, 200, "--attack-limit 100"),
        (20, 300, None, "--clean-limit 300"),
        (100, 50, 50, "--attack-limit 100 --clean-limit 50"),
        (10, 10, 10, "--attack-limit 10 --clean-limit 10"),
    ],
    ids=["a first look", "at fewer rows", "at very few", "more attacked", "all measured", "both", "fewer of both"],
)
def test_command_for_own_rows_names_the_limits_that_a_first_look_has_not(
    attacked: int, clean: int, clean_limit: int | None, options: str, store: Store
) -> None:
    victim = {"kind": "function", "model": "my:scores", "label_order": [0, 1], "command": ["--model", "my:scores"]}
    rows: dict[str, Any] = {"preset": "quick", "data_options": ["--test", "my.csv"], "clean_limit": clean_limit}
    add_cell(store, "mine", "pwws", 5, n=attacked, clean=(clean, clean), given=victim, **rows)
    (command,), hopeless = make_commands(repeat(read_results(store.stages(CellInfo))))
    assert not hopeless
    words = f" --model my:scores --test my.csv --preset quick {options} ".replace("  ", " ")
    assert words in command and command.count("-limit") == options.count("-limit")


def test_command_for_a_task_names_a_number_of_attacked_rows_that_equals_the_limit_of_clean_ones(store: Store) -> None:
    add_cell(store, "base", "pwws", 5, n=50, clean=(40, 50), clean_limit=50, preset="quick")
    (command,), _ = make_commands(repeat(read_results(store.stages(CellInfo))))
    assert "--attack-limit 50 --clean-limit 50" in command


@pytest.mark.parametrize(
    "given", [None, {"kind": "function", "model": "my:scores", "command": ["--model", "my:scores"]}]
)
def test_private_rows_of_an_entry_of_counts_alone_have_no_command(given: dict[str, Any] | None, store: Store) -> None:
    source = {"source": "local:mr", "digest": "d", "notes": []}
    add_cell(store, "base", "pwws", 5, data=source, given=given)
    (command,), hopeless = make_commands(repeat(read_results(store.stages(CellInfo))))
    assert "--data . " in command and not hopeless, "rows in a folder of the working directory"
    add_cell(store, "base", "pwws", 5, data={**source, "source": "local"}, given=given, task="sst2")
    commands, hopeless = make_commands(repeat(read_results(store.stages(CellInfo))))
    assert (commands, hopeless) == ((command,), 1)
