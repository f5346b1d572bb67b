"""Figures 4 and 5: what is drawn, of which cells."""

from __future__ import annotations

import shutil
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.text import Text

from robench.errors import RobenchError
from robench.plugins import registry
from robench.report.figures import draw
from robench.report.figures.canvas import sheet
from robench.report.figures.labelling import place_texts
from robench.results import papers
from robench.results.info import CellInfo
from robench.results.intervals import wilson
from robench.results.selection import Selection
from robench.results.store import Store
from support.figures import ABLATION, ATTACKS, WEIGHTS, assert_readable, fill_ablation, fill_fusion, texts
from support.hand_made import add_cell


def test_figure_4_has_a_bar_for_each_number(store: Store) -> None:
    fill_ablation(store)
    drawing = draw("4", store)
    axes = drawing.figure.axes[0]
    heights = [[bar.get_height() for bar in container] for container in axes.containers]
    assert heights == [[pytest.approx(90 - row / 5), *[20 + row * 4] * 4] for row in range(5)]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["clean%", *(f"{name}%" for name in ATTACKS)]
    (legend,) = drawing.figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["Base", "w/o CTR", "w/o KL", "w/o ADV", "TaiChi"]
    assert "w/o KL is clean" in drawing.caption and "One run, seed 42." in drawing.caption


def bars_of(axes: Axes) -> list[BarContainer]:
    return [container for container in axes.containers if isinstance(container, BarContainer)]


def test_whiskers_are_the_sample_standard_deviation_over_seeds(store: Store) -> None:
    fill_ablation(store, seeds=(1, 2, 3))
    drawing = draw("4", store)
    base = bars_of(drawing.figure.axes[0])[0]
    assert [round(bar.get_height(), 6) for bar in base.patches] == [90, 23, 23, 23, 23]  # 20, 23, 26 of each attack
    errors = next(part for part in drawing.figure.axes[0].containers if isinstance(part, ErrorbarContainer))
    (whiskers,) = errors.lines[2]
    lengths = [float(segment[1][1] - segment[0][1]) for segment in whiskers.get_segments()]
    assert lengths == pytest.approx([0, 6, 6, 6, 6])
    assert "seeds 1, 2, 3" in drawing.caption


def test_figure_5_is_the_path_over_lambda_and_taichi_beside_it(store: Store) -> None:
    fill_fusion(store)
    drawing = draw("5", store)
    axes = drawing.figure.axes[0]
    xs, ys = max((np.asarray(line.get_xydata()) for line in axes.get_lines()), key=len).T
    assert list(ys) == [round(40 - 14 * weight) / 2 for weight in WEIGHTS]
    assert list(xs) == pytest.approx([(440 + round(20 * weight**0.5)) / 5 for weight in WEIGHTS])
    stars = [line for line in axes.get_lines() if line.get_marker() == "*"]
    assert [np.asarray(star.get_xydata()).tolist() for star in stars] == [[[91.0, 25.0]]]
    assert {"λ = 0: ADVERSARIAL", "λ = 0.5", "λ = 1: CLEAN"} <= set(texts(drawing))


def test_text_is_nearer_to_its_own_point_than_to_another() -> None:
    points = [(90, 66.6), (93.6, 68.6), (93.8, 68), (94.2, 68), (94.8, 67.2), (95.2, 67.2), (95.8, 66.2)]
    _, axes = sheet(6.2, 4.6, "")
    axes.plot(*zip(*points, strict=True))
    notes = place_texts(axes, [(f"λ = 0.{i}", point) for i, point in enumerate(points)], list(pairwise(points)))
    spots = axes.transData.transform(points)
    for number, note in enumerate(notes):
        (left, low), (right, high) = Text.get_window_extent(note).get_points()
        distances = np.hypot(*(spots - [(left + right) / 2, (low + high) / 2]).T)
        assert distances[number] == distances.min(), note.get_text()


@pytest.mark.parametrize("seeds", [(42,), (1, 2, 3)], ids=["one seed", "three seeds"])
@pytest.mark.parametrize("number", ["4", "5"])
def test_no_text_covers_another_or_leaves_the_sheet(store: Store, number: str, seeds: tuple[int, ...]) -> None:
    fill_ablation(store, seeds) if number == "4" else fill_fusion(store, seeds)
    drawing = draw(number, store)
    assert_readable(drawing)


@pytest.mark.parametrize("count", [2, pytest.param(9, marks=pytest.mark.slow), 16])
def test_two_to_sixteen_defenses_fit(store: Store, count: int) -> None:
    names = [*registry.names("defenses"), *(f"plug-in-{i}" for i in range(16))][:count]
    fill_ablation(store, defenses=names)
    drawing = draw("4", store, selection=Selection(defenses=names))
    assert_readable(drawing)
    axes = drawing.figure.axes[0]
    assert len(axes.containers) == count
    seen = {(c.patches[0].get_facecolor(), c.patches[0].get_hatch()) for c in bars_of(axes)}
    assert len(seen) == count


