"""A second paper is a second file: the example's table and figure, and a comparison of any defense with the others."""

from __future__ import annotations

import json
import re
import shutil
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from robench.errors import RobenchError
from robench.report.rendering import render
from robench.report.tables import Table, make, make_all
from robench.results.selection import NoResultsError, Selection
from robench.results.store import Store
from support.hand_made import add_cell
from support.hand_made_statistics import add_statistics
from support.tiny_job import TinyJob, robench

pytestmark = pytest.mark.usefixtures("quick_by_hand")

FAILED = {"base": (40, 30), "ada": (60, 80), "base-adv": (90, 20), "pgd": (50, 70)}
"""Texts of 200 that stand under pwws and deepwordbug; clean% is 90."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "runs")
    for defense, counts in FAILED.items():
        for attack, failed in zip(("pwws", "deepwordbug"), counts, strict=True):
            add_cell(store, defense, attack, failed, task="mr")
    return store


def marks(table: Table) -> dict[str, tuple[list[Fraction | None], list[bool]]]:
    """Lead and boldness of each row's cells."""
    rows = [row for block in table.blocks for row in block.rows]
    return {row.name: ([cell.difference for cell in row.cells], [cell.best for cell in row.cells]) for row in rows}


# --- the example ------------------------------------------------------------------------------------------------------


def test_table_of_the_example_has_its_order_comparison_and_published_numbers(store: Store) -> None:
    done = robench("table", 1, "--paper", "example", "--against", "example", "--runs", store.root, "-f", "json")
    assert done.exit_code == 0, done.output
    table = json.loads(done.stdout)
    assert table["title"] == "Table 1: accuracy on clean samples and under two attacks, in % (an example)"
    assert table["columns"] == ["clean%", "pwws", "deepwordbug", "worst%"]
    (block,) = table["blocks"]
    rows = {row["name"]: row["cells"] for row in block["rows"]}
    assert list(rows) == ["ada", "base-adv", "pgd", "base"]
    # base-adv is an ablation of ada here: its 45 % under pwws neither counts nor is bold.
    assert [rows["ada"][column]["difference"] for column in ("pwws", "deepwordbug")] == [5, 5]
    assert [name for name, cells in rows.items() if cells["pwws"]["best"]] == ["ada"]
    assert {name: cells["pwws"]["published"] for name, cells in rows.items()} == {
        **{"ada": 40.0, "base-adv": 45.0, "pgd": None, "base": 20.0}
    }
    assert "Ablations of ada, which are not compared where it is: base-adv." in table["legend"]
    assert any("training as in the paper but for learning_rate 0.0001" in text for text in [table["caption"]])
    assert "the encoder here is minilm, in the paper bert-base-uncased" in table["notes"]


def test_all_tables_of_the_example_are_one(store: Store) -> None:
    tables, reasons = make_all(store, paper="example")
    assert [table.name for table in tables] == ["1"] and reasons == ()


