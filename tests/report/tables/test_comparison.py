"""Intervals, bold cells and claims of tables, compared with what follows from raw records."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pandas
import pytest

from robench.report.rendering import render
from robench.report.tables import Cell, make
from robench.report.tables.legend import FEW_SEEDS, UNPAIRED
from robench.results.intervals import estimate_interval, wilson
from robench.results.power import find_smallest_difference
from robench.results.selection import Selection
from robench.results.significance import compare_outcomes, holm, mcnemar
from robench.results.store import Store
from robench.study.commands import make_table_command
from support.hand_made import add_cell, add_on_dev
from support.tables import rows, table5
from support.tiny_job import robench

pytestmark = pytest.mark.usefixtures("quick_by_hand")

HOUSE = Path(__file__).parents[2] / "goldens" / "house" / "runs"


def pwws(store: Store, **options: object) -> dict[str, Cell]:
    """The cells of the only attack, by row."""
    return {label: row.cells[1] for label, row in rows(table5(store, **options)).items()}


def frame(store: Store, name: str) -> pandas.DataFrame:
    """The raw lines of every file of that name in a runs folder, with the label of their stage."""
    found = []
    for path in sorted(store.root.glob(f"*/*/{name}")):
        info = json.loads((path.parent / "stage.json").read_bytes())
        lines = pandas.read_json(path, lines=True)
        found.append(lines.assign(kind=info["kind"], defense=info.get("defense", {}).get("name"), seed=info["seed"]))
    return pandas.concat(found, ignore_index=True)


# --- intervals --------------------------------------------------------------------------------------------------------


def test_one_seed_has_wilsons_interval_and_says_so(store: Store) -> None:
    add_cell(store, "base", "pwws", 106, errors=3)
    cell = pwws(store)["base"]
    assert cell.interval is not None and (cell.interval.low, cell.interval.high) == wilson(106, 197)
    assert "In parentheses, of one seed: the 95 % interval of the samples; seeds not covered." in table5(store).legend


def test_two_seeds_have_both_values_and_no_interval(store: Store) -> None:
    for seed, failed in ((1, 100), (2, 111)):
        add_cell(store, "base", "pwws", failed, seed=seed)
    cell = pwws(store)["base"]
    assert (cell.interval, cell.by_seed) == (None, (Fraction(1, 2), Fraction(111, 200)))
    assert "52.8 (50.0, 55.5)" in render(table5(store), "md")
    assert any("of two seeds: the values of both" in line for line in table5(store).legend)


def test_three_seeds_have_the_interval_of_their_raw_records(store: Store) -> None:
    for seed, failed in ((1, 100), (2, 111), (3, 95)):
        add_cell(store, "base", "pwws", failed, seed=seed, errors=seed)
    records = frame(store, "records.jsonl").pivot(index="id", columns="seed", values="status")
    known = {seed: [None if one == "error" else one == "failed" for one in column] for seed, column in records.items()}
    expected = estimate_interval({int(str(seed)): column for seed, column in known.items()})
    cell = pwws(store)["base"]
    assert cell.interval == expected and expected is not None and expected.covers_seeds and expected.n == 197
    assert any("of 3 seeds or more: the 95 % interval over seeds and samples" in line for line in table5(store).legend)


def test_three_seeds_without_stored_predictions_have_their_deviation(store: Store) -> None:
    for seed in (1, 2, 3):
        add_cell(store, "base", "pwws", 100, seed=seed, clean=(450 + seed, 500))
    clean = rows(table5(store))["base"].cells[0]
    assert clean.interval is None and "90.4 ± 0.2 |" in render(table5(store), "md")


def test_clean_accuracy_of_several_models_is_averaged_per_sample() -> None:
    store = Store(HOUSE)
    lines = frame(store, "clean.jsonl").query("defense == 'ada'")
    averages = lines.groupby("id").correct.mean()
    clean = rows(make("5", store))["ada"].cells[0]
    assert clean.value == pytest.approx(averages.mean())
    assert clean.interval == estimate_interval({42: list(averages)})


def test_clean_accuracy_on_development_rows_has_no_interval_of_test_rows(store: Store) -> None:
    add_on_dev(store, "base", wrong=20)
    add_on_dev(store, "ada", wrong=2, n=150)
    found = rows(table5(store))
    for name, right in (("base", 180), ("ada", 198)):
        clean = found[name].cells[0]
        assert clean.value == Fraction(right, 200)
        assert clean.interval and (clean.interval.low, clean.interval.high) == wilson(right, 200)


def test_every_percentage_of_the_table_of_quality_has_an_interval() -> None:
    table = make("quality", Store(HOUSE))
    shares = [place for place, column in enumerate(table.columns) if column.unit == "percent"]
    cells = [row.cells[place] for block in table.blocks for row in block.rows for place in shares]
    assert len(shares) == 4 and all(cell.interval is not None for cell in cells if cell.value is not None)
    base = table.blocks[0].rows[0]
    records = frame(Store(HOUSE), "records.jsonl").query("defense == 'base' and kind == 'cells'")
    found = [r for _, r in records.groupby("id") if len(r)]
    assert found and base.cells[2].interval is not None
    assert (base.cells[2].interval.low, base.cells[2].interval.high) == wilson(24, 30)  # 24 of 30 fell


def test_level_changes_intervals_and_tests(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    add_cell(store, "pgd", "pwws", 105)  # 5 : 0 pairs: p = 1/16
    strict, loose = pwws(store), pwws(store, level=0.9)
    assert strict["base"].best and not loose["base"].best
    assert strict["base"].interval and loose["base"].interval
    assert strict["base"].interval.low < loose["base"].interval.low
    assert any("the 90 % interval" in line for line in table5(store, level=0.9).legend)


def test_a_level_in_percent_is_refused_with_its_cure(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    done = robench("table", 5, "--runs", store.root, "--level", 95)
    assert done.exit_code == 2 and "for 95 %, write 0.95" in done.output


def test_no_intervals_show_the_deviation_over_seeds(store: Store) -> None:
    for seed, failed in ((1, 100), (2, 110)):
        add_cell(store, "base", "pwws", failed, seed=seed)
    done = robench("table", 5, "--runs", store.root, "--no-intervals", "-f", "md")
    assert "52.5 ± 3.5 |" in done.stdout and "parentheses" not in done.stdout
    text = render(table5(store, intervals=False), "csv")
    assert "pwws sd" in text and "pwws low" not in text


def test_programs_get_bounds_of_their_own(store: Store) -> None:
    add_cell(store, "base", "pwws", 106)
    (line,) = csv.DictReader(io.StringIO(render(table5(store), "csv")))
    assert (line["pwws low"], line["pwws high"]) == tuple(f"{100 * bound:.4f}" for bound in wilson(106, 200))
    cell = json.loads(render(table5(store), "json"))["blocks"][0]["rows"][0]["cells"]["pwws"]
    assert cell["interval"]["covers"] == "samples" and cell["interval"]["level"] == 0.95
    assert cell["interval"]["low"] == pytest.approx(100 * wilson(106, 200)[0])


# --- bold and claims --------------------------------------------------------------------------------------------------


def test_two_seeds_are_told_apart_only_by_both(store: Store) -> None:
    for seed, other in ((1, 120), (2, 102)):
        add_cell(store, "base", "pwws", 100, seed=seed)
        add_cell(store, "pgd", "pwws", other, seed=seed)
    assert pwws(store)["base"].best  # 2 : 0 pairs of seed 2 are no difference
    add_cell(store, "fgsm", "pwws", 90, seed=1)
    add_cell(store, "fgsm", "pwws", 92, seed=2)
    assert not pwws(store)["fgsm"].best


def test_cells_of_two_seeds_are_bold_by_tests_and_the_legend_says_so(store: Store) -> None:
    for defense, failed in (("base", 100), ("pgd", 101), ("fgsm", 120)):
        for seed in (1, 2):
            add_cell(store, defense, "pwws", failed, seed=seed)
    legend = " ".join(table5(store).legend)
    assert [pwws(store)[name].best for name in ("base", "pgd", "fgsm")] == [False, False, True]
    assert "Bold: what a paired test at 95 % cannot tell" in legend and "Smallest difference" not in legend
    assert "Tests are about these trained models" in legend
    for seed in (3, 4):
        add_cell(store, "fgsm", "pwws", 120, seed=seed)
        add_cell(store, "base", "pwws", 100, seed=seed)
    assert "Smallest difference from the best that is found with a chance of 80 %, in points: pwws" in " ".join(
        table5(store).legend
    ), "of the pair that has a test"


def test_a_lead_and_its_star_are_of_the_seeds_that_both_have(store: Store) -> None:
    for seed, failed in ((1, 100), (2, 132), (3, 132)):
        add_cell(store, "taichi", "pwws", failed, seed=seed)
    add_cell(store, "ada", "pwws", 116, seed=1)
    found = pwws(store, compare="taichi")
    assert found["taichi"].difference == Fraction(-16, 200) and found["taichi"].is_claim
    assert found["taichi"].best and found["ada"].best, "though its mean over other seeds is lower"
    assert r"**60.7** (" in render(table5(store, compare="taichi"), "md")
    assert r"(↓ 8.0\*)" in render(table5(store, compare="taichi"), "md")
    assert any("over the seeds and samples that both have" in line for line in table5(store, compare="taichi").legend)


def test_rows_without_a_shared_seed_are_not_tested_and_counted(store: Store) -> None:
    add_cell(store, "base", "pwws", 100, seed=1)
    add_cell(store, "pgd", "pwws", 101, seed=2)
    table = table5(store)
    assert not rows(table)["base"].cells[1].best and table.blocks[0].unpaired == 1 + 1  # of clean%, too
    assert any("are not tested" in line for line in table.legend)


def test_rows_of_three_seeds_that_share_one_are_not_tested(store: Store) -> None:
    for seed, failed in ((1, 120), (2, 124), (3, 140)):
        add_cell(store, "taichi", "pwws", failed, seed=seed)
    for seed, failed in ((3, 100), (4, 122), (5, 126)):
        add_cell(store, "ada", "pwws", failed, seed=seed)
    table = table5(store, compare="taichi")
    found = {label: row.cells[1] for label, row in rows(table).items()}
    assert (found["taichi"].p, found["taichi"].is_claim, found["ada"].is_paired) == (None, False, False)
    assert found["taichi"].difference == Fraction(384 - 348, 600), "of all of their seeds"
    assert UNPAIRED in table.legend


def test_a_lucky_model_of_one_seed_takes_no_part_where_others_have_three(store: Store) -> None:
    for seed in (1, 2, 3):
        add_cell(store, "base", "pwws", 60, seed=seed)
        add_cell(store, "ada", "pwws", 100, seed=seed)
    add_cell(store, "pgd", "pwws", 110, seed=1)
    table = table5(store, compare="ada")
    found = {label: row.cells[1] for label, row in rows(table).items()}
    assert (found["ada"].best, found["pgd"].best, found["pgd"].p) == (True, False, None)
    assert found["ada"].difference == Fraction(40, 200), "to the best of those with as many seeds"
    assert table.blocks[0].few_seeds == 1 + 1  # of clean%, too
    assert any("of a column have 3 seeds, those with fewer are not compared" in line for line in table.legend)
    assert not any(line.startswith("Tests ") for line in table.legend), "all tests are over three seeds"
    assert pwws(store, selection=Selection(seeds=[1]))["pgd"].best
    assert not any("fewer than 3 seeds" in line for line in table5(store, selection=Selection(seeds=[1])).legend)


def test_legend_of_blocks_of_one_and_of_three_seeds_says_what_the_tests_of_one_seed_are_about(store: Store) -> None:
    for defense, failed in (("base", 60), ("ada", 100)):
        for seed in (1, 2, 3):
            add_cell(store, defense, "pwws", failed, seed=seed)
        add_cell(store, defense, "pwws", failed, task="sst2")
    add_cell(store, "pgd", "pwws", 110, seed=1)
    legend = table5(store).legend
    assert f"{FEW_SEEDS}; --seed compares the models of one seed." in legend
    assert "Tests of fewer than 3 seeds are about these trained models, not about other seeds." in legend


def test_legend_says_if_the_defense_named_for_comparison_has_too_few_seeds(store: Store) -> None:
    for defense, failed in (("base", 60), ("ada", 100)):
        for seed in (1, 2, 3):
            add_cell(store, defense, "pwws", failed, seed=seed)
    add_cell(store, "pgd", "pwws", 110, seed=2)
    line = "pgd, which was named for comparison, has fewer than 3 seeds and was not compared; --seed 2 compares it."
    assert table5(store, compare="pgd").legend.count(line) == 1
    assert "named for comparison" not in " ".join(table5(store, compare="ada").legend)
    assert "named for comparison" not in " ".join(table5(store, compare="pgd", selection=Selection(seeds=[2])).legend)
    for seed in (1, 3):
        add_cell(store, "pgd", "pwws", 110, seed=seed)
    for defense in ("base", "ada"):
        for seed in (1, 2, 3):
            add_cell(store, defense, "textfooler", 90, seed=seed)
    add_cell(store, "pgd", "textfooler", 90, seed=2)
    assert f"In textfooler: {line}" in table5(store, compare="pgd").legend


def test_plain_leaves_forms_with_changed_settings_out(store: Store) -> None:
    add_cell(store, "ada", "pwws", 100)
    add_cell(store, "ada", "pwws", 110, changed={"ratio": 0.5})
    assert list(pwws(store)) == ["ada", "ada (ratio=0.5)"]
    plain = Selection(plain=True)
    assert list(pwws(store, selection=plain)) == ["ada"]
    assert make_table_command("worst", plain) == "robench table worst --plain"


def test_claims_of_the_compared_defense_are_holms_over_its_column(store: Store) -> None:
    failed = {"base": 100, "pgd": 106, "fgsm": 107, "ada": 113}
    for defense, count in failed.items():
        add_cell(store, defense, "pwws", count)
    found = pwws(store, compare="ada")
    adjusted = holm([mcnemar(113 - failed[name], 0) for name in ("base", "pgd", "fgsm")])
    assert [found[name].p for name in ("base", "pgd", "fgsm")] == pytest.approx(adjusted)
    assert found["ada"].p == found["fgsm"].p and found["ada"].difference == Fraction(6, 200)
    assert found["ada"].is_claim is (adjusted[2] <= 0.05) is True
    assert r"(↑ 3.0\*)" in render(table5(store, compare="ada"), "md")


def test_a_lead_that_holms_method_does_not_keep_has_no_star(store: Store) -> None:
    for defense, count in {"base": 106, "pgd": 106, "ada": 112}.items():
        add_cell(store, defense, "pwws", count)
    found = pwws(store, compare="ada")
    assert mcnemar(6, 0) < 0.05 and found["ada"].p == pytest.approx(2 * mcnemar(6, 0)) and not found["ada"].is_claim
    assert not found["base"].best  # bold is not adjusted


def test_samples_with_an_error_leave_pairs(store: Store) -> None:
    add_cell(store, "base", "pwws", 106, errors=10)  # rows 0 to 9; right on 10 to 115
    add_cell(store, "pgd", "pwws", 110)  # right on 0 to 109
    assert pwws(store, compare="pgd")["pgd"].p == mcnemar(0, 6)


def test_smallest_difference_stands_below_the_table(store: Store) -> None:
    add_cell(store, "base", "pwws", 100)
    add_cell(store, "pgd", "pwws", 110)
    right = {name: [row < count for row in range(200)] for name, count in (("base", 100), ("pgd", 110))}
    found = compare_outcomes({42: right["pgd"]}, {42: right["base"]})
    assert found is not None
    expected = find_smallest_difference(found)
    table = table5(store)
    assert table.blocks[0].smallest == (None, expected) and expected is not None
    line = "Smallest difference from the best that is found with a chance of 80 %, in points: pwws"
    assert f"{line} {100 * expected:.1f}." in table.legend
    assert json.loads(render(table, "json"))["blocks"][0]["smallest_difference"] == {"pwws": 100 * expected}


def test_a_table_of_one_seed_imports_no_numpy(store: Store) -> None:
    for defense, failed in (("base", 100), ("taichi", 120)):
        add_cell(store, defense, "pwws", failed)
    script = """
import sys
from pathlib import Path
from robench.report.rendering import render
from robench.report.tables import make
from robench.results.store import Store
from robench.study.commands import make_table_command
assert "*)" in render(make("5", Store(Path(sys.argv[1]))), "rich")
assert not {"numpy", "scipy", "pandas", "torch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script, str(store.root)], check=True)


def test_samples_too_few_for_any_difference_are_said_to_be_and_bold_is_of_a_test(store: Store) -> None:
    for defense, failed in (("base", 2), ("pgd", 4), ("freelb", 3)):
        add_cell(store, defense, "pwws", failed, n=5)
    table = table5(store)
    legend = " ".join(table.legend)
    assert "pwws none with so few samples" in legend and "Bold: what a paired test at 95 % cannot tell" in legend
    (block,) = json.loads(render(table, "json"))["blocks"]
    assert block["smallest_difference"]["pwws"] is None
