"""A plane through the space of representations in which a classifier's decision can be seen.

The head is linear, so that its decision in a plane is exact: the plane's points are mapped back to representations, and
each class gets a convex polygon. What a plane cannot show is how far a point lies off it. Where the head's directions
span no more than the plane, that does not matter to the decision, and every point lies in the region of its prediction:
with two classes the first axis is the direction in which the head tells them apart; with three the plane is all of what
the head sees. With more the plane is a choice, and some points lie over a region that is not their prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Method = Literal["head", "lda", "pca"]
XY = tuple[float, float]


@dataclass(frozen=True)
class Plane:
    """``origin + x * axes[0] + y * axes[1]``.

    Attributes:
        origin: (H,).
        axes: (2, H), orthonormal, so that distances in the plane are distances of representations.
        weight: (K, H) of the head.
        bias: (K,) of the head.
        exact: whether the region under each point is its prediction, off the plane as well.
        method: how the axes were chosen: ``head``, ``lda`` or ``pca``.
    """

    origin: Float64
    axes: Float64
    weight: Float64
    bias: Float64
    exact: bool
    method: Method = "head"

    def coordinates(self, representations: Float64) -> Float64:
        """Project N representations (N, H) onto the plane: (N, 2)."""
        return (representations - self.origin) @ self.axes.T

    def logits(self, coordinates: Float64) -> Float64:
        """Return the logits (N, K) of points of the plane itself."""
        return (self.origin + coordinates @ self.axes) @ self.weight.T + self.bias

    def agreement(self, representations: Float64) -> float:
        """Return the share of representations, 0 to 1, that are drawn over the region of their prediction."""
        shown = self.logits(self.coordinates(representations)).argmax(axis=1)
        return float(np.mean(shown == (representations @ self.weight.T + self.bias).argmax(axis=1)))

    def region(self, label: int, low: XY, high: XY) -> list[XY]:
        """Return corners of the part of a rectangle where the head decides for ``label``; empty if there is none."""
        polygon = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
        slopes, offsets = self.weight @ self.axes.T, self.weight @ self.origin + self.bias
        for other in range(len(self.weight)):
            if other != label:
                slope = slopes[label] - slopes[other]
                polygon = _cut(polygon, (slope[0], slope[1]), offsets[label] - offsets[other])
        return polygon


def plane_of(representations: Float64, weight: Float64, bias: Float64) -> Plane:
    """Choose the plane that shows the decision of a linear head over some representations.

    With four classes and more, two directions are chosen among those that the head sees: those that separate the
    predicted classes best (linear discriminant analysis), or those with most variance (PCA); whichever has more points
    over their prediction. Directions that the head does not see are never among them: discriminant analysis of a few
    hundred points in hundreds of dimensions separates anything.

    Args:
        representations: (N, H) of all points that will be drawn.
        weight: (K, H) of the head.
        bias: (K,).

    Raises:
        ValueError: the head says the same of everything, or H is below 2.
    """
    centre = representations.mean(axis=0)
    seen = _row_space(weight - weight.mean(axis=0))
    if not len(seen) or weight.shape[1] < 2:
        raise ValueError("the head tells no classes apart, or representations have one dimension")
    if len(seen) == 1:
        axes = np.stack([seen[0], _most_varied(representations - centre, seen[0])])
        origin = centre - _boundary(centre, seen[0], weight, bias) * seen[0]
        return Plane(origin, axes, weight, bias, exact=True)
    if len(seen) == 2:
        return Plane(centre, seen, weight, bias, exact=True)
    inside = (representations - centre) @ seen.T
    predicted = (representations @ weight.T + bias).argmax(axis=1)
    choices = [
        Plane(centre, directions @ seen, weight, bias, exact=False, method=method)
        for method, directions in _directions(inside, predicted)
    ]
    return max(choices, key=lambda plane: plane.agreement(representations))


def _row_space(weight: Float64) -> Float64:
    """Return an orthonormal basis (R, H) of the directions that change a decision; of two, towards the second class."""
    _, sizes, rows = np.linalg.svd(weight, full_matrices=False)
    basis: Float64 = rows[sizes > sizes[0] * 1e-9] if sizes[0] > 0 else rows[:0]
    # The sign of a singular vector is the library's choice.
    turn = np.where((basis @ weight[-1]) < 0, -1.0, 1.0)
    return basis * turn[:, None]


def _boundary(point: Float64, direction: Float64, weight: Float64, bias: Float64) -> float:
    """Return the signed distance of a point from where the two classes that differ along a direction are equal."""
    slopes = weight @ direction
    low, high = int(slopes.argmin()), int(slopes.argmax())
    margin = (weight[high] - weight[low]) @ point + bias[high] - bias[low]
    return float(margin / (slopes[high] - slopes[low]))


def _most_varied(centred: Float64, beside: Float64) -> Float64:
    """Return the direction of most variance among those at right angles to ``beside`` that do not vary with it."""
    from sklearn.decomposition import PCA

    along = centred @ beside
    rest = centred - np.outer(along, beside)
    # Most of what varies in a trained encoder varies with the decision: it would draw all points on one slanted line.
    shared = along @ rest
    length = np.linalg.norm(shared)
    if length > 0:
        rest = rest - np.outer(rest @ shared, shared) / length**2
    if np.abs(rest).max() <= 1e-9 * np.abs(centred).max():  # nothing varies there, and any direction will do
        found: Float64 = np.eye(len(beside))[np.abs(beside).argmin()]
    else:
        found = PCA(n_components=1, svd_solver="full").fit(rest).components_[0]
    found = found - (found @ beside) * beside
    return found / np.linalg.norm(found)


def _directions(inside: Float64, predicted: NDArray[Any]) -> Iterator[tuple[Method, Float64]]:
    """Yield pairs (2, R) of orthonormal directions among the R that the head sees."""
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    classes = len(np.unique(predicted))
    if classes > 2 and len(inside) > classes + inside.shape[1]:
        fitted = LinearDiscriminantAnalysis(solver="svd", n_components=2).fit(inside, predicted)
        basis, _ = np.linalg.qr(fitted.scalings_[:, :2])
        yield "lda", basis.T
    yield "pca", PCA(n_components=2, svd_solver="full").fit(inside).components_


def _cut(polygon: Sequence[XY], slope: XY, offset: float) -> list[XY]:
    """Return the part of a convex polygon with ``slope . xy + offset >= 0``."""
    kept: list[XY] = []
    values = [slope[0] * x + slope[1] * y + offset for x, y in polygon]
    for i, (x, y) in enumerate(polygon):
        before, value = values[i - 1], values[i]
        if (before < 0) != (value < 0):
            share = before / (before - value)
            x0, y0 = polygon[i - 1]
            kept.append((x0 + share * (x - x0), y0 + share * (y - y0)))
        if value >= 0:
            kept.append((x, y))
    return kept
