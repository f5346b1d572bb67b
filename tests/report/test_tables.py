from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pandas
import pytest
from rich.console import Console
from typer.main import get_command

from robench.errors import RobenchError
from robench.report.rendering import FORMATS, percent, render
from robench.report.tables import Row, Table, accuracy_table
from robench.results import papers
from robench.results.cells import read_outcome
from robench.results.info import CellInfo, encode
from robench.results.store import RECORDS_FILE, STAGE_FILE, Store
from support.hand_made import TRAINING, add_cell, digest, write_records

pytestmark = pytest.mark.usefixtures("quick_by_hand")

GOLDENS = Path(__file__).parents[1] / "goldens"
SECOND_ENCODER = {"name": "tiny", "digest": digest("tiny")}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def made(store: Store, **options: Any) -> Table:
    return accuracy_table(store.stages(CellInfo), **options)


def rows(table: Table) -> dict[str, Row]:
    return {row.label: row for block in table.blocks for row in block.rows}


def names_of(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def fill(store: Store) -> None:
    """Two tasks, three defenses, two attacks, one gap; clean% of ada is the mean of 92.0 and 91.0."""
    for defense, attack, failed, correct in (
        ("taichi", "pwws", 130, 465),
        ("taichi", "deepwordbug", 122, 460),
        ("ada", "pwws", 128, 460),
        ("ada", "deepwordbug", 109, 455),
        ("base", "pwws", 106, 473),
        ("base", "deepwordbug", 85, 473),
    ):
        add_cell(store, defense, attack, failed, clean=(correct, 500))
    for defense, attack, failed in (("base", "pwws", 32), ("base", "deepwordbug", 42), ("taichi", "pwws", 69)):
        add_cell(store, defense, attack, failed, task="sst2", clean=(1686, 1821))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_accuracies_are_those_a_reader_works_out(store: Store) -> None:
    fill(store)
    table = made(store, tasks=["trec"])
    assert names_of(table) == ("clean%", "deepwordbug", "pwws")
    shown = {label: [percent(cell.value) for cell in row.cells if cell.value] for label, row in rows(table).items()}
    assert shown == {
        "base": ["94.6", "42.5", "53.0"],
        "ada": ["91.5", "54.5", "64.0"],
        "taichi": ["92.5", "61.0", "65.0"],
    }
    differences = [cell.difference for cell in rows(table)["taichi"].cells]
    assert differences == [Fraction(-21, 1000), Fraction(65, 1000), Fraction(1, 100)]
    assert all(cell.difference is None for cell in rows(table)["ada"].cells)
    assert [cell.best for cell in rows(table)["base"].cells] == [True, False, False]
    assert [cell.best for cell in rows(table)["taichi"].cells] == [False, True, True]


def test_several_seeds_give_mean_and_sample_deviation(store: Store) -> None:
    for seed, failed, correct in ((1, 100, 450), (2, 110, 455), (3, 120, 460)):
        add_cell(store, "base", "pwws", failed, seed=seed, clean=(correct, 500))
    add_cell(store, "pgd", "pwws", 100, seed=1)
    table = made(store)
    clean, pwws = rows(table)["base"].cells
    assert (pwws.value, pwws.seeds) == (Fraction(55, 100), (1, 2, 3))  # 50, 55, 60
    assert pwws.sd == pytest.approx(0.05)  # sqrt((25 + 0 + 25) / 2) points
    assert (clean.value, clean.sd) == (Fraction(91, 100), pytest.approx(0.01))  # 90, 91, 92
    assert rows(table)["pgd"].cells[1].sd is None
    text = render(table, "md")
    assert "**55.0 ± 5.0**" in text and "| 50.0 |" in text
    assert re.search(r"\| base .* 3 \|$", text, re.M) and re.search(r"\| pgd .* 1 \|$", text, re.M)


def test_models_of_one_seed_are_averaged_before_the_seeds_are(store: Store) -> None:
    # seed 1: (80 + 90) / 2 = 85 from two models; seed 2: 95 from one; the mean of seeds is 90, of models it were 88.3
    for seed, attack, correct in ((1, "pwws", 80), (1, "deepwordbug", 90), (2, "pwws", 95)):
        add_cell(store, "ada", attack, 100, seed=seed, clean=(correct, 100))
    clean = rows(made(store))["ada"].cells[0]
    assert clean.value == Fraction(9, 10)
    assert clean.sd == pytest.approx(0.0707106781)


def test_a_model_that_two_attacks_met_counts_once(store: Store) -> None:
    add_cell(store, "base", "pwws", 50, clean=(90, 100))
    add_cell(store, "base", "deepwordbug", 60, clean=(90, 100))
    clean = rows(made(store))["base"].cells[0]
    assert (clean.value, clean.sd, clean.seeds) == (Fraction(9, 10), None, (42,))


@pytest.mark.parametrize(
    ("failed", "best", "difference"),
    [
        ({"base": 100, "pgd": 100, "taichi": 100}, {"base", "pgd", "taichi"}, "(= 0.0)"),
        ({"base": 100, "pgd": 90, "taichi": 113}, {"taichi"}, "(↑ 6.5)"),
        ({"base": 100, "pgd": 101, "taichi": 40}, {"pgd"}, "(↓ 30.5)"),
        ({"base": 100, "pgd": 100}, {"base", "pgd"}, None),
        ({"taichi": 100}, set(), None),
    ],
)
def test_the_best_is_bold_ties_too(
    store: Store, failed: dict[str, int], best: set[str], difference: str | None
) -> None:
    for defense, count in failed.items():
        add_cell(store, defense, "pwws", count)
    table = made(store)
    assert {label for label, row in rows(table).items() if row.cells[1].best} == best
    shown = re.findall(r"\([↑↓=] [\d.]+\) \| 500", render(table, "md"))
    assert shown == ([f"{difference} | 500"] if difference else [])


def test_a_tie_of_means_is_found_although_floats_would_differ(store: Store) -> None:
    for seed, one, other in ((1, 1, 2), (2, 2, 2), (3, 3, 2)):
        add_cell(store, "base", "pwws", one, n=10, seed=seed)
        add_cell(store, "pgd", "pwws", other, n=10, seed=seed)
    assert (0.1 + 0.2 + 0.3) / 3 != 0.2
    assert all(row.cells[1].best for row in rows(made(store)).values())


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (Fraction(1, 16), 1, "6.3"),
        (Fraction(61, 100), 1, "61.0"),
        (Fraction(1, 3), 4, "33.3333"),
        (Fraction(1), 1, "100.0"),
        (Fraction(0), 1, "0.0"),
    ],
)
def test_percent_rounds_halves_up(share: Fraction, digits: int, text: str) -> None:
    assert percent(share, digits) == text


