"""Tables of robench itself: each equals one that a few lines of pandas compute from raw records."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from robench.errors import RobenchError
from robench.report.rendering import FORMATS, render
from robench.report.rendering.texts import value_text
from robench.report.reproduce import Target
from robench.report.tables import Cell, Column, Table, make
from robench.results.info import AdversarialInfo, CellInfo
from robench.results.records import Record
from robench.results.selection import NoResultsError
from robench.results.store import Store
from robench.study.request import Request
from support.hand_made import add_adversarial, add_cell, add_model, record
from support.refusals import told
from support.tables import options_of, rows, shown
from support.tiny_job import TinyJob, robench

if TYPE_CHECKING:
    import pandas

ATTACKS = ("deepwordbug", "pwws", "textfooler")
STANDS = {"base": 0.3, "pgd": 0.45, "taichi": 0.6}
NAMES = ("quality", "matrix", "worst", "differences", "budget", "price", "flips")


def draw(rng: Random, stands: float, n: int = 120) -> list[Record]:
    """Records whose outcomes depend on the text, so that attacks fool some of them together."""
    found = []
    for row in range(n):
        roll, words = rng.random() / 2 + (row % 10) / 20, 4 + 7 * row % 19
        status = "error" if roll > 0.99 else "skipped" if row % 11 == 0 and rng.random() < 0.7 else "succeeded"
        status = "failed" if status == "succeeded" and roll < stands else status
        changed = rng.randrange(1, words) if status == "succeeded" else 0
        queries = rng.randrange(3, 700) if status in ("failed", "succeeded") else 1
        found.append(record(row, status, queries=queries, words=words, words_changed=changed, label=row % 2))
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three defenses under three attacks, with one and two seeds, and the models that taichi has for each attack."""
    made, rng = Store(tmp_path_factory.mktemp("own") / "runs"), Random(3)
    for seed in (1, 2):
        for name, stands in STANDS.items():
            for attack in ATTACKS:
                cells = [add_cell(made, name, attack, 0, n=120, records=draw(rng, stands), seed=seed)]
                for other in ATTACKS if name == "taichi" else ():
                    if other != attack:
                        weaker = draw(rng, stands - 0.2)
                        cells.append(add_cell(made, name, other, 0, n=120, records=weaker, seed=seed, trained=attack))
                if name == "taichi" or attack == "pwws":
                    timing = {"seconds": 100.0 * (1 + (name == "taichi")), "forwards": 3000, "backwards": 2000}
                    add_model(made, cells[0], timing={**timing, "inference_seconds": 1.25}, parameters=22_713_601)
                if name == "taichi":
                    add_adversarial(made, cells[0], seconds=350.0)
    return made


@pytest.fixture(scope="module")
def raw(store: Store) -> pandas.DataFrame:
    """All records, read as lines of JSON."""
    import pandas

    frames = []
    for folder in sorted((store.root / "cells").iterdir()):
        info = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
        frame = pandas.read_json(folder / "records.jsonl", lines=True)
        trained = info.get("trained_against", info["attack"])["name"] if info.get("adversarial") else ""
        attack, defense = info["attack"]["name"], info["defense"]["name"]
        frames.append(frame.assign(attack=attack, defense=defense, trained=trained, seed=info["seed"]))
    return pandas.concat(frames)


def cells_of(table: Table, attack: str = "") -> dict[tuple[str, str], float]:
    """The numbers of a table by row and column, in percent if they are shares."""
    return {
        (row.label, column.name): float(cell.value) * (100 if column.unit == "percent" else 1)
        for block in table.blocks
        if attack in ("", block.setting.get("attack"))
        for row in block.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell.value is not None
    }


def label(defense: str, trained: str) -> str:
    return f"{defense} on {trained}" if trained else defense


def test_matrix_is_the_accuracy_of_each_model_under_each_attack(store: Store, raw: pandas.DataFrame) -> None:
    known = raw[(raw.status != "error") & (raw.defense != "pgd")]
    by_seed = (known.status == "failed").groupby([known.defense, known.trained, known.attack, known.seed]).mean()
    means = by_seed.groupby(level=[0, 1, 2]).mean().reset_index(name="share")
    expected = {(label(one.defense, one.trained), one.attack): 100 * one.share for _, one in means.iterrows()}
    found = {place: value for place, value in cells_of(make("matrix", store)).items() if place[1] != "clean%"}
    assert found == pytest.approx(expected) and len(found) == 12


def test_worst_is_the_share_that_survives_all_attacks(store: Store, raw: pandas.DataFrame) -> None:
    keys = ["defense", "trained", "seed", "id"]
    met = raw.groupby(keys).status.agg(list).reset_index()
    met = met[~met.status.map(lambda statuses: "error" in statuses)]
    met["survives"] = met.status.map(lambda statuses: set(statuses) == {"failed"})
    means = met.groupby(keys[:3]).survives.mean().groupby(level=[0, 1]).mean().reset_index()
    found = {row: v for (row, column), v in cells_of(make("worst", store)).items() if column == "worst%"}
    expected = {label(one.defense, one.trained): 100 * one.survives for _, one in means.iterrows()}
    assert found == pytest.approx(expected) and len(found) == 5
    in_table5 = {row: v for (row, column), v in cells_of(make("5", store)).items() if column == "worst%"}
    assert in_table5 == {row: found[row] for row in ("base", "pgd")}


