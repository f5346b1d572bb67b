from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from robench.errors import RobenchError
from robench.plugins import registry
from robench.report.figures import draw, palette, save
from robench.report.figures.canvas import Drawing
from robench.report.figures.palette import HUES, Look, class_colours, looks
from robench.report.figures.projection import plane_of
from robench.results import papers
from robench.results.info import CellInfo
from robench.results.store import Store
from robench.training import Style
from support.hand_made import add_cell
from support.runs import outcome

ABLATION = {"base": 40, "taichi-no-ctr": 80, "clean": 60, "taichi-no-adv": 100, "taichi": 110}
ATTACKS = ("deepwordbug", "pwws", "textfooler", "textbugger")
WEIGHTS = [k / 10 for k in range(11)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def fill_ablation(store: Store, seeds: tuple[int, ...] = (42,), defenses: Any = ABLATION, task: str = "sst2") -> None:
    for (shift, seed), (row, defense), attack in itertools.product(enumerate(seeds), enumerate(defenses), ATTACKS):
        add_cell(store, defense, attack, 40 + row * 8 + shift * 6, clean=(450 - row, 500), task=task, seed=seed)


def fill_fusion(store: Store, seeds: tuple[int, ...] = (42,), weights: Any = WEIGHTS) -> None:
    for shift, seed in enumerate(seeds):
        add_cell(store, "taichi", "textfooler", 50 + 4 * shift, clean=(455, 500), task="sst2", seed=seed)
        for weight in weights:
            made = {"failed": round(40 - 14 * weight) + shift, "clean": (440 + round(20 * weight**0.5), 500)}
            add_cell(store, "average", "textfooler", task="sst2", seed=seed, changed={"weight": weight}, **made)


def shown(drawing: Drawing) -> list[Text]:
    """All that can be read; ticks beyond the limits of their axis exist, but are not drawn."""
    drawing.figure.draw_without_rendering()
    beyond = set()
    for axes in drawing.figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    found = (text for text in drawing.figure.findobj(Text) if text.get_visible() and text.get_text().strip())
    return [text for text in found if text not in beyond]


def texts(drawing: Drawing) -> list[str]:
    return [text.get_text() for text in shown(drawing)]


def assert_readable(drawing: Drawing) -> None:
    """No text covers another one or leaves the sheet."""
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in shown(drawing)]
    sheet = drawing.figure.bbox.padded(0.5)
    assert [text for text, box in boxes if not (sheet.contains(*box.min) and sheet.contains(*box.max))] == []
    covered = []
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        common = Bbox.intersection(first, second)
        if common is not None and common.width > 0.5 and common.height > 0.5:
            covered.append((one, other))
    assert covered == []


# --- what is drawn ----------------------------------------------------------------------------------------------------


def test_figure_4_has_a_bar_for_each_number(store: Store) -> None:
    fill_ablation(store)
    drawing = draw("4", store)
    axes = drawing.figure.axes[0]
    heights = [[bar.get_height() for bar in container] for container in axes.containers]
    assert heights == [[pytest.approx(90 - row / 5), *[20 + row * 4] * 4] for row in range(5)]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["clean%", *(f"{name}%" for name in ATTACKS)]
    legend = axes.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["Base", "w/o CTR", "w/o KL", "w/o ADV", "TaiChi"]
    assert "w/o KL is clean" in drawing.caption and "One run, seed 42." in drawing.caption


def bars_of(axes: Axes) -> list[BarContainer]:
    return [container for container in axes.containers if isinstance(container, BarContainer)]


def test_whiskers_are_the_sample_standard_deviation_over_seeds(store: Store) -> None:
    fill_ablation(store, seeds=(1, 2, 3))
    drawing = draw("4", store)
    base = bars_of(drawing.figure.axes[0])[0]
    assert [round(bar.get_height(), 6) for bar in base.patches] == [90, 23, 23, 23, 23]  # 20, 23, 26 of each attack
    assert base.errorbar is not None
    (whiskers,) = base.errorbar.lines[2]
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