# --- what stands where ------------------------------------------------------------------------------------------------


def test_rows_and_columns_stand_in_the_papers_order(store: Store) -> None:
    order = papers.paper().defense_order
    named = [name for name in order if name != "*"]
    for defense in [*reversed(named), "zeta", "my-defense"]:
        add_cell(store, defense, "pwws", 100, n=110)
    for attack, title in (
        ("bae", None),
        ("textbugger", None),
        ("textfooler", "textfooler (bundled)"),
        ("textfooler", None),
    ):
        add_cell(store, "base", attack, 100, n=110, attack_title=title)
    table = made(store)
    place = order.index("*")
    assert list(rows(table)) == [*named[:place], "my-defense", "zeta", *named[place:]]
    assert names_of(table) == ("clean%", "pwws", "textfooler", "textfooler (bundled)", "textbugger", "bae")


@pytest.mark.parametrize(
    ("setting", "heading"),
    [
        ({"train_rows": 500}, "trec, 500 training rows"),
        ({"encoder": SECOND_ENCODER}, "trec, encoder tiny"),
        ({"encoder": {"name": "minilm", "digest": "f" * 64}}, "trec, encoder minilm (ffffffff)"),
        ({"precision": "bf16"}, "trec, bf16"),
        ({"training": {**TRAINING, "epochs": 9}}, "epochs 9"),
        ({"data": {"source": "local:there", "digest": "e" * 64, "notes": []}}, "trec, data local:there"),
        ({"n": 150}, "trec, 150 attacked samples"),
    ],
)
def test_two_settings_never_share_a_row(store: Store, setting: dict[str, Any], heading: str) -> None:
    add_cell(store, "base", "pwws", 100)
    add_cell(store, "base", "pwws", 140, **setting)
    table = made(store)
    assert [len(block.rows) for block in table.blocks] == [1, 1]
    assert any(heading in block.heading for block in table.blocks)
    assert len({block.heading for block in table.blocks}) == 2
    assert all(row.seeds == (42,) for block in table.blocks for row in block.rows)


def test_what_all_blocks_share_is_said_once(store: Store) -> None:
    fill(store)
    table = made(store)
    assert [block.heading for block in table.blocks] == ["sst2", "trec"]
    for words in ("minilm", "fp32", "learning_rate 0.0001", "1,000 training rows", "200 attacked samples"):
        assert words in table.caption