def test_different_settings_never_meet_in_a_figure(store: Store) -> None:
    fill_ablation(store)
    add_cell(store, "base", "pwws", 199, task="sst2", train_rows=7)
    add_cell(store, "taichi", "pwws", 199, task="sst2", changed={"temperature": 0.5})
    drawing = draw("4", store)
    assert "99.5" not in texts(drawing)
    assert "not shown: 1." in drawing.caption


def test_a_defense_with_changed_fields_is_shown_where_it_has_no_plain_variant(store: Store) -> None:
    for name, changed in (("base", {}), ("taichi", {"temperature": 0.5})):
        add_cell(store, name, "pwws", 90, task="sst2", changed=changed)
    drawing = draw("4", store, selection=Selection(defenses=["base", "taichi"]))
    assert "taichi (temperature=0.5)" in texts(drawing)


@pytest.mark.parametrize(
    ("number", "options", "message"),
    [
        (
            "4",
            {"selection": Selection(tasks=["trec"])},
            r"no result of base.* on trec yet; `robench run --defense base,taichi-no-ctr,clean",
        ),
        ("4", {}, r"lacks clean under deepwordbug.*`robench run --defense clean --task sst2 --attack deepwordbug,pwws"),
        (
            "5",
            {},
            r"has none: `robench run --defense average --task sst2 --attack textfooler .*--runs elsewhere --figure 5`",
        ),
        (
            "5",
            {"selection": Selection(tasks=["mr"])},
            r"`robench run --defense average,taichi --task mr --attack textfooler .*--figure 5` makes",
        ),
        ("5", {"selection": Selection(attacks=["pwws", "textfooler"])}, "one attack"),
        ("1", {"selection": Selection(defenses=["base", "taichi"])}, "one defense"),
        (
            "1",
            {"selection": Selection(tasks=["trec"])},
            r"`robench run --defense base --task trec --attack pwws --preset quick --runs elsewhere` makes it",
        ),
        ("1", {"device": "cpu"}, r"the model \w+ of .* is not in .*models any more"),
        ("6", {}, "unknown figure '6'"),
    ],
)
def test_what_is_missing_is_told_with_the_command_that_makes_it(
    store: Store, number: str, options: dict[str, Any], message: str
) -> None:
    fill_ablation(store, defenses=[name for name in ABLATION if name != "clean"])
    with pytest.raises(RobenchError, match=message):
        draw(number, store, **{"options": ["--runs", "elsewhere"], **options})


def test_figure_5_of_plain_forms_has_all_weights_and_no_other_changes(store: Store) -> None:
    fill_fusion(store)
    add_cell(store, "taichi", "textfooler", 100, task="sst2", changed={"temperature": 2.0})
    drawing = draw("5", store, selection=Selection(plain=True))
    assert max(len(np.asarray(line.get_xydata())) for line in drawing.figure.axes[0].get_lines()) == len(WEIGHTS)
    assert "temperature" not in drawing.caption
    assert "temperature" in draw("5", store).caption


def test_figure_5_of_a_single_weight_is_refused(store: Store) -> None:
    fill_fusion(store, weights=[0.5])
    with pytest.raises(RobenchError, match=r"two or more values of weight, and has 0\.5"):
        draw("5", store)


def fill_variant(store: Store, value: str, changed: dict[str, Any]) -> None:
    """Two weights of an average of networks that were trained on other rows of D_adv."""
    for weight in (0.0, 1.0):
        fields, settings = {"unsuccessful": value}, {"weight": weight, **changed}
        add_cell(store, "average", "textfooler", 150, task="sst2", fields=fields, changed=settings)


def test_figure_5_draws_the_variant_without_changed_fields(store: Store) -> None:
    add_cell(store, "taichi", "textfooler", 50, task="sst2")
    add_cell(store, "taichi", "textfooler", 190, task="sst2", changed={"temperature": 0.5})
    fill_variant(store, "perturbed", {"unsuccessful": "perturbed"})
    for weight in (0.0, 1.0):
        fields = {"unsuccessful": "original"}
        add_cell(store, "average", "textfooler", 40, task="sst2", fields=fields, changed={"weight": weight})
    axes = draw("5", store).figure.axes[0]
    heights = sorted(float(y) for line in axes.get_lines() for y in np.asarray(line.get_ydata()).ravel())
    assert heights[0] == 20 and heights[-1] == 25 and set(heights) == {20, 25}


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        (({}, {}), r"has average \(unsuccessful=original, weight=0.0\) and average \(unsuccessful=perturbed, weight"),
        (({}, {}), r"name a --preset that has only one of them"),
        (
            ({"unsuccessful": "original"}, {"unsuccessful": "perturbed"}),
            r"`robench run --defense average --task sst2 .*--figure 5` makes the plain one",
        ),
    ],
)
def test_figure_5_refuses_two_variants_that_it_would_average(
    store: Store, changes: tuple[dict[str, Any], dict[str, Any]], advice: str
) -> None:
    add_cell(store, "taichi", "textfooler", 50, task="sst2")
    for value, changed in zip(("original", "perturbed"), changes, strict=True):
        fill_variant(store, value, changed)
    with pytest.raises(RobenchError, match=advice):
        draw("5", store)


