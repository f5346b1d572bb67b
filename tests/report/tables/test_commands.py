"""The commands below table 5, which make the cells that it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from robench.report.rendering import render
from robench.results.store import Store
from robench.study.presets import PRESETS
from support.hand_made import TRAINING, add_cell
from support.tables import SECOND_ENCODER, options_of, table5

pytestmark = pytest.mark.usefixtures("quick_by_hand")


def cells_of(command: str) -> Iterator[tuple[str, ...]]:
    options = options_of(command)
    parts = [",".join(options[name]).split(",") for name in ("defense", "task", "attack", "seed")]
    return product(*parts)


def test_the_commands_name_exactly_the_missing_cells(store: Store) -> None:
    cells = list(product(("base", "pgd", "ada"), ("trec", "sst2"), ("pwws", "deepwordbug"), (1, 2)))
    missing = {
        ("base", "trec", "pwws", 1),
        ("pgd", "trec", "pwws", 1),
        ("pgd", "sst2", "deepwordbug", 2),
        ("ada", "trec", "pwws", 1),
        ("ada", "trec", "pwws", 2),
    }
    for defense, task, attack, seed in cells:
        if (defense, task, attack, seed) not in missing:
            add_cell(store, defense, attack, 100, task=task, seed=seed)
    commands = table5(store, command_options=["--runs", "my runs"]).commands
    listed = [(d, t, a, int(s)) for command in commands for d, t, a, s in cells_of(command)]
    assert sorted(listed) == sorted(missing)
    assert all(str(options_of(command)["runs"]) == "my runs" for command in commands)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"preset": "quick", "encoder": None, "train_limit": None, "attack_limit": None, "settings": ()}),
        ({"encoder": SECOND_ENCODER}, {"encoder": "tiny"}),
        ({"train_rows": 500}, {"train_limit": 500}),
        ({"n": 120}, {"attack_limit": 120}),
        ({"n": 150, "clean": (140, 150)}, {"attack_limit": None}),  # a small task: there are no more
        ({"precision": "bf16"}, {"precision": "bf16"}),
        ({"seed": 7}, {"seed": ["7"]}),
        ({"changed": {"temperature": 0.5}}, {"settings": ["base.temperature=0.5"]}),
        ({"changed": {"limit": None, "cold": True}}, {"settings": ["base.cold=true", "base.limit=none"]}),
        ({"data": {"source": "local:/data/trec", "digest": "d", "notes": []}}, {"data": Path("/data")}),
        ({"preset": "laptop", "training": {**TRAINING, "learning_rate": 3e-5}}, {"preset": "laptop"}),
    ],
)
def test_the_command_repeats_the_setting(store: Store, settings: dict[str, Any], expected: dict[str, Any]) -> None:
    add_cell(store, "base", "pwws", 100, **settings)
    add_cell(store, "zeta", "deepwordbug", 100, task="mr", n=settings.get("n", 200))
    (command,) = (c for c in table5(store).commands if "trec" in c)
    options = options_of(command)
    assert {name: options[name] for name in expected} == expected
    assert list(cells_of(command)) == [("base", "trec", "deepwordbug", str(settings.get("seed", 42)))]


def test_training_that_is_no_presets_is_set(store: Store) -> None:
    training = {**TRAINING, "epochs": 9, "learning_rate": 2e-5}
    add_cell(store, "base", "pwws", 100, training=training)
    add_cell(store, "base", "deepwordbug", 100, training=training)
    add_cell(store, "pgd", "pwws", 100, training=training)
    (command,) = table5(store).commands
    assert options_of(command)["settings"] == ["training.epochs=9", "training.learning_rate=2e-05"]
    assert list(cells_of(command)) == [("pgd", "trec", "deepwordbug", "42")]


@pytest.mark.parametrize(
    ("changed", "settings"),
    [({}, ()), ({"unsuccessful": "original"}, ["ada.unsuccessful=original"])],
    ids=["the preset's choice", "the user's"],
)
def test_a_presets_choice_is_not_set_in_the_command(store: Store, changed: dict[str, Any], settings: Any) -> None:
    paper: dict[str, Any] = {
        "preset": "paper",
        "training": asdict(PRESETS["paper"].training),
        "train_rows": 10_000,
        "n": 1000,
    }
    fields = {"unsuccessful": "perturbed"}
    add_cell(store, "ada", "pwws", 100, fields=fields, changed=changed, clean=(900, 2000), **paper)
    add_cell(store, "base", "deepwordbug", 100, clean=(900, 2000), **paper)
    (command,) = (c for c in table5(store).commands if "ada" in c)
    options = options_of(command)
    assert (options["preset"], options["settings"]) == ("paper", settings)


def test_training_of_another_preset_does_not_lead_to_its_choice(store: Store) -> None:
    settings: dict[str, Any] = {"preset": "paper", "training": TRAINING, "fields": {"unsuccessful": "perturbed"}}
    add_cell(store, "ada", "pwws", 100, **settings)
    add_cell(store, "base", "deepwordbug", 100, preset="paper", training=TRAINING)
    (command,) = (c for c in table5(store).commands if "ada" in c)
    options = options_of(command)
    assert options["preset"] == "paper"
    assert "training.learning_rate=0.0001" in options["settings"]


@pytest.mark.parametrize("change", [{"preset": "gone"}, {"training": {**TRAINING, "epochs": 9, "warm_up": 5}}])
def test_no_command_is_given_where_none_would_help(store: Store, change: dict[str, Any]) -> None:
    settings = {"training": {**TRAINING, "epochs": 9}, **change}
    add_cell(store, "base", "pwws", 100, **settings)
    add_cell(store, "pgd", "deepwordbug", 100, **settings)
    table = table5(store)
    assert table.commands == ()
    assert any("No command makes" in line for line in table.legend)


GIVEN = {"kind": "Transformers model", "model": "./mine", "command": ["--model", "./mine"], "max_length": 128}


FUNCTION = {"kind": "Python function", "model": "my.module:scores"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"given": GIVEN},
            {"model": "./mine", "name": "mine", "precision": "fp32", "preset": "quick", "attack_limit": None},
        ),
        (
            {"given": {**GIVEN, "command": ["--model", "some/one", "--trust-remote-code"]}, "precision": "bf16"},
            {"model": "some/one", "trust_remote_code": True, "precision": "bf16"},
        ),
        (
            {"given": {**FUNCTION, "command": ["--model", "my.module:scores", "--version", "two words"]}},
            {"model": "my.module:scores", "version": "two words", "precision": "auto"},
        ),
        (
            {"given": GIVEN, "changed": {"label_order": [1, 0], "max_length": 16}},
            {"label_order": "1,0", "max_length": 16},
        ),
        ({"given": GIVEN, "n": 120, "seed": 7}, {"attack_limit": 120, "seed": ["7"]}),
        ({"given": GIVEN, "data": {"source": "local:/data/trec", "digest": "d", "notes": []}}, {"data": Path("/data")}),
        ({"given": GIVEN, "attack_title": "pwws"}, {"settings": ("deepwordbug.query_budget=50",)}),
    ],
    ids=["folder", "code of its own", "function", "changed", "limit and seed", "data", "attack's options"],
)
def test_the_command_for_a_given_model_names_it_again(
    store: Store, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    add_cell(store, "mine", "pwws", 100, **settings)
    changed = {"query_budget": 50} if "attack_title" in settings else None
    add_cell(store, "zeta", "deepwordbug", 100, task="mr", n=settings.get("n", 200), attack_changed=changed)
    (command,) = (c for c in table5(store).commands if "trec" in c)
    options = options_of(command)
    fixed = {"name": "mine", "task": ["trec"], "attack": ["deepwordbug"]}
    found = {name: tuple(v) if isinstance(v := options[name], list) else v for name in fixed | expected}
    assert found == {name: tuple(v) if isinstance(v, list) else v for name, v in (fixed | expected).items()}


def test_missing_cells_of_a_model_in_memory_get_no_command(store: Store) -> None:
    for seed, attack in ((1, "pwws"), (2, "deepwordbug")):
        add_cell(store, "mine", attack, 100, seed=seed, given={**GIVEN, "command": None})
    table = table5(store)
    assert table.commands == ()
    assert any("No command makes 2 of the missing cells" in line for line in table.legend)


def test_headings_of_a_given_model_do_not_say_how_it_was_trained(store: Store) -> None:
    add_cell(store, "mine", "pwws", 100, given=GIVEN)
    assert "fp32, trained elsewhere, 200 attacked samples" in table5(store).caption
    assert "training rows" not in table5(store).caption
    add_cell(store, "base", "pwws", 100)
    heads = [block.heading for block in table5(store).blocks]
    assert len(heads) == 2
    (trained,) = (head for head in heads if "1,000 training rows" in head)
    (given,) = (head for head in heads if "trained elsewhere" in head)
    assert "training rows" not in given and ", ," not in given and "trained elsewhere" not in trained


def test_a_full_table_has_no_command(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    table = table5(store)
    assert table.commands == () and "To fill" not in render(table, "rich")