def test_changed_fields_are_rows_of_their_own(store: Store) -> None:
    add_cell(store, "taichi", "pwws", 90)
    add_cell(store, "taichi", "pwws", 95, changed={"temperature": 0.5, "cold": True})
    add_cell(store, "base", "pwws", 80)
    assert list(rows(made(store))) == ["base", "taichi", "taichi (cold=true, temperature=0.5)"]


@pytest.mark.parametrize("difference", [{"fields": {"temperature": 2.0}}, {"code": "somewhere 1.1"}])
def test_the_same_name_for_two_things_gets_keys_and_no_command(store: Store, difference: dict[str, Any]) -> None:
    first = add_cell(store, "taichi", "pwws", 90)
    second = add_cell(store, "taichi", "pwws", 95, **difference)
    add_cell(store, "base", "pwws", 80)
    add_cell(store, "base", "deepwordbug", 80)
    table = made(store)
    assert set(rows(table)) == {"base", *(f"taichi [{cell.info.model[:8]}]" for cell in (first, second))}
    assert table.commands == ()
    assert any("by no command" in line for line in table.legend)


def test_attacks_that_differ_are_columns_of_their_own(store: Store) -> None:
    add_cell(store, "base", "pwws", 90)
    add_cell(store, "base", "pwws", 95, attack_changed={"query_budget": 100})
    assert names_of(made(store)) == ("clean%", "pwws", "pwws (query_budget=100)")


def test_what_differs_without_a_name_is_still_not_mixed(store: Store) -> None:
    """Two adversarial training sets, made against victims of different versions."""
    for failed, victim in ((90, "base"), (95, "older base")):
        add_cell(store, "ada", "pwws", failed, victim=victim)
    found = rows(made(store))
    assert all(re.fullmatch(r"ada \[[0-9a-f]{8}\]", label) for label in found)
    assert sorted(row.cells[1].value or 0 for row in found.values()) == [Fraction(90, 200), Fraction(95, 200)]


def test_notes_of_the_data_are_given_once(store: Store) -> None:
    fill(store)
    assert made(store).notes == ("sst2: sst2 has no dev split", "trec: trec has no dev split")


@pytest.mark.parametrize(
    ("filters", "labels", "columns"),
    [
        ({"defenses": ["base"]}, ["base", "base"], 2),
        ({"attacks": ["pwws"], "tasks": ["trec"]}, ["base", "ada", "taichi"], 1),
        ({"tasks": ["sst2"], "encoders": ["minilm"], "presets": ["quick"], "seeds": [42]}, ["base", "taichi"], 2),
    ],
)
def test_filters_leave_the_rest_out(store: Store, filters: dict[str, Any], labels: list[str], columns: int) -> None:
    fill(store)
    table = made(store, **filters)
    assert [row.label for block in table.blocks for row in block.rows] == labels
    assert len(table.columns) == 1 + columns


# --- what is missing --------------------------------------------------------------------------------------------------


def asked(command: str) -> dict[str, Any]:
    """The options of a printed command, as the real command line reads it."""
    from robench.cli import app

    program, verb, *words = shlex.split(command)
    assert program == "robench"
    subcommand = get_command(app).commands[verb]  # type: ignore[attr-defined]
    parsed: dict[str, Any] = subcommand.make_context(verb, words).params
    return parsed


def names(command: str) -> Iterator[tuple[str, ...]]:
    options = asked(command)
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
    commands = made(store, command_options=["--runs", "my runs"]).commands
    listed = [(d, t, a, int(s)) for command in commands for d, t, a, s in names(command)]
    assert sorted(listed) == sorted(missing)
    assert all(str(asked(command)["runs"]) == "my runs" for command in commands)


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
    (command,) = (c for c in made(store).commands if "trec" in c)
    options = asked(command)
    assert {name: options[name] for name in expected} == expected
    assert list(names(command)) == [("base", "trec", "deepwordbug", str(settings.get("seed", 42)))]


def test_training_that_is_no_presets_is_set(store: Store) -> None:
    training = {**TRAINING, "epochs": 9, "learning_rate": 2e-5}
    add_cell(store, "base", "pwws", 100, training=training)
    add_cell(store, "base", "deepwordbug", 100, training=training)
    add_cell(store, "pgd", "pwws", 100, training=training)
    (command,) = made(store).commands
    assert asked(command)["settings"] == ["training.epochs=9", "training.learning_rate=2e-05"]
    assert list(names(command)) == [("pgd", "trec", "deepwordbug", "42")]


