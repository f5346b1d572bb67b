"""The command line is made from the fields of the options: names, types, defaults, meanings, and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from robench.cli import app
from robench.cli.parameters import add_options
from robench.errors import RobenchError
from robench.study.option_class import changed_words, option_words, run_options
from robench.study.options import AttackOptions, RunOptions, StoreOptions

COMMANDS = {"run": (RunOptions, StoreOptions), "attack": (AttackOptions, StoreOptions)}
OWN = {
    "run": {"config", "table", "figure", "paper", "dry_run", "traceback"},
    "attack": {"report", "model_card", "fail_under", "dry_run", "traceback"},
}


def parameters(command: str) -> dict[str, Any]:
    subcommand = get_command(app).commands[command]  # type: ignore[attr-defined]
    return {one.name: one for one in subcommand.params if one.name != "help"}


def plain(text: str) -> str:
    """A help as people read it: typer takes it for markup."""
    return Text.from_markup(text).plain


@pytest.mark.parametrize("command", COMMANDS)
def test_command_has_each_option_of_its_dataclasses_and_its_own(command: str) -> None:
    options = run_options(*COMMANDS[command])
    found = parameters(command)
    assert found.keys() == options.keys() | OWN[command]
    assert [name for name in found if name in options] == list(options), "in the same order"


@pytest.mark.parametrize(
    ("command", "name"), [(command, name) for command, kinds in COMMANDS.items() for name in run_options(*kinds)]
)
def test_parameter_has_the_name_meaning_and_default_of_its_field(command: str, name: str) -> None:
    option, found = run_options(*COMMANDS[command])[name], parameters(command)[name]
    assert found.opts == [word for word in (option.flag, option.text.letter) if word]
    assert option.text.meaning and plain(found.help).startswith(option.text.meaning)
    assert found.required == (option.required and command == "attack"), "a table or figure names defenses and tasks"
    if found.default is None:
        assert option.required or option.default in (None, ()) or found.show_default == str(option.default)
    else:
        assert found.default == option.default
    if option.text.default:
        assert found.show_default == option.text.default


def test_options_that_other_commands_share_are_those_of_a_run() -> None:
    for command, name, kind in (
        ("table", "runs", StoreOptions),
        ("table", "plugin", StoreOptions),
        ("table", "data", RunOptions),
        ("export", "runs", StoreOptions),
    ):
        option, found = run_options(kind)[name], parameters(command)[name]
        assert (found.opts, plain(found.help), found.metavar) == ([option.flag], option.help, option.text.metavar)


Read = tuple[Any, StoreOptions]


def read(kind: type, *words: str) -> Read:
    """What a command with the options of a dataclass receives."""
    received: list[Read] = []

    @add_options(kind, StoreOptions)
    def command(options: Any, place: StoreOptions) -> None:
        received.append((options, place))

    probe = typer.Typer()
    probe.command()(command)
    result = CliRunner().invoke(probe, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return received[0]


def test_options_that_are_not_given_have_their_defaults() -> None:
    assert read(RunOptions, "-d", "base", "-t", "trec") == (
        RunOptions(defense=["base"], task=["trec"]),
        StoreOptions(runs=Path("runs")),
    )


VALUES: dict[type, dict[str, Any]] = {
    RunOptions: {
        "defense": ["base", "taichi"],
        "task": ["trec", "sst2"],
        "attack": ["pwws"],
        "against": ["pwws", "deepwordbug"],
        "preset": "quick",
        "encoder": "./an encoder",
        "seed": [1, 2],
        "train_limit": 7,
        "text": "a review",
        "label": "stars",
        "labels": ["bad", "good"],
        "clean_limit": 9,
        "split": "dev",
        "attack_limit": 5,
        "settings": {"taichi": {"average": "none", "temperature": "0.5"}, "training": {"epochs": "5"}},
        "data": Path("my data"),
        "precision": "fp32",
        "device": "cpu",
        "jobs": "auto",
        "executor": "ray",
        "ray_address": "10.0.0.1:6379",
        "ray_any_processor": True,
        "threads": 1,
        "workers": 0,
        "trust_remote_code": True,
        "offline": True,
    },
    AttackOptions: {
        "model": "./a model",
        "task": ["trec"],
        "attack": ["pwws", "deepwordbug"],
        "name": "mine",
        "label_order": [1, 0],
        "sigmoid": True,
        "max_length": 64,
        "version": "2",
        "prompt": "Review:\t{text}\nSentiment of \\neg:",
        "label_words": ["bad", "good"],
        "label_score": "mean",
        "chat": True,
        "endpoint": "http://localhost:8000/v1",
        "api_key_variable": "MY_KEY",
        "concurrency": 4,
        "texts_per_call": 1,
        "call_timeout": 30,
        "retries": 2,
        "max_queries": 1000,
        "trust_remote_code": True,
        "preset": "quick",
        "seed": [3],
        "test": Path("rows.csv"),
        "text": "a review",
        "label": "stars",
        "labels": ["bad", "good"],
        "clean_limit": 9,
        "split": "dev",
        "attack_limit": 5,
        "settings": {"pwws": {"query_budget": "500"}},
        "data": Path("data"),
        "precision": "fp32",
        "device": "cpu",
        "jobs": 3,
        "executor": "processes",
        "ray_address": "head:6379",
        "ray_any_processor": True,
        "threads": 4,
        "workers": 2,
        "offline": True,
    },
}


@pytest.mark.parametrize("kind", VALUES)
def test_words_of_a_printed_command_are_read_as_the_values_they_were_made_from(kind: type) -> None:
    values = VALUES[kind]
    assert values.keys() == run_options(kind).keys(), "every option is tried"
    options, _ = read(kind, *option_words(kind, **values))
    assert options == kind(**values)


@pytest.mark.parametrize("kind", VALUES)
def test_words_of_changed_options_are_read_as_the_options_and_name_no_default(kind: type) -> None:
    options, place = (
        kind(**VALUES[kind]),
        StoreOptions(runs=Path("runs"), plugin=[Path("a.py"), Path("b.py")], retry_errors=True),
    )
    words = [*changed_words(options), *changed_words(place)]
    assert read(kind, *words) == (options, place)
    assert not {"--existing", "--runs", "auto"} & set(words)


@pytest.mark.parametrize("text", ["two", "1.5", ""])
def test_number_of_jobs_is_a_whole_number_or_auto(text: str) -> None:
    with pytest.raises(RobenchError, match=r"--jobs .* is no number of jobs; it should be a whole number, or auto"):
        read(RunOptions, "-d", "base", "-t", "trec", "--jobs", text)
    with pytest.raises(RobenchError, match=r"jobs is .*; it should be a whole number, or auto"):
        RunOptions(defense="base", task="trec", jobs=text)  # type: ignore[arg-type]


def test_places_are_read_as_the_values_they_were_made_from() -> None:
    words = option_words(StoreOptions, runs="my runs", existing="always")
    _, place = read(RunOptions, "-d", "base", "-t", "trec", *words, "--plugin", "a.py", "--plugin", "b.py")
    assert place == StoreOptions(runs=Path("my runs"), existing="always", plugin=[Path("a.py"), Path("b.py")])


@pytest.mark.parametrize(("value", "words"), [(None, []), (False, []), ((), []), (True, ["--offline"])])
def test_a_value_that_says_nothing_makes_no_words(value: Any, words: list[str]) -> None:
    assert run_options(RunOptions)["offline"].words(value) == words
