"""Texts beside points, put where they cover nothing.

Each text is tried on circles of growing radius around its point, in sixteen directions. A place costs its distance,
much more for the share of the text's box that lies on a point, a line, another text or outside of the axes, and more if
the box's centre is nearer to another point, whose text it would seem to be; the place that costs least is kept. Lines
and points count as chains of small boxes. A text that ends up far from its point gets a line to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from robench.escaping import escape_matplotlib
from robench.report.figures.canvas import INK

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

XY = tuple[float, float]
Line = tuple[XY, XY]
"""From one place to another, in the coordinates of the data."""
Boxes: TypeAlias = "NDArray[np.float64]"
"""(N, 4): left, bottom, right and top of N boxes, in pixels."""

_RADII = (7, 12, 18, 26, 36, 48, 64)
_TURNS = 16
_COVERED = 700
"""Cost of a text that is wholly covered, in points of distance."""
_ASTRAY = 200
"""Cost of a text that is nearer to another point than to its own."""
_STEP = 3.0
"""Points between the boxes that stand for a line, and their width."""


def place_texts(axes: Axes, texts: Sequence[tuple[str, XY]], obstacles: Sequence[Line]) -> list[Annotation]:
    """Put each text as near to its point as there is room; one that is further off gets a thin line to it.

    The limits of the axes have to be final.

    Args:
        axes: to write in.
        texts: with their points, which no text covers.
        obstacles: lines that texts should not cover either.
    """
    import numpy as np

    figure = axes.get_figure(root=True)
    assert figure is not None, "axes are made by a figure"
    figure.draw_without_rendering()
    points = [point for _, point in texts]
    lines = [*obstacles, *((point, point) for point in points)]
    taken = np.vstack([np.empty((0, 4)), *(_boxes(axes, line) for line in lines)])
    placed = []
    for text, point in texts:
        others = [other for other in points if other != point]
        note, box = _best(axes, text, point, others, taken)
        taken = np.vstack([taken, box.extents])
        placed.append(note)
    return placed


def _best(axes: Axes, text: str, point: XY, others: Sequence[XY], taken: Boxes) -> tuple[Annotation, Bbox]:
    from matplotlib.text import Text

    bounds = axes.get_window_extent()
    own, *spots = axes.transData.transform([point, *others])
    found: list[tuple[float, int, Annotation, Bbox]] = []
    for radius in _RADII:
        for turn in range(_TURNS):
            note = _note(axes, text, point, radius, math.pi * (0.25 + 2 * turn / _TURNS))
            note.get_window_extent()  # puts it in place; the box that it gives would hold the line to the point too
            box = Text.get_window_extent(note).padded(1.5)
            centre = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            is_astray = any(math.dist(centre, spot) < math.dist(centre, own) for spot in spots)
            cost = _covered(box, taken, bounds) * _COVERED + is_astray * _ASTRAY + radius
            found.append((cost, len(found), note, box))
        if min(entry[0] for entry in found) <= radius:  # nothing is covered, and further off is no better
            break
    _, chosen, note, box = min(found, key=lambda entry: entry[:2])
    for _, index, other, _ in found:
        if index != chosen:
            other.remove()
    return note, box


def _note(axes: Axes, text: str, point: XY, radius: float, angle: float) -> Annotation:
    sideways, upward = math.cos(angle), math.sin(angle)
    return axes.annotate(
        escape_matplotlib(text),
        point,
        xytext=(radius * sideways, radius * upward),
        textcoords="offset points",
        ha="left" if sideways > 0.3 else "right" if sideways < -0.3 else "center",
        va="bottom" if upward > 0.3 else "top" if upward < -0.3 else "center",
        fontsize=7,
        color=INK,
        arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.5} if radius > _RADII[0] else None,
    )


def _boxes(axes: Axes, line: Line) -> Boxes:
    """Return small boxes along a line."""
    import numpy as np

    figure = axes.get_figure(root=True)
    assert figure is not None, "axes are made by a figure"
    size = _STEP * figure.dpi / 72
    (x0, y0), (x1, y1) = axes.transData.transform(line)
    count = max(1, round(math.hypot(x1 - x0, y1 - y0) / size))
    steps = np.arange(count + 1)
    low = np.column_stack([x0 + (x1 - x0) * steps / count, y0 + (y1 - y0) * steps / count]) - size / 2
    return np.hstack([low, low + size])


def _covered(box: Bbox, taken: Boxes, bounds: Bbox) -> float:
    """Return the share of a text's box that lies on something or outside of the axes, 0 for none."""
    import numpy as np

    others = np.vstack([taken, bounds.extents])
    sides = np.minimum(box.extents[2:], others[:, 2:]) - np.maximum(box.extents[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    area = box.width * box.height
    return float(area - shared[-1] + shared[:-1].sum()) / area