def test_a_copy_of_the_example_is_a_paper_of_ones_own(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(str(files("robench.leaderboards") / "example"), tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    own = make("1", store, paper="./mine", against="mine")
    assert own.blocks == make("1", store, paper="example", against="example").blocks
    with pytest.raises(RobenchError, match=r"--against \./mine: it has no table 5 to compare with \(its tables: 1\)"):
        make("5", store, against="./mine")
    with pytest.raises(RobenchError, match="unknown table '5': there are 1, quality, matrix, worst"):
        make("5", store, paper="./mine")


def test_figure_of_the_example_has_its_bars_and_a_file_of_its_own(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    figures, save = [], Figure.savefig

    def saving(figure: Figure, *args: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", saving)
    done = robench("figure", 1, "--paper", "example", "--runs", store.root, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert [Path(line).name for line in done.stdout.split()] == ["example-figure1-mr.png", "example-figure1-mr.svg"]
    (axes,) = figures[0].axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["clean%", "pwws%", "deepwordbug%"]
    assert [[bar.get_height() for bar in bars] for bars in axes.containers] == [[90, 30, 40], [90, 20, 15]]


@pytest.mark.slow
def test_run_of_the_example_plans_its_cells_and_shows_its_table(tiny_job: TinyJob, tmp_path: Path) -> None:
    common = ["--paper", "example", "--table", 1, "--encoder", tiny_job.encoder, "--data", tiny_job.data]
    common += ["--runs", tmp_path, "--preset", "quick", "--precision", "fp32", "--offline"]
    planned = robench("run", *common, "--dry-run")
    assert planned.exit_code == 0, planned.output
    attacked = set(re.findall(r"attack ([\w-]+) on mr with ([\w-]+), seed", planned.stdout))
    assert attacked == {
        (defense, attack) for defense in ("ada", "base-adv", "base") for attack in ("pwws", "deepwordbug")
    }
    done = robench("run", *common, "--defense", "base", "--attack", "deepwordbug")
    assert done.exit_code == 0, done.output
    assert "Table 1: accuracy on clean samples and under two attacks, in % (an example)" in done.stdout
    (options,) = re.findall(r"`robench table 1 ([^`]*)` shows all", done.stderr)
    assert "--paper example" in options and f"--runs {tmp_path}" in options


def test_gaps_of_a_figure_name_the_paper_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(RobenchError, match="`robench run --defense ada,base --task mr"):
        from robench.report.figures import draw

        draw("1", Store(tmp_path), paper="example")
    with pytest.raises(NoResultsError, match=r"`robench run --defense base,ada .* --paper example` makes some"):
        make("1", Store(tmp_path), paper="example")


# --- --compare --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compare", "leads"),
    [
        # clean% is a tie; under deepwordbug and pwws, ada has 40 and 30 %, base-adv 10 and 45, pgd 35 and 25.
        # ada is one model for each attack, so it has no worst%: those of base, base-adv and pgd are 15, 10 and 25.
        ("ada", ["0", "0.05", "-0.15", None]),
        ("base-adv", ["0", "-0.3", "0.15", "-0.15"]),
        ("base", ["0", "-0.25", "-0.25", "-0.1"]),
    ],
)
def test_any_defense_is_compared_with_all_others(store: Store, compare: str, leads: list[str | None]) -> None:
    found = marks(make("5", store, compare=compare))
    assert found[compare][0] == [None if lead is None else Fraction(lead) for lead in leads]
    assert all(lead == [None] * 4 for name, (lead, _) in found.items() if name != compare)
    assert found["base-adv"][1][2] and found["ada"][1][1], "whatever is compared, the best are bold"


def test_ablations_are_left_out_of_their_papers_comparison_alone(store: Store) -> None:
    for attack, failed in (("pwws", 70), ("deepwordbug", 90)):
        add_cell(store, "taichi", attack, failed, task="mr")
        add_cell(store, "taichi-no-adv", attack, 190, task="mr")
    default = make("5", store)
    assert marks(default) == marks(make("5", store, compare="taichi"))
    assert marks(default)["taichi"][0] == [0, Fraction(10, 200), Fraction(-20, 200), None]
    assert marks(default)["taichi"][1] == [True, True, False, False]
    assert marks(default)["taichi-no-adv"][1] == [False, False, False, True], "the worst% of taichi is not known"
    assert "Ablations of taichi, which are not compared where it is: taichi-no-adv." in default.legend
    other = marks(make("5", store, compare="ada"))
    assert other["ada"][0] == [0, Fraction(-110, 200), Fraction(-130, 200), None]
    assert other["taichi-no-adv"][1] == [True] * 4


def test_ablations_of_an_absent_defense_are_ordinary_rows(store: Store) -> None:
    add_cell(store, "taichi-no-adv", "pwws", 190, task="mr")
    assert marks(make("5", store))["taichi-no-adv"][1][2]


def test_ablations_are_compared_where_their_defense_has_too_few_seeds(store: Store) -> None:
    for seed in (1, 2, 3):
        for name, failed in (("pgd", 60), ("base", 80), ("taichi-no-adv", 100)):
            add_cell(store, name, "pwws", failed, task="trec", seed=seed)
    add_cell(store, "taichi", "pwws", 90, task="trec", seed=1)
    table = make("5", store, selection=Selection(tasks=["trec"]))
    found = marks(table)
    assert [name for name, (_, best) in found.items() if best[1]] == ["taichi-no-adv"]
    assert not any("Ablations" in line for line in table.legend)
    for seed in (2, 3):
        add_cell(store, "taichi", "pwws", 90, task="trec", seed=seed)
    found = marks(make("5", store, selection=Selection(tasks=["trec"])))
    assert [name for name, (_, best) in found.items() if best[1]] == ["taichi"]


def test_ablations_are_compared_in_the_columns_where_their_defense_has_no_number(store: Store) -> None:
    add_cell(store, "taichi", "pwws", 70, task="mr")
    for attack in ("pwws", "deepwordbug"):
        add_cell(store, "taichi-no-adv", attack, 190, task="mr")
    table = make("5", store)
    columns = [column.name for column in table.columns]
    pwws, deepwordbug = (columns.index(name) for name in ("pwws", "deepwordbug"))
    best = marks(table)["taichi-no-adv"][1]
    assert (best[pwws], best[deepwordbug]) == (False, True)
    assert "Ablations of taichi, which are not compared where it is: taichi-no-adv." in table.legend


def test_tables_without_a_usual_comparison_compare_on_request(store: Store) -> None:
    usual, compared = make("quality", store), make("quality", store, compare="ada")
    assert all(lead == [None] * 6 for lead, _ in marks(usual).values())
    rates = [row.cells[2] for row in compared.blocks[0].rows if row.name == "ada"]
    assert rates[0].difference is not None and rates[0].difference < 0 and rates[0].best, "lower is better"
    assert "With an arrow: ada minus the best other defense of its block, over the seeds and" in " ".join(
        compared.legend
    )
    for name, mse in (("before", 0.01), ("base", 0.5), ("taichi", 0.25)):
        add_statistics(store, name, values={"mse_pos": mse})
    assert marks(make("7", store, compare="taichi"))["taichi"][0][0] == Fraction(-1, 4), "before takes no part"


def test_a_lead_is_green_where_it_is_better(store: Store) -> None:
    import io

    from robench.console import Console

    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system="standard")
    text = render(make("quality", store, selection=Selection(attacks=["deepwordbug"]), compare="ada"), "rich", console)
    assert re.search(r"\x1b\[32m ?\(↓", text) and not re.search(r"\x1b\[31m ?\(↓", text)


@pytest.mark.parametrize(
    ("number", "compare", "message"),
    [
        ("5", "adda", "unknown defense 'adda': did you mean ada. --compare takes the name of a row of table 5"),
        ("5", "smart", "table 5 has no results of smart to compare; it has base, base-adv, pgd, ada"),
        ("5", "before", "unknown defense 'before'"),
        ("2", "ada", "table 2 has no results to compare; leave --compare out"),
    ],
)
def test_a_defense_that_cannot_be_compared_is_a_sentence(store: Store, number: str, compare: str, message: str) -> None:
    with pytest.raises(RobenchError, match=message):
        make(number, store, compare=compare)
    done = robench("table", number, "--compare", compare, "--runs", store.root)
    assert done.exit_code == 2 and not done.stdout


def test_all_tables_compare_where_they_can(store: Store) -> None:
    add_cell(store, "base", "pwws", 20, task="sst2", encoder={"name": "other", "digest": "o"})
    add_cell(store, "ada", "pwws", 20, task="sst2")
    tables, reasons = make_all(store, compare="pgd")
    assert [table.name for table in tables if table.is_measured] == ["5"]
    assert any(reason.startswith("table 6: table 6 has no results of pgd to compare") for reason in reasons)
    with pytest.raises(NoResultsError, match="table 5: table 5 has no results of smart to compare"):
        make_all(store, compare="smart")
