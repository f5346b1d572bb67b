"""Figure 1: the plane of representations."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from robench.errors import RobenchError
from robench.report.figures import draw, save
from robench.report.figures.projection import plane_of
from robench.results.entry_store import open_results
from robench.results.info import CellInfo
from robench.results.selection import Selection
from robench.results.store import Store
from support.figures import assert_readable
from support.hand_made import add_cell
from support.runs import outcome


def head(classes: int, width: int, seed: int = 0) -> tuple[Any, Any, Any]:
    draw = np.random.default_rng(seed)
    return draw.normal(size=(200, width)), draw.normal(size=(classes, width)), draw.normal(size=classes)


@pytest.mark.parametrize(("classes", "width", "exact"), [(2, 9, True), (2, 2, True), (3, 9, True), (6, 9, False)])
def test_regions_are_what_the_head_decides(classes: int, width: int, exact: bool) -> None:
    z, weight, bias = head(classes, width)
    plane = plane_of(z, weight, bias)
    assert np.allclose(plane.axes @ plane.axes.T, np.eye(2))
    assert plane.exact == exact and (plane.agreement(z) == 1) == exact
    low, high = (-4.0, -3.0), (4.0, 3.0)
    grid = np.random.default_rng(1).uniform(low, high, size=(500, 2))
    decided = ((plane.origin + grid @ plane.axes) @ weight.T + bias).argmax(axis=1)
    areas = []
    for label in range(classes):
        corners = plane.region(label, low, high)
        areas.append(area(corners))
        assert [inside(corners, point) for point in grid] == (decided == label).tolist()
    assert sum(areas) == pytest.approx(48), "regions fill the picture and do not overlap"


def area(corners: list[tuple[float, float]]) -> float:
    turned = corners[1:] + corners[:1]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(corners, turned, strict=True))) / 2


def inside(corners: list[tuple[float, float]], point: Any) -> bool:
    turned = corners[1:] + corners[:1]
    sides = [
        (x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)
        for (x0, y0), (x1, y1) in zip(corners, turned, strict=True)
    ]
    return len(corners) > 2 and all(side >= 0 for side in sides)


def test_two_classes_lie_along_the_distance_from_the_boundary() -> None:
    z, weight, bias = head(2, 7)
    plane = plane_of(z, weight, bias)
    slope = weight[1] - weight[0]
    distance = (z @ slope + bias[1] - bias[0]) / np.linalg.norm(slope)
    across, up = plane.coordinates(z).T
    assert np.allclose(across, distance), "to the right is the second class"
    assert abs(np.corrcoef(across, up)[0, 1]) < 1e-9
    assert np.allclose(plane.logits(np.array([[0.0, 5.0]])) @ [1, -1], 0)


def test_more_classes_are_projected_among_what_the_head_sees() -> None:
    """A direction that the head is blind to plays no part, however much varies in it."""
    z, weight, bias = head(5, 12)
    weight[:, 0] = 0
    z[:, 0] *= 1000
    plane = plane_of(z, weight, bias)
    assert np.allclose(plane.axes[:, 0], 0) and plane.method in ("lda", "pca")
    assert plane.agreement(z) > 1 / 5


@pytest.mark.parametrize("same", [np.zeros((3, 4)), np.ones((3, 4))])
def test_a_head_that_tells_nothing_apart_has_no_plane(same: Any) -> None:
    with pytest.raises(ValueError, match="tells no classes apart"):
        plane_of(np.ones((5, 4)), same, np.zeros(3))


def test_equal_points_have_a_plane() -> None:
    plane = plane_of(np.ones((5, 4)), np.eye(2, 4), np.zeros(2))
    assert np.isfinite(plane.axes).all() and np.allclose(plane.axes @ plane.axes.T, np.eye(2))


def test_figure_1_shows_the_attacked_samples_of_a_real_cell(finished: Path, tmp_path: Path) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    drawing = draw("1", Store(runs), selection=Selection(tasks=["mr"]), device="cpu")
    (cell,) = [c for c in Store(runs).stages(CellInfo) if "base-pwws" in c.folder.name]
    info = outcome(cell)
    axes = drawing.figure.axes[0]
    points = [part for part in axes.collections if isinstance(part, PathCollection)]
    assert sum(np.shape(part.get_offsets())[0] for part in points) == info.n + info.succeeded
    assert f"{info.n} test samples" in drawing.caption and f"of {info.succeeded} of them" in drawing.caption
    assert_readable(drawing)
    first, second = save(drawing, tmp_path / "out")
    assert first.name == "figure1-mr-base-pwws.png" and second.stat().st_size > 1000


def test_figure_1_is_refused_for_a_model_of_which_only_scores_are_known(store: Store) -> None:
    given = {"kind": "Python function", "model": "my_model:scores", "command": None}
    cell = add_cell(store, "scores", "pwws", 100, given=given)
    sentence = rf"{cell.folder.name} is an attack on your own model \(my_model:scores\), whose representations are not"
    with pytest.raises(RobenchError, match=sentence):
        draw("1", store, selection=Selection(tasks=["trec"], defenses=["scores"]), device="cpu")


def test_figure_1_of_entries_is_refused() -> None:
    entries = open_results(Path(__file__).parents[3] / "leaderboards" / "measured")
    with pytest.raises(RobenchError, match="holds entries, which have no models or texts"):
        draw("1", entries, selection=Selection(tasks=["trec"], defenses=["base"]))
