"""Figures of a plane: where clean test samples and their adversarial counterparts lie for a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from robench.errors import RobenchError
from robench.escaping import escape_matplotlib
from robench.report.figures.canvas import INK, Drawing, apply_style, sheet
from robench.report.figures.palette import class_colours, tint, title
from robench.report.figures.projection import XY, Float64, Plane, plane_of
from robench.report.figures.request import FigureRequest
from robench.results.cells import Result
from robench.results.folder_kind import refuse_entries
from robench.results.pairs import Pairs, read_pairs
from robench.results.selection import largest_block, prefer_unchanged
from robench.results.store import Store
from robench.study.commands import read_selection
from robench.study.stages.trained_model import stored_predictor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from robench.models.predictor import Predictor

SHAPE = (6.0, 4.4)
"""Width and height of the picture in inches; equal scales keep this ratio."""


@dataclass(frozen=True)
class _Scene:
    """What is drawn: N clean samples, which of them the attack beat, and the adversarial counterparts of these."""

    plane: Plane
    labels: tuple[str, ...]
    gold: np.ndarray
    beaten: np.ndarray
    clean: Float64
    adversarial: Float64
    agreement: float


def draw(store: Store, request: FigureRequest) -> Drawing:
    """Draw the attacked test samples of one cell, and its model's decision.

    Raises:
        RobenchError: there is no such cell, its model is missing, or the folder holds entries, which have neither.
    """
    from robench.models import devices

    refuse_entries(store.root, "models or texts")
    selection, number = request.selection, request.figure.number
    if len(selection.defenses) > 1:
        names = ", ".join(selection.defenses)
        raise RobenchError(f"figure {number} is about one defense, not {names}; draw it for each.")
    block, others = largest_block(prefer_unchanged(read_selection(selection, store, request.command_options)))
    result = min(block, key=lambda r: (r.attack.title, r.seed))
    cell = store.get("cells", result.info.key)
    assert cell is not None, "it was read a moment ago"
    if (count := cell.info.defense.texts_read) > 1:
        raise RobenchError(
            f"figure {number} draws where one representation of a text lies, but {cell.info.defense.name} reads {count}"
            " texts in place of one; name another defense with --defense."
        )
    predictor = stored_predictor(store, cell, devices.choose_device(request.device))
    scene = _scene(read_pairs(cell), predictor, result.info.labels, number)
    with apply_style():
        return _drawing(scene, result, request, _caption(scene, result, others + len(block) - 1))


def _scene(pairs: Pairs, predictor: Predictor, labels: Sequence[str], number: str) -> _Scene:
    beaten = np.array([status == "succeeded" for status in pairs.statuses])
    head = predictor.classifier.head
    weight, bias = (part.detach().cpu().double().numpy() for part in (head.weight, head.bias))
    clean, adversarial = (
        predictor.outputs(texts).representations.double().numpy() for texts in (pairs.clean, pairs.adversarial)
    )
    adversarial = adversarial[beaten]
    every = np.concatenate([clean, adversarial])
    try:
        plane = plane_of(every, weight, bias)
    except ValueError as error:
        raise RobenchError(f"figure {number} cannot be drawn: {error}.") from error
    return _Scene(
        plane=plane,
        labels=tuple(labels),
        gold=np.array(pairs.labels),
        beaten=beaten,
        clean=plane.coordinates(clean),
        adversarial=plane.coordinates(adversarial),
        agreement=plane.agreement(every),
    )


def _caption(scene: _Scene, result: Result, others: int) -> str:
    info = result.info
    parts = [
        f"{info.task}, {title(info.defense.name)}, encoder {info.encoder.name}, seed {info.seed}:"
        f" {len(scene.clean):,} {info.split} samples, and the texts with which {info.attack.title} changed the"
        f" prediction of {len(scene.adversarial):,} of them. Shaded: what the head decides in this plane, which is"
        " exact.",
    ]
    if len(scene.plane.weight) == 2:
        parts.append(
            "Across: distance from the boundary, exact for every point, on the plane or off it. Up, on a scale of its"
            " own: of the directions that play no part in the decision and do not vary with that distance the one with"
            f" most variance (PCA). {_distances(scene)}"
        )
    elif scene.plane.exact:
        parts.append("The plane holds all that the head sees, so every point lies over its prediction.")
    else:
        what = {"lda": "that separate the predicted classes best (LDA)", "pca": "with most variance (PCA)"}
        parts.append(
            f"The plane is, of the directions that the head sees, the two {what[scene.plane.method]}. Points lie off"
            f" it: {100 * scene.agreement:.0f} % lie over the class that the model predicts, the others"
            " only seem to be on the wrong side, or on the right one."
        )
    if others:
        parts.append(f"Other cells that fit, not shown: {others}.")
    return " ".join(parts)


def _distances(scene: _Scene) -> str:
    if not len(scene.adversarial):
        return ""
    before, after = (float(np.median(np.abs(z[:, 0]))) for z in (scene.clean[scene.beaten], scene.adversarial))
    return f"Median distance of the beaten samples: {before:.2f} before, {after:.2f} after the attack."


def _drawing(scene: _Scene, result: Result, request: FigureRequest, caption: str) -> Drawing:
    info = result.info
    figure, axes = sheet(SHAPE[0] + 1.6, SHAPE[1], caption)
    two = len(scene.labels) == 2
    low, high = _limits(np.concatenate([scene.clean, scene.adversarial]), equal=not two)
    colours = class_colours(len(scene.labels))
    _regions(axes, scene.plane, colours, low, high)
    _points(axes, scene, colours)
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    if not two:
        axes.set_aspect("equal")
    labels = [escape_matplotlib(label) for label in scene.labels]
    axes.set_xlabel(f"← {labels[0]}    distance from the boundary    {labels[1]} →" if two else "first axis")
    axes.set_ylabel("most variance besides" if two else "second axis")
    what = f"{info.task}, {title(info.defense.name)}, {info.attack.title}"
    figure.suptitle(escape_matplotlib(f"{request.figure.title}: {what}"), x=0.01, ha="left", fontsize=11)
    _legend(axes, scene, colours)
    name = request.file_name(info.task, info.defense.name, info.attack.name)
    return Drawing(figure, name, caption)


def _limits(points: Float64, *, equal: bool) -> tuple[XY, XY]:
    """Return corners of a rectangle with some air around all points; of the picture's shape if scales are equal."""
    low, high = points.min(axis=0), points.max(axis=0)
    ratio = SHAPE[0] / SHAPE[1]
    spread = np.maximum(high - low, 1e-9) * 1.08
    if equal:
        height = max(spread[1], spread[0] / ratio)
        spread = np.array([height * ratio, height])
    left, bottom = (low + high - spread) / 2
    return (float(left), float(bottom)), (float(left + spread[0]), float(bottom + spread[1]))


