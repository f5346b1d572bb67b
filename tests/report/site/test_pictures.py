"""Pictures of the site: coordinates that are worked out by hand."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from msgspec.structs import replace

from robench.escaping import slug
from robench.plugins.style import Pattern
from robench.report.figures.budget import Curve
from robench.report.rendering.templates import read_template
from robench.report.site import curves, tradeoff
from robench.report.site.boards import make_boards
from robench.results.cells import read_model_results
from robench.results.entries import list_cells
from robench.results.entry_form import Entry
from robench.results.sample_reader import SampleReader
from support.many_entries import ATTACKS, make_entry


@pytest.mark.parametrize(
    ("queries", "place"), [(0, 0.0), (5, 0.5 / 2), (10, 1 / 2), (100, 1.0)], ids=["none", "linear", "knee", "most"]
)
def test_axis_of_queries_is_linear_up_to_ten_and_logarithmic_beyond(queries: float, place: float) -> None:
    assert curves._Axis(100, is_log=True).place(queries) == pytest.approx(place)


def test_curve_is_a_path_of_steps_that_ends_at_the_right_edge() -> None:
    path = curves._step_path(Curve([0.0, 10.0, 100.0], [100.0, 75.0, 50.0]), curves._Axis(100, is_log=True))
    middle, right = curves.LEFT + curves.WIDTH / 2, curves.LEFT + curves.WIDTH
    assert path == f"M34 {curves.TOP:g}H{middle:g}V50H{right:g}V92H{right:g}"


def test_curve_with_thousands_of_steps_has_no_more_than_its_picture_can_show() -> None:
    count = 5000
    prices = [float(i) for i in range(count)]
    path = curves._step_path(Curve(prices, [100 - 90 * i / count for i in range(count)]), curves._Axis(5000.0, False))
    assert len(re.findall("H", path)) < 600
    end = curves.TOP + curves.HEIGHT * (1 - (100 - 90 * (count - 1) / count) / 100)
    assert float(re.findall(r"V([\d.]+)", path)[-1]) == pytest.approx(end, abs=0.1)


@pytest.mark.parametrize(
    ("values", "ends"),
    [([52.0, 61.0], (50, 65)), ([99.0, 100.0], (90, 100)), ([0.0, 3.0], (0, 10)), ([50.0], (45, 55))],
)
def test_axis_of_a_tradeoff_has_round_ends_within_0_and_100(values: list[float], ends: tuple[float, float]) -> None:
    assert tradeoff._range(values) == ends


def test_tradeoff_has_a_point_for_each_rank_that_says_its_numbers_and_lines_for_its_intervals() -> None:
    (board,) = make_boards([make_entry("base", texts=20), make_entry("pgd", number=9, texts=20)])
    drawn = tradeoff.draw_tradeoff(board)
    assert drawn is not None and isinstance(drawn.shapes, tradeoff.TradeOff)
    best = drawn.shapes.points[-1]
    assert best.rank == "1" and best.on_front and best.tip.startswith(f"1. {board.places[0].row.label}: worst% ")
    assert best.across[0] <= best.x <= best.across[1] and best.along[1] <= best.y <= best.along[0]


def test_tradeoff_of_one_defense_is_none() -> None:
    (board,) = make_boards([make_entry("base", texts=20)])
    assert tradeoff.draw_tradeoff(board) is None


def test_curve_of_a_model_looks_as_its_defense_does_in_all_figures() -> None:
    entries = [make_entry("taichi", against="pwws", attacks=ATTACKS, texts=20), make_entry("pgd", texts=20)]
    (board,) = make_boards(entries)
    plot = curves.draw_board_curves(board)
    assert plot is not None
    assert {(one.name, one.hue, one.pattern) for one in plot.legend} == {
        ("taichi on pwws", "vermillion", "plain"),
        ("pgd", "blue", "plain"),
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ada", "ada"),
        ("FreeLB", "freelb-dc1732"),
        ("freelb++", "freelb-73bb31"),
        ("../../etc", "etc-74ccf3"),
        ("freelb-73bb31", "freelb-73bb31-9dec14"),
        ("e3b0c4", "e3b0c4-195ebf"),
    ],
)
def test_slug_is_a_name_of_a_file_and_different_for_different_texts(text: str, name: str) -> None:
    assert slug(text) == name


def test_slug_of_anything_is_short_and_plain() -> None:
    for text in ("x" * 500, "<script>", "\u202eabc", "ü", ""):
        assert re.fullmatch(r"[a-z0-9-]{1,90}", slug(text)), text


def test_curves_of_a_rerun_are_of_its_own_records_and_of_all_of_its_attacks() -> None:
    original = make_entry("pgd", number=9, attacks=["pwws"], texts=20)
    rerun = replace(make_entry("pgd", number=0, attacks=["pwws", "textfooler"], texts=20), rerun_by="ann")
    rerun = replace(rerun, key=original.key)  # the same cell, but other outcomes
    own = next(one for one in rerun.attacks if one.label == original.attacks[0].label)
    rerun = replace(rerun, attacks=(replace(own, key=original.attacks[0].key), rerun.attacks[1]))
    (board,) = make_boards([original])

    def tips(entry: Entry) -> list[str]:
        results = read_model_results(list_cells(entry))
        plot = curves.draw_entry_curves(board, "pgd", results, SampleReader.of(results))
        assert plot is not None and isinstance(plot.shapes, list)
        return [line.tip for panel in plot.shapes for line in panel.lines]

    shares = [f"{100 * float(entry.attacks[0].attacked.accuracy or 0):.1f} in the end" for entry in (original, rerun)]
    assert shares[0] != shares[1]
    assert [share in tips(entry)[0] for share, entry in zip(shares, (original, rerun), strict=True)] == [True, True]
    assert len(tips(original)) == 2 and [tip.split(":")[0] for tip in tips(rerun)] == [
        *2 * ["pgd under pwws"],
        *2 * ["pgd under textfooler (bundled 2)"],
    ]


def test_curves_of_each_pattern_have_dashes_of_their_own() -> None:
    dashes = dict(re.findall(r"\.p-(\w+) \{ stroke-dasharray: ([\d ]+); \}", read_template("site/site.css")))
    assert {*dashes, "plain"} == set(get_args(Pattern)) and len(set(dashes.values())) == len(dashes)