@pytest.mark.parametrize("change", [{"preset": "gone"}, {"training": {**TRAINING, "epochs": 9, "warm_up": 5}}])
def test_no_command_is_given_where_none_would_help(store: Store, change: dict[str, Any]) -> None:
    settings = {"training": {**TRAINING, "epochs": 9}, **change}
    add_cell(store, "base", "pwws", 100, **settings)
    add_cell(store, "pgd", "deepwordbug", 100, **settings)
    table = made(store)
    assert table.commands == ()
    assert any("by no command" in line for line in table.legend)


GIVEN = {"kind": "Transformers model", "model": "./mine", "command": ["--model", "./mine"]}
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
    (command,) = (c for c in made(store).commands if "trec" in c)
    options = asked(command)
    fixed = {"name": "mine", "task": ["trec"], "attack": ["deepwordbug"]}
    found = {name: tuple(v) if isinstance(v := options[name], list) else v for name in fixed | expected}
    assert found == {name: tuple(v) if isinstance(v, list) else v for name, v in (fixed | expected).items()}


def test_no_command_brings_back_what_was_in_memory(store: Store) -> None:
    for seed, attack in ((1, "pwws"), (2, "deepwordbug")):
        add_cell(store, "mine", attack, 100, seed=seed, given={**GIVEN, "command": None})
    table = made(store)
    assert table.commands == ()
    assert any("2 of the missing cells can be made by no command" in line for line in table.legend)


def test_what_trained_a_given_model_is_not_told(store: Store) -> None:
    add_cell(store, "mine", "pwws", 100, given=GIVEN)
    assert "fp32, trained elsewhere, 200 attacked samples" in made(store).caption
    assert "training rows" not in made(store).caption
    add_cell(store, "base", "pwws", 100)
    heads = [block.heading for block in made(store).blocks]
    assert len(heads) == 2
    (trained,) = (head for head in heads if "1,000 training rows" in head)
    (given,) = (head for head in heads if "trained elsewhere" in head)
    assert "training rows" not in given and ", ," not in given and "trained elsewhere" not in trained


def test_a_full_table_has_no_command(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    table = made(store)
    assert table.commands == () and "To fill" not in render(table, "rich")


# --- stored files -----------------------------------------------------------------------------------------------------


def test_a_summary_that_does_not_fit_its_records_is_made_again(store: Store) -> None:
    cell = add_cell(store, "base", "pwws", 100)
    assert read_outcome(cell) is cell.info.attacked
    (cell.folder / RECORDS_FILE).unlink()
    write_records(cell.folder, 3, 4)
    row = rows(made(store))["base"]
    assert (row.cells[1].value, row.attacked_n) == (Fraction(3, 4), 4)


@pytest.mark.parametrize("broken", ["no records", "no key"])
def test_a_broken_cell_is_named(store: Store, broken: str) -> None:
    cell = add_cell(store, "base", "pwws", 100)
    if broken == "no records":
        (cell.folder / RECORDS_FILE).unlink()
    else:
        (cell.folder / STAGE_FILE).write_text(encode(cell.info).replace('"encoder"', '"other"'), encoding="utf-8")
    with pytest.raises(RobenchError, match=re.escape(str(cell.folder))):
        made(store)


def test_an_empty_store_says_what_fills_it(store: Store) -> None:
    with pytest.raises(RobenchError, match="no results in runs yet; `robench run --defense") as error:
        made(store, runs="runs")
    assert asked(str(error.value).split("`")[1])["preset"] == "quick"


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"defenses": ["smart"]}, "with defense smart; it has ada, base, taichi"),
        ({"seeds": [1, 42]}, "with seed 1; it has 42"),
        ({"tasks": ["sst2"], "defenses": ["ada"]}, "at once"),
    ],
)
def test_a_filter_that_leaves_nothing_is_an_error(store: Store, filters: dict[str, Any], message: str) -> None:
    fill(store)
    with pytest.raises(RobenchError, match=message):
        made(store, **filters)