def _regions(axes: Axes, plane: Plane, colours: Sequence[str], low: XY, high: XY) -> None:
    from matplotlib.patches import Polygon

    for label, colour in enumerate(colours):
        corners = plane.region(label, low, high)
        if len(corners) > 2:
            shape = Polygon(np.array(corners), facecolor=tint(colour, 0.16), edgecolor=INK, linewidth=0.7, zorder=1)
            axes.add_patch(shape)


def _points(axes: Axes, scene: _Scene, colours: Sequence[str]) -> None:
    from matplotlib.collections import LineCollection

    count = len(scene.clean)
    size = 26 if count <= 250 else 14 if count <= 600 else 8
    lines = np.stack([scene.clean[scene.beaten], scene.adversarial], axis=1)
    axes.add_collection(LineCollection(list(lines), colors=INK, linewidths=0.3, alpha=0.35, zorder=2))
    for label, colour in enumerate(colours):
        clean, adversarial = scene.clean[scene.gold == label], scene.adversarial[scene.gold[scene.beaten] == label]
        axes.scatter(clean[:, 0], clean[:, 1], s=size, color=colour, edgecolors="white", linewidths=0.4, zorder=3)
        x, y = adversarial[:, 0], adversarial[:, 1]
        axes.scatter(x, y, s=size, facecolors="white", edgecolors=colour, linewidths=1.0, marker="^", zorder=4)


def _legend(axes: Axes, scene: _Scene, colours: Sequence[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def mark(marker: str, face: str) -> Line2D:
        return Line2D([], [], linestyle="none", marker=marker, markerfacecolor=face, markeredgecolor=INK)

    handles: list[Line2D | Patch] = [Patch(facecolor=colour) for colour in colours]
    texts = [escape_matplotlib(label) for label in scene.labels]
    handles += [mark("o", INK), mark("^", "white"), Line2D([], [], color=INK, linewidth=0.5, alpha=0.6)]
    texts += ["clean", "adversarial", "same sample"]
    axes.legend(handles, texts, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, title="true class")