def test_flips_against_several_versions_of_the_reference_are_blank(tmp_path: Path) -> None:
    made, rng = Store(tmp_path / "runs"), Random(5)
    for name, code in (("base", "a"), ("base", "b"), ("pgd", "")):
        add_cell(made, name, "pwws", 0, n=120, records=draw(rng, 0.4), seed=1, code=code)
    block = make("flips", made).blocks[0]
    assert len(block.rows) == 3 and all(cell.value is None for row in block.rows for cell in row.cells[1:3])


def test_budget_is_the_share_that_stands_below_a_price(store: Store, raw: pandas.DataFrame) -> None:
    known = raw[(raw.status != "error") & (raw.attack == "pwws") & raw.trained.isin(["", "pwws"])]
    share = 100 * known.words_changed / known.words
    for column, beyond in (("100 queries", known.queries > 100), ("25 % words", share > 25)):
        stands = (known.status == "failed") | ((known.status == "succeeded") & beyond)
        expected = stands.groupby([known.defense, known.seed]).mean().groupby(level=0).mean()
        found = {row: v for (row, name), v in cells_of(make("budget", store), "pwws").items() if name == column}
        assert found == pytest.approx({name: 100 * value for name, value in expected.items()})


def test_budget_explains_only_columns_that_it_has(tmp_path: Path) -> None:
    """Each search took 10 queries and changed a quarter of the words."""
    made = Store(tmp_path / "runs")
    add_cell(made, "base", "pwws", 40)
    table = make("budget", made)
    assert [column.name for column in table.columns] == ["attack%", "10 % words"]
    assert not [line for line in table.legend if line.startswith("N queries")]
    assert [line for line in table.legend if line.startswith("N % words")]


def test_flips_are_counted_against_the_reference_of_the_same_seed(store: Store, raw: pandas.DataFrame) -> None:
    known = raw[(raw.status != "error") & (raw.attack == "pwws") & raw.trained.isin(["", "pwws"]) & (raw.label == 1)]
    right = known.assign(right=known.status != "skipped").pivot(columns="defense", index=["seed", "id"], values="right")
    for name in ("pgd", "taichi"):
        both = right[[name, "base"]].dropna().astype(bool)
        gained = (both[name] & ~both.base).groupby(level="seed").mean().mean()
        lost = (~both[name] & both.base).groupby(level="seed").mean().mean()
        (block,) = (block for block in make("flips", store).blocks if "pwws, class DESC" in block.heading)
        values = {row.name: [float(cell.value or 0) for cell in row.cells] for row in block.rows}
        assert values[name][1:3] == pytest.approx([gained, lost])
        assert {row.attacked_n for row in block.rows} == {60}
        assert [cell.text for cell in block.rows[0].cells] == ["", "n/a", "n/a", ""], "base, against itself"


def test_diagonal_of_the_matrix_and_end_of_the_budget_are_table_5(store: Store) -> None:
    table5, matrix = cells_of(make("5", store)), cells_of(make("matrix", store))
    for attack in ATTACKS:
        assert matrix[f"taichi on {attack}", attack] == table5["taichi", attack]
        assert matrix["base", attack] == table5["base", attack]
        budget = cells_of(make("budget", store), attack)
        assert {row: budget[row, "attack%"] for row in STANDS} == {row: table5[row, attack] for row in STANDS}


def test_table_5_is_the_same_without_cells_of_the_matrix(store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.root, tmp_path / "runs")
    for cell in store.stages(CellInfo):
        if cell.info.trained_against:
            shutil.rmtree(tmp_path / "runs" / "cells" / cell.folder.name)
    for number in ("5", "4", "quality", "budget", "flips"):
        try:
            with_matrix = make(number, store, runs="runs")
        except NoResultsError:
            continue
        assert make(number, Store(tmp_path / "runs"), runs="runs") == with_matrix


def test_worst_of_one_attack_is_that_attack(store: Store) -> None:
    from robench.results.selection import Selection

    only = Selection(attacks=["pwws"])
    worst, alone = (cells_of(make(name, store, selection=only)) for name in ("worst", "matrix"))
    for row in ("base", "taichi on pwws", "taichi on textfooler"):
        assert worst[row, "worst%"] == worst[row, "lowest%"] == alone[row, "pwws"]


def test_price_counts_the_making_of_the_adversarial_training_set(store: Store) -> None:
    assert len(store.stages(AdversarialInfo)) == 6
    found = rows(make("price", store))
    names = [column.name for column in make("price", store).columns]
    price = {name: dict(zip(names, (cell.value for cell in row.cells), strict=True)) for name, row in found.items()}
    assert (price["base"]["training s"], price["base"]["D_adv s"], price["base"]["times"]) == (100, 0, 1)
    taichi = price["taichi on pwws"]
    assert (taichi["training s"], taichi["D_adv s"], taichi["times"]) == (200, 350, 5.5)
    assert (taichi["passes"], taichi["weights"], taichi["ms per text"]) == (5000, 22_713_601, 2.5)
    assert taichi["worst%"] == rows(make("worst", store))["taichi on pwws"].cells[-1].value
    weights = [row.cells[names.index("weights")] for row in found.values()]
    assert len({cell.value for cell in weights}) == 1 and not any(cell.best for cell in weights), "none is best"
    assert value_text(Cell(Fraction(5), sd=0.0), Column("passes", "count")) == "5"