# --- formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FORMATS, "rich60"])
def test_every_format_is_as_it_was(store: Store, name: str) -> None:
    """ROBENCH_WRITE_GOLDENS=1 writes them anew; read them before committing."""
    fill(store)
    for seed in (1, 2):
        add_cell(store, "my_defense", "pwws", 100 + 10 * seed, seed=seed)
    console = Console(width=60, file=io.StringIO()) if name == "rich60" else None
    text = render(made(store), name.removesuffix("60"), console)
    golden = GOLDENS / f"table5.{name}.txt"
    if os.environ.get("ROBENCH_WRITE_GOLDENS"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_the_terminal_table_is_too_long(store: Store, width: int) -> None:
    fill(store)
    for attack in ("textfooler", "textbugger"):
        for seed in (1, 42):
            add_cell(store, "taichi", attack, 100 + seed, seed=seed, attack_title=f"{attack} (bundled)")
    text = render(made(store), "rich", Console(width=width, file=io.StringIO()))
    table_lines = [line for line in text.splitlines() if not line.startswith("  robench run")]
    assert max(map(len, table_lines)) <= max(width, 76)
    for number in ("42.5", "61.0", "60.8"):
        assert number in text


def test_the_terminal_shows_the_best_in_bold_even_without_colours(store: Store) -> None:
    fill(store)
    console = Console(width=120, file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=True)
    assert "\x1b[1m61.0\x1b[0m (↑ 6.5)" in render(made(store), "rich", console)


def test_csv_is_read_by_pandas(store: Store) -> None:
    fill(store)
    text = render(made(store), "csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    frame = pandas.read_csv(io.StringIO(text))
    assert len(frame) == len(lines) == 5
    taichi = frame[(frame["defense"] == "taichi") & (frame["task"] == "trec")].iloc[0]
    assert taichi["pwws"] == 65.0
    assert taichi["attacked_n"] == 200
    gap = frame[(frame["defense"] == "taichi") & (frame["task"] == "sst2")].iloc[0]
    assert pandas.isna(gap["deepwordbug"])
    assert lines[0]["clean%"] == "92.5865"  # 1686 / 1821


def test_json_is_standard_and_unrounded(store: Store) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    fill(store)
    table = json.loads(render(made(store), "json"), parse_constant=refuse)
    sst2, _ = table["blocks"]
    base, taichi = sst2["rows"]
    assert base["cells"]["clean%"]["percent"] == pytest.approx(100 * 1686 / 1821, abs=1e-12)
    assert taichi["cells"]["deepwordbug"] is None
    assert taichi["cells"]["pwws"]["difference"] == 18.5
    assert sst2["setting"]["train_rows"] == 1000
    assert table["columns"] == ["clean%", "deepwordbug", "pwws"]


def test_latex_is_balanced_and_escaped(store: Store) -> None:
    add_cell(
        store, "my_odd#50%&{x}~^\\", "pwws", 100, data={"source": "a_b", "digest": "d", "notes": ["100% of $x_1 & <y>"]}
    )
    text = render(made(store), "latex")
    assert text.startswith("% needs \\usepackage{booktabs}\n")
    code = re.sub(r"(?m)^%.*\n", "", text)
    assert code.count(r"\begin{") == code.count(r"\end{") == 2
    bare = re.sub(r"\\[&%$#_{}]", "", code)
    assert bare.count("{") == bare.count("}")
    assert not set("#_%") & set(bare) and bare.count("$") % 2 == 0
    body = bare.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count("&") for line in lines} == {5 - 1}


def test_markdown_rows_have_one_width(store: Store) -> None:
    add_cell(store, "a|b_c*", "pwws", 100)
    lines = [line for line in render(made(store), "md").splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}
    assert r"a\|b\_c\*" in lines[2]


def test_a_model_that_has_learned_nothing_is_marked_and_not_compared(store: Store) -> None:
    add_cell(store, "base", "pwws", 40, clean=(450, 500, 260))
    add_cell(store, "pgd", "pwws", 150, clean=(281, 500, 260))  # 260 and two standard errors are 282.3
    add_cell(store, "fgsm", "pwws", 60, clean=(283, 500, 260))
    add_cell(store, "taichi", "pwws", 80, clean=(440, 500, 260))
    table = made(store)
    base, pgd, fgsm, taichi = (rows(table)[name].cells[1] for name in ("base", "pgd", "fgsm", "taichi"))
    assert [cell.learned for cell in (base, pgd, fgsm, taichi)] == [True, False, True, True]
    assert [cell.best for cell in (base, pgd, fgsm, taichi)] == [False, False, False, True]
    assert taichi.difference == Fraction(20, 200)
    assert any(line.startswith("†") for line in table.legend)
    for format in FORMATS:
        text = render(table, format, Console(width=120))
        assert ("75.0 †" in text) == (format not in ("csv", "json")), format
    cells = json.loads(render(table, "json", Console()))["blocks"][0]["rows"]
    assert {row["name"]: row["cells"]["pwws"]["learned"] for row in cells}["pgd"] is False


def test_where_the_labels_share_is_not_known_every_model_counts(store: Store) -> None:
    add_cell(store, "base", "pwws", 40, clean=(250, 500))
    assert rows(made(store))["base"].cells[0].learned
