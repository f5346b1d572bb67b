"""Figures ``budget``, ``trade-off`` and ``correlation``: what is drawn, of which cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robench.errors import RobenchError
from robench.report.figures import draw
from robench.report.figures.budget import changes_curve, queries_curve
from robench.report.figures.front import find_front, find_points
from robench.results.cells import read_model_results
from robench.results.columns import make_columns
from robench.results.selection import Selection
from robench.results.store import Store
from support.figures import assert_readable, texts
from support.hand_made import add_cell, record
from support.hand_made_statistics import add_statistics
from support.tables import fill_correlated

TREC = Selection(tasks=["trec"])


def test_curve_falls_at_the_queries_of_each_success() -> None:
    rows = [
        record(0, "succeeded", queries=30, words_changed=1),
        record(1, "succeeded", queries=12, words_changed=2),
        *(record(i, "failed", queries=99) for i in (2, 3)),
        record(4, "skipped", queries=1),
        record(5, "error"),
    ]
    columns = make_columns(rows)
    assert queries_curve([columns]) == ([0, 12, 30], pytest.approx([80, 60, 40]))
    assert changes_curve([columns]) == ([0, 25, 50], pytest.approx([80, 60, 40]))
    other = make_columns([record(0, "succeeded", queries=12), record(1, "failed")])
    assert queries_curve([columns, other]) == ([0, 12, 30], pytest.approx([90, 55, 45]))
    errors = make_columns([record(0, "error")])
    assert queries_curve([columns, errors]) == queries_curve([columns])
    assert queries_curve([errors]) is changes_curve([errors]) is queries_curve([]) is None


def test_front_has_what_nothing_else_is_better_than() -> None:
    assert find_front([(90, 10), (80, 30), (79, 30), (70, 20), (80, 30)]) == [(80, 30), (90, 10)]
    assert find_front([(90, 10)]) == [(90, 10)]


@pytest.fixture
def store(store: Store) -> Store:
    """Three defenses under two attacks; ada lacks the other attack of each of its models."""
    for name, failed, correct in (("base", 40, 460), ("pgd", 60, 450), ("taichi", 90, 440), ("ada", 70, 455)):
        for attack, other in (("pwws", "textfooler"), ("textfooler", "pwws")):
            add_cell(store, name, attack, failed, clean=(correct, 500))
            if name == "taichi":
                add_cell(store, name, other, failed - 30, clean=(correct, 500), trained=attack)
    return store


def test_defense_whose_seeds_share_no_model_did_not_meet_every_attack(tmp_path: Path) -> None:
    store = Store(tmp_path / "other-runs")
    of_ada = [add_cell(store, "ada", attack, 70, seed=seed) for seed, attack in ((1, "pwws"), (2, "textfooler"))]
    of_base = [add_cell(store, "base", attack, 40, seed=1) for attack in ("pwws", "textfooler")]
    points, absent = find_points(read_model_results([*of_ada, *of_base]))
    assert [point.name for point in points] == ["base"] and absent == ["ada"]


def test_budget_has_two_panels_for_each_attack_that_end_at_table_5(store: Store) -> None:
    drawing = draw("budget", store, selection=TREC)
    assert_readable(drawing)
    panels = drawing.figure.axes
    assert len(panels) == 4
    for axes in panels:
        assert [np.asarray(line.get_ydata())[-1] for line in axes.get_lines()] == pytest.approx([20, 30, 35, 45])
    assert drawing.name == "budget-trec" and "as found, not minimal" in " ".join(texts(drawing))


def test_budget_tells_all_curves_apart_and_marks_what_learned_nothing(store: Store) -> None:
    add_cell(store, "freelb", "textfooler", 45, clean=(460, 500))
    add_cell(store, "fgsm", "textfooler", 100, clean=(250, 500, 250))
    drawing = draw("budget", store, selection=TREC)
    assert_readable(drawing)
    (legend,) = drawing.figure.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert names == {"Base", "PGD", "TaiChi", "ADA", "FreeLB", "FGSM †"}, "pwws, whose panels are the first, lacks two"
    assert len({(line.get_color(), line.get_linestyle()) for line in legend.get_lines()}) == len(names)
    assert "cannot be told from naming" in drawing.caption


def test_budget_has_no_curve_of_attacks_that_all_ended_in_an_error(store: Store) -> None:
    add_cell(store, "freelb", "pwws", 0, n=15, errors=15, task="mr")
    add_cell(store, "base", "pwws", 5, n=15, task="mr")
    drawing = draw("budget", store, selection=Selection(tasks=["mr"]))
    (legend,) = drawing.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Base"]
    assert all(len(axes.get_lines()) == 1 for axes in drawing.figure.axes)
    assert "15 of the 30 attacks ended in an error" in drawing.caption


def test_budget_of_errors_alone_is_empty(store: Store) -> None:
    add_cell(store, "base", "pwws", 0, n=15, errors=15, task="mr")
    drawing = draw("budget", store, selection=Selection(tasks=["mr"]))
    assert not any(axes.get_lines() for axes in drawing.figure.axes)


def test_budget_of_a_model_trained_elsewhere_says_so_in_place_of_encoder_and_training_rows(tmp_path: Path) -> None:
    store = Store(tmp_path / "elsewhere")
    add_cell(store, "mine", "pwws", 40, given={"kind": "Python function", "model": "scores"})
    caption = draw("budget", store, selection=TREC).caption
    assert caption.startswith("trec, trained elsewhere, 500 clean and 200 attacked test samples.")


def test_budget_names_the_table_of_the_paper_that_is_asked_for(store: Store) -> None:
    assert "accuracy under attack of table 1," in draw("budget", store, selection=TREC, paper="example").caption


def test_trade_off_has_a_point_for_each_defense_that_met_every_attack(store: Store) -> None:
    drawing = draw("trade-off", store, selection=TREC)
    assert_readable(drawing)
    axes = drawing.figure.axes[0]
    points = [line.get_xydata() for line in axes.get_lines() if line.get_markersize() == 8]
    assert [np.asarray(point).tolist() for point in points] == [[[92, 20]], [[90, 30]], [[88, 30]]]
    assert {"Base", "PGD", "TaiChi"} <= set(texts(drawing)) and "ADA" not in texts(drawing)
    assert (
        "not every model has results of every attack: ada; `robench table worst --task trec` names" in drawing.caption
    )
    assert "Trained against pwws, textfooler: TaiChi." in drawing.caption
    (front,) = (line for line in axes.get_lines() if line.get_linestyle() == "--")
    assert np.asarray(front.get_xydata())[1:-1].tolist() == [[90, 30], [92, 20]]
    whiskers = [line for line in axes.get_lines() if line.get_marker() == "None" and line is not front]
    markers = [line for line in axes.get_lines() if line.get_marker() != "None"]
    over, under = min(line.get_zorder() for line in markers), max(line.get_zorder() for line in whiskers)
    assert under < front.get_zorder() < over, "a front along a whisker is seen"


def test_trade_off_takes_of_a_defense_the_models_that_all_its_seeds_have(store: Store) -> None:
    add_cell(store, "taichi", "pwws", 100, clean=(450, 500), seed=43)
    add_cell(store, "taichi", "textfooler", 80, clean=(450, 500), seed=43, trained="pwws")
    drawing = draw("trade-off", store, selection=Selection(tasks=["trec"], defenses=["taichi"]))
    (point,) = (line.get_xydata() for line in drawing.figure.axes[0].get_lines() if line.get_markersize() == 8)
    assert np.asarray(point).tolist() == [[89, 35]], "the model of textfooler has seed 42 alone"
    assert "TaiChi" in texts(drawing) and "Trained against pwws: TaiChi." in drawing.caption


def test_points_of_the_trade_off_that_lie_over_each_other_can_all_be_seen(store: Store) -> None:
    for name in ("fgsm", "freelb"):  # where base is
        for attack in ("pwws", "textfooler"):
            add_cell(store, name, attack, 40, clean=(460, 500))
    drawing = draw("trade-off", store, selection=TREC)
    assert_readable(drawing)
    points = [line for line in drawing.figure.axes[0].get_lines() if line.get_marker() not in ("None", "")]
    sizes: dict[tuple[float, ...], list[float]] = {
        tuple(np.asarray(line.get_xydata())[0].tolist()): [] for line in points
    }
    for line in points:
        sizes[tuple(np.asarray(line.get_xydata())[0].tolist())].append(line.get_markersize())
    assert sizes[92, 20] == [16, 12, 8] and sizes[90, 30] == sizes[88, 30] == [8], (
        "the later are drawn over the earlier"
    )


@pytest.mark.parametrize("number", ["trade-off", "budget"])
def test_caption_names_the_forms_with_changed_settings_that_are_not_shown(store: Store, number: str) -> None:
    assert "changed settings" not in draw(number, store, selection=TREC).caption
    for attack in ("pwws", "textfooler"):
        add_cell(store, "pgd", attack, 70, clean=(450, 500), changed={"steps": 9})
        add_cell(store, "taichi", attack, 70, clean=(450, 500), changed={"temperature": 2.0})  # a model for each
    caption = draw(number, store, selection=TREC).caption
    assert "Forms with changed settings, not shown: pgd (steps=9), taichi (temperature=2.0)." in caption


def test_trade_off_says_what_its_whiskers_are_for_each_number_of_seeds(store: Store) -> None:
    assert (
        "Whiskers: 95 % intervals of the samples, seeds not covered."
        in draw("trade-off", store, selection=TREC).caption
    )
    for seed, attack in ((seed, attack) for seed in (43, 44) for attack in ("pwws", "textfooler")):
        add_cell(store, "base", attack, 40 + seed % 2, clean=(460, 500), seed=seed)
    caption = draw("trade-off", store, selection=TREC).caption
    assert "Whiskers: with one seed, 95 % intervals of the samples" in caption
    assert "with three seeds or more, 95 % intervals over seeds and samples." in caption


def test_figure_without_results_of_an_attack_names_the_defenses_and_the_preset_that_are_there(store: Store) -> None:
    command = "robench run --defense ada,base,pgd,taichi --task trec --attack clare --preset quick --runs r"
    with pytest.raises(RobenchError, match=f"yet; `{command}` makes it"):
        draw("budget", store, selection=Selection(tasks=["trec"], attacks=["clare"]), options=["--runs", "r"])


def test_captions_name_the_table_of_what_the_figure_shows(store: Store) -> None:
    fill_correlated(store)
    chosen = Selection(tasks=["sst2"], attacks=["textfooler"], seeds=[42])
    words = "--task sst2 --attack textfooler --seed 42 --runs r`"
    for number in ("budget", "correlation"):
        caption = draw(number, store, selection=chosen, options=["--runs", "r"]).caption
        assert f"`robench table {number} {words} has" in caption


def test_correlation_without_results_says_what_makes_those_that_were_asked_for(store: Store) -> None:
    chosen = Selection(tasks=["trec"], defenses=["base", "pgd"], presets=["quick"], seeds=[1])
    command = "robench run --table correlation --defense base,pgd --task trec --preset quick --seed 1 --runs r"
    with pytest.raises(RobenchError, match=f"`{command}` makes some"):
        draw("correlation", store, selection=chosen, options=["--runs", "r"])


@pytest.mark.parametrize("number", ["trade-off", "budget", "correlation"])
def test_caption_counts_the_samples_that_ended_in_an_error(store: Store, number: str) -> None:
    cell = add_cell(store, "base", "textfooler", 80, errors=4, task="sst2")
    add_statistics(store, "base", model=cell.info.model, attack_fields=cell.info.attack.fields)
    caption = draw(number, store, selection=Selection(tasks=["sst2"])).caption
    assert " 4 of the 200 attacks ended in an error and are left out." in caption


def test_trade_off_without_a_whole_row_says_what_makes_one(store: Store) -> None:
    with pytest.raises(RobenchError, match=r"none; `robench table worst --task trec --defense ada` names the commands"):
        draw("trade-off", store, selection=Selection(tasks=["trec"], defenses=["ada"]))
    with pytest.raises(RobenchError, match=r"has no result .*; `robench run .* --table worst` makes it"):
        draw("trade-off", store, selection=Selection(tasks=["ag"]))


def test_trade_off_marks_what_learned_nothing_and_leaves_it_out_of_the_front(store: Store) -> None:
    for attack in ("pwws", "textfooler"):
        add_cell(store, "fgsm", attack, 100, clean=(250, 500, 250))
    drawing = draw("trade-off", store, selection=TREC)
    assert_readable(drawing)
    assert "FGSM †" in texts(drawing) and "cannot be told from naming" in drawing.caption
    front = next(line for line in drawing.figure.axes[0].get_lines() if line.get_linestyle() == "--")
    assert np.asarray(front.get_xydata())[1:-1].tolist() == [[90, 30], [92, 20]], "though it withstands every attack"


def test_correlation_has_a_panel_for_each_attack_and_a_point_for_each_model(store: Store) -> None:
    fill_correlated(store)
    drawing = draw("correlation", store, selection=Selection(tasks=["sst2"]))
    assert_readable(drawing)
    (first,) = drawing.figure.axes
    points = [tuple(np.asarray(line.get_xydata())[0].tolist()) for line in first.get_lines()]
    assert {(0.5, 45.0), (1.5, 35.0), (2.0, 25.0), (2.5, 30.0)} < set(points)
    assert len(drawing.figure.axes) == 1 and "Not shown: pwws." in drawing.caption, "two models are too few"
    assert "Rank correlation: textfooler -0.96 (7 models);" in drawing.caption
    assert "models: a defense, or a form of one, each" in drawing.caption
    assert "Points not drawn, because KL is infinite: 1." in drawing.caption
    assert "Means over each model's seeds, of 42, 43." in drawing.caption
    assert "Trained against pwws, textfooler, if against any." in drawing.caption
    assert {"PGD", "ADA"} <= set(texts(drawing)) and "Base" not in texts(drawing)


def test_correlation_has_panels_of_attacks_of_which_one_ended_in_errors(store: Store) -> None:
    for number, name in enumerate(("pgd", "fgsm", "freelb", "smart", "ada")):
        for attack, errors in (("pwws", 2), ("textfooler", 0)):
            values = {"kl_pos": 1.0 + number, "n": 1000 - errors, "errors": errors}
            add_statistics(store, name, attack=attack, failed=50 + number, values=values)
    drawing = draw("correlation", store, selection=Selection(tasks=["sst2"]))
    assert len(drawing.figure.axes) == 2 and "Other settings" not in drawing.caption
    assert "1,000 pairs." in drawing.caption and "sst2, pwws: with some seeds, 2 of 1,000 pairs" in drawing.caption


def test_legend_of_long_names_stays_on_the_sheet(store: Store) -> None:
    for number, name in enumerate(("pgd", "fgsm", "freelb", "smart", "r-drop", "flooding-x")):
        changed = {"a_setting_with_a_long_name": f"and a long value {number}"}
        defense = {"name": name, "changed": changed, "fields": changed}
        add_statistics(store, name, defense=defense, failed=50 + number, values={"kl_pos": 1.0 + number})
    drawing = draw("correlation", store, selection=Selection(tasks=["sst2"]))
    drawing.figure.draw_without_rendering()
    (legend,) = drawing.figure.legends
    assert legend.get_window_extent().x1 <= drawing.figure.bbox.x1


def test_correlation_without_statistics_says_what_makes_some(store: Store) -> None:
    with pytest.raises(RobenchError, match="with statistics yet; `robench run --table correlation --task trec` makes"):
        draw("correlation", store, selection=TREC)


def test_trade_off_leaves_out_a_defense_of_which_every_sample_is_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add_cell(store, "base", "pwws", 90)
    add_cell(store, "pgd", "pwws", 0, errors=200)
    drawing = draw("trade-off", store, selection=TREC)
    assert "PGD" not in texts(drawing) and "results of every attack: pgd;" in drawing.caption