@pytest.mark.parametrize("name", NAMES)
def test_own_table_can_be_written_in_every_format(store: Store, name: str) -> None:
    table = make(name, store)
    for format in FORMATS:
        assert "taichi" in render(table, format)


def test_row_that_lacks_an_attack_is_blank_and_a_command_completes_it(tmp_path: Path, quick_by_hand: None) -> None:
    store = Store(tmp_path / "runs")
    for attack in ("deepwordbug", "pwws"):
        add_cell(store, "base", attack, 40)
        add_cell(store, "taichi", attack, 90)
    table = make("worst", store)
    assert shown(table, "taichi on pwws") == ["90.0", None, None]
    assert shown(table, "base") == ["90.0", "20.0", "20.0"]
    (command,) = table.commands
    options = options_of(command)
    assert (options["table"], options["defense"], options["attack"]) == ("worst", ["taichi"], ["deepwordbug,pwws"])


def test_matrix_without_a_defense_that_trains_on_attacked_texts_says_what_makes_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    add_cell(store, "base", "pwws", 40)
    with pytest.raises(NoResultsError, match=r"trains on adversarial texts: `robench run --table matrix` makes them"):
        make("matrix", store)


def test_run_for_the_matrix_crosses_the_defenses_that_train_on_attacked_texts() -> None:
    (matrix,), (worst,) = (
        Target.named(table=name).requests(Request(task="trec", defense=())) for name in ("matrix", "worst")
    )
    assert matrix.crossed and worst.crossed
    assert tuple(matrix.defenses) == ("base", "ada", "taichi") and len(matrix.attacks) == 4
    assert tuple(worst.defenses) == ("base", "pgd", "fgsm", "freelb", "smart", "ada", "taichi")


def test_run_for_the_matrix_makes_the_cells_that_table_5_lacks(
    finished: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(finished, runs)
    before, table5 = {cell.key for cell in Store(runs).stages(CellInfo)}, make("5", Store(runs), runs="runs")
    command = tiny_job.command(runs, defense="base,ada", attack="pwws,deepwordbug")
    done = robench(*command, "--table", "matrix")
    assert done.exit_code == 0, done.output
    crossed = [cell.info for cell in Store(runs).stages(CellInfo) if cell.key not in before]
    pairs = {(info.trained_against.name, info.attack.name) for info in crossed if info.trained_against}
    assert pairs == {("pwws", "deepwordbug"), ("deepwordbug", "pwws")} and len(crossed) == 2
    assert {info.model for info in crossed} <= {cell.info.model for cell in Store(finished).stages(CellInfo)}
    assert "ada on pwws" in done.stdout and "Matrix: each model under each attack" in done.stdout
    assert make("5", Store(runs), runs="runs") == table5


def test_run_against_one_attack_trains_one_model_and_attacks_it_with_all(
    finished: Path, tiny_job: TinyJob, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(finished, runs)
    before = {cell.key for cell in Store(runs).stages(CellInfo)}
    command = tiny_job.command(runs, defense="base,ada", attack="pwws,deepwordbug")
    done = robench(*command, "--against", "pwws")
    assert done.exit_code == 0, done.output
    (made,) = (cell.info for cell in Store(runs).stages(CellInfo) if cell.key not in before)
    assert made.trained_against is not None
    assert (made.trained_against.name, made.attack.name) == ("pwws", "deepwordbug")
    assert "ada on pwws" in done.stdout and "Worst: accuracy of each model" in done.stdout


def test_run_against_an_attack_that_it_does_not_make_trains_with_it_all_the_same(tiny_job: TinyJob) -> None:
    command = tiny_job.command(Path("nowhere"), defense="base,ada", attack="deepwordbug")
    done = robench(*command, "--against", "pwws", "--dry-run")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    assert "train ada against pwws" in text and "attack ada, trained against pwws, on" in text
    assert "with pwws, seed" not in text and "against deepwordbug" not in text, "no more than that"


def test_run_against_an_unknown_attack_is_refused_by_name(tiny_job: TinyJob) -> None:
    done = robench(*tiny_job.command(Path("nowhere"), defense="ada", attack="pwws"), "--against", "pws", "--dry-run")
    assert done.exit_code == 2 and "did you mean pwws?" in told(done)


def test_table_and_figure_that_need_no_runs_of_their_own_say_so() -> None:
    with pytest.raises(RobenchError, match="table budget needs no runs of its own; `robench table budget`"):
        Target.named(table="budget")
    with pytest.raises(RobenchError, match="figure trade-off needs no runs of its own; `robench figure trade-off`"):
        Target.named(figure="trade-off")