@pytest.mark.parametrize("seeds", [(42,), (1, 2, 3)], ids=["one seed", "three seeds"])
@pytest.mark.parametrize("number", ["4", "5"])
def test_no_text_covers_another_or_leaves_the_sheet(store: Store, number: str, seeds: tuple[int, ...]) -> None:
    fill_ablation(store, seeds) if number == "4" else fill_fusion(store, seeds)
    drawing = draw(number, store)
    assert_readable(drawing)


@pytest.mark.parametrize("count", [2, 9, 16])
def test_two_to_sixteen_defenses_fit(store: Store, count: int) -> None:
    names = [*registry.names("defenses"), *(f"plug-in-{i}" for i in range(16))][:count]
    fill_ablation(store, defenses=names)
    drawing = draw("4", store, defenses=names)
    assert_readable(drawing)
    axes = drawing.figure.axes[0]
    assert len(axes.containers) == count
    seen = {(c.patches[0].get_facecolor(), c.patches[0].get_hatch()) for c in bars_of(axes)}
    assert len(seen) == count


# --- what is chosen ---------------------------------------------------------------------------------------------------


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
    drawing = draw("4", store, defenses=["base", "taichi"])
    assert "taichi (temperature=0.5)" in texts(drawing)


@pytest.mark.parametrize(
    ("number", "options", "message"),
    [
        ("4", {"task": "trec"}, r"no result of base.* on trec yet; `robench run --defense base,taichi-no-ctr,clean"),
        ("4", {}, r"lacks clean under deepwordbug.*`robench run --defense clean --task sst2 --attack deepwordbug,pwws"),
        (
            "5",
            {},
            r"has none: `robench run --defense average --task sst2 --attack textfooler .*--runs elsewhere --figure 5`",
        ),
        (
            "5",
            {"task": "mr"},
            r"`robench run --defense average,taichi --task mr --attack textfooler .*--figure 5` makes",
        ),
        ("5", {"attacks": ["pwws", "textfooler"]}, "one attack"),
        ("1", {"defenses": ["base", "taichi"]}, "one defense"),
        ("1", {"task": "trec"}, r"`robench run --defense base --task trec --attack pwws --runs elsewhere` makes it"),
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


def test_one_average_is_no_path(store: Store) -> None:
    fill_fusion(store, weights=[0.5])
    with pytest.raises(RobenchError, match=r"two or more values of weight, and has 0\.5"):
        draw("5", store)


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_are_the_same_each_time_and_svg_text_is_text(store: Store, tmp_path: Path) -> None:
    fill_ablation(store)
    first, again = (save(draw("4", store), tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["figure4-sst2.png", "figure4-sst2.svg"]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    svg = first[1].read_text(encoding="utf-8")
    found = {element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"TaiChi", "clean%", "accuracy in %"} <= found
    assert not re.search(r"20\d\d-\d\d-\d\d", svg), "no date"
    assert first[0].read_bytes().startswith(b"\x89PNG")


def test_a_users_own_style_changes_nothing(store: Store, tmp_path: Path) -> None:
    import matplotlib

    fill_fusion(store)
    (plain,) = save(draw("5", store), tmp_path / "a", ["svg"])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "path"}):
        (styled,) = save(draw("5", store), tmp_path / "b", ["svg"])
    assert plain.read_bytes() == styled.read_bytes()


def test_bars_are_drawn_without_torch_display_or_the_global_state_of_pyplot(store: Store, tmp_path: Path) -> None:
    fill_ablation(store)
    code = (
        "import sys; from pathlib import Path; from robench.report.figures import draw, save;"
        "from robench.results.store import Store;"
        f"save(draw('4', Store(Path({str(store.root)!r}))), Path({str(tmp_path)!r}));"
        "print({'torch', 'matplotlib.pyplot', 'tkinter'} & set(sys.modules))"
    )
    nowhere = {**os.environ, "MPLBACKEND": "TkAgg", "DISPLAY": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=nowhere)
    assert done.stdout.strip() == "set()"
    assert (tmp_path / "figure4-sst2.svg").exists()


def test_a_format_that_is_none_and_a_folder_that_cannot_be_are_refused(store: Store, tmp_path: Path) -> None:
    fill_fusion(store)
    drawing = draw("5", store)
    with pytest.raises(RobenchError, match="unknown format 'gif'"):
        save(drawing, tmp_path, ["gif"])
    (tmp_path / "file").write_text("")
    with pytest.raises(RobenchError, match="cannot write"):
        save(drawing, tmp_path / "file")


def test_figures_load_neither_torch_nor_matplotlib_before_they_are_drawn() -> None:
    modules = "robench.report.figures, robench.report.figures.bars, robench.report.figures.tradeoff"
    code = f"import sys, {modules}; print({{'torch', 'matplotlib'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- colours ----------------------------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]


def lab(colour: str, sight: Any) -> Any:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    x, y, z = np.array(TO_XYZ) @ np.clip(np.array(sight) @ linear, 0, 1) / [0.95047, 1, 1.08883]
    f = [value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_hues_are_apart_for_everyone(sight: str) -> None:
    seen = [lab(hue, SIGHT[sight]) for hue in HUES.values()]
    distances = [float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 15, "a difference of 2.3 can just be seen"


def test_every_built_in_has_a_look_of_its_own_and_the_papers_bars_a_hue() -> None:
    names = registry.names("defenses")
    assert len(set(looks(names).values())) == len(names)
    assert len({look.colour for look in looks(ABLATION).values()}) == 5


def test_a_plug_in_looks_the_same_wherever_it_is_drawn() -> None:
    alone = looks(["my-defense"])["my-defense"]
    assert looks(["taichi", "my-defense", "zebra", "base"])["my-defense"] == alone
    assert alone not in looks(registry.names("defenses")).values()
    assert alone == Look(colour=alone.colour, hatch=alone.hatch, marker=alone.marker)


def test_a_plug_in_s_style_is_drawn_and_not_that_of_its_base_class(tmp_path: Path, forget_plugins: None) -> None:
    text = """
from typing import ClassVar
import robench
from robench.defenses.base import Base
from robench.training import Style

@robench.register("styled")
class Styled(Base):
    style: ClassVar[Style] = Style(title="Styled!", hue="sky", pattern="ruled")

@robench.register("heir")
class Heir(Styled):
    pass
"""
    (tmp_path / "styled.py").write_text(text, encoding="utf-8")
    registry.load_plugin(tmp_path / "styled.py")
    assert looks(["styled"])["styled"] == Look(palette.HUES["sky"], *palette.PATTERNS["ruled"])
    assert (palette.title("styled"), palette.title("heir")) == ("Styled!", "heir")
    assert registry.entry("defenses", "heir").style is None
    assert looks(["styled (a=1)"])["styled (a=1)"].colour == palette.HUES["sky"]


@pytest.mark.parametrize("wrong", [{"hue": "pink"}, {"hue": "sky", "pattern": "tartan"}])
def test_a_style_that_figures_do_not_have_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is one of .*, not '(pink|tartan)'"):
        Style(**wrong)


def test_many_plug_ins_are_told_apart_and_variants_keep_their_hue() -> None:
    names = [f"plug-in-{i}" for i in range(16)]
    assert len(set(looks(names).values())) == 16
    assert looks(reversed(names)) == looks(names)
    variants = looks(["taichi", "taichi (temperature=0.5)", "taichi (temperature=0.1)"])
    assert len(set(variants.values())) == 3 and len({look.colour for look in variants.values()}) == 1
    assert len(looks([f"x{i}" for i in range(60)])) == 60, "there are no more looks than that, and no error"


# --- the plane --------------------------------------------------------------------------------------------------------


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


def test_class_colours_are_distinct_up_to_eight() -> None:
    assert len(set(class_colours(8))) == 8 and len(class_colours(20)) == 20


def test_figure_1_shows_the_attacked_samples_of_a_real_cell(finished: Path, tmp_path: Path) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    drawing = draw("1", Store(runs), task="mr", device="cpu")
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
        draw("1", store, task="trec", defenses=["scores"], device="cpu")


def test_every_figure_says_what_it_shows() -> None:
    figures = papers.paper().figures
    assert list(figures) == ["1", "4", "5"] and all(figure.summary for figure in figures.values())