def test_figure_5_refuses_two_changed_variants_of_a_point(store: Store) -> None:
    fill_fusion(store, weights=[0.0, 1.0])
    (plain,) = (cell for cell in store.stages(CellInfo) if cell.info.defense.name == "taichi")
    shutil.rmtree(plain.folder)
    for temperature in (0.5, 0.7):
        add_cell(store, "taichi", "textfooler", 90, task="sst2", changed={"temperature": temperature})
    with pytest.raises(RobenchError, match=r"taichi \(temperature=0.5\) and taichi \(temperature=0.7\): `robench run"):
        draw("5", store)


def test_figure_5_refuses_two_networks_of_one_place(store: Store) -> None:
    fill_fusion(store, weights=[0.0, 1.0])
    add_cell(store, "average", "textfooler", 90, task="sst2", changed={"weight": 1.0}, timing={"seconds": 1.0})
    with pytest.raises(RobenchError, match=r"average \(weight=1.0\) \[\w{8}\] and average \(weight=1.0\) \[\w{8}\]"):
        draw("5", store)


def test_figure_5_tells_how_its_networks_were_chosen(store: Store) -> None:
    fill_fusion(store)
    caption = draw("5", store).caption
    assert "best accuracy on clean development texts; the authors chose those of ADVERSARIAL by attacked" in caption


def test_figure_5_tells_how_far_other_samples_could_move_a_point(store: Store) -> None:
    add_cell(store, "average", "textfooler", 100, task="sst2", changed={"weight": 0.0})
    add_cell(store, "average", "textfooler", 60, task="sst2", changed={"weight": 1.0})
    add_cell(store, "taichi", "textfooler", 140, task="sst2")
    clean, attacked = wilson(450, 500), wilson(100, 200)
    assert [round(50 * (high - low), 1) for low, high in (clean, attacked)] == [2.6, 6.9]
    assert "uncertain by up to 2.6 points to the side and 6.9 up and down, at 95 %" in draw("5", store).caption


def test_every_figure_says_what_it_shows() -> None:
    figures = papers.find_paper().figures
    assert list(figures) == ["1", "4", "5"] and all(figure.summary for figure in figures.values())


def test_samples_that_ended_in_an_error_are_left_out_and_counted_below(store: Store) -> None:
    add_cell(store, "base", "pwws", 99, n=200, errors=2, task="sst2")
    add_cell(store, "taichi", "pwws", 150, n=200, task="sst2")
    drawing = draw("4", store, selection=Selection(defenses=["base", "taichi"]))
    assert "50.0" in texts(drawing)
    assert "2 of the 400 attacks ended in an error and are left out." in drawing.caption


def test_a_figure_of_nothing_but_errors_is_refused(store: Store) -> None:
    add_cell(store, "base", "pwws", 0, n=200, errors=200, task="sst2")
    add_cell(store, "taichi", "pwws", 150, n=200, task="sst2")
    with pytest.raises(RobenchError, match="every sample of sst2-base-pwws-seed42 ended in an error"):
        draw("4", store, selection=Selection(defenses=["base", "taichi"]))


def test_figure_4_marks_a_defense_that_learned_nothing_as_tables_do(store: Store) -> None:
    fill_ablation(store)
    for attack in ATTACKS:
        add_cell(store, "pgd", attack, 100, clean=(250, 500, 250), task="sst2")
    drawing = draw("4", store, selection=Selection(defenses=[*ABLATION, "pgd"]))
    assert_readable(drawing)
    shown = texts(drawing)
    marked = [text for text in shown if "†" in text and len(text) < 20]
    assert marked == ["50.0 †"] * 5 + ["PGD †"], "its numbers, and its name in the legend"
    assert "cannot be told from naming the most frequent label" in drawing.caption
    assert "†" not in draw("4", store).caption


def test_figure_5_marks_what_learned_nothing_on_the_path_and_beside_it(store: Store) -> None:
    fill_fusion(store, weights=WEIGHTS[1:])
    add_cell(store, "average", "textfooler", 100, changed={"weight": 0.0}, clean=(250, 500, 250), task="sst2")
    drawing = draw("5", store)
    assert [text for text in texts(drawing) if "†" in text and len(text) < 30] == ["λ = 0: ADVERSARIAL †"]
