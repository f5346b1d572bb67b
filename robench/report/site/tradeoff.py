"""The trade-off of a board as SVG with tooltips: a point for each defense, and the line that none of them passes.

How it works: this module computes coordinates, and ``templates/site/drawn.html`` writes them. Matplotlib, which draws
the figures of ``robench figure``, can neither give each point a text of its own nor follow the colours of a page, and
takes half a second for each picture, of which a site has some for each entry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from robench.report.figures.front import find_front
from robench.report.rendering import texts
from robench.report.site.board import Board, BoardRow
from robench.report.site.links import defense_page
from robench.report.site.parts import SitePlot, Tick
from robench.report.tables.model import CLEAN, Cell
from robench.results.intervals import LEVEL

MOST_WHISKERS = 40
"""Points of a trade-off beyond which intervals would hide them."""
LEFT, TOP, WIDTH, HEIGHT = 40.0, 24.0, 426.0, 290.0
"""Place and size of the area of a trade-off, in the units of its picture."""


@dataclass(frozen=True)
class Point:
    """A defense in a trade-off.

    Attributes:
        x: its place.
        y: likewise.
        across: left and right end of its horizontal whisker; empty for none.
        along: lower and upper end of its vertical one.
        rank: its rank as text; empty for a point that is too small for it.
        href: the page of its defense.
        tip: what it says when a reader points at it.
        on_front: whether no defense is better in both.
    """

    x: float
    y: float
    across: tuple[float, ...]
    along: tuple[float, ...]
    rank: str
    href: str
    tip: str
    on_front: bool


@dataclass(frozen=True)
class TradeOff:
    """A picture of points.

    Attributes:
        points: the defenses, the best last, so that it lies on top.
        x_ticks: marks of the axis of clean accuracy.
        y_ticks: marks of the axis of the accuracy that ranks the board.
        y_name: name of that axis.
        front: the line along the defenses that none beats in both, as the data of a path; empty for none.
    """

    points: Sequence[Point]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    y_name: str
    front: str
    left, top, width, height = LEFT, TOP, WIDTH, HEIGHT


def draw_tradeoff(board: Board) -> SitePlot | None:
    """Draw the clean accuracy of each ranked defense and the accuracy that ranks it; None with fewer than two."""
    clean = [column.name for column in board.columns].index(CLEAN)
    ranked = board.ranked
    if len(ranked) < 2:
        return None
    pairs = [(place.row.cells[clean], board.cell(place)) for place in ranked]
    bounds = [[*one.ends, *other.ends] for one, other in pairs] if len(ranked) <= MOST_WHISKERS else []
    spots = [(_percent(one), _percent(other)) for one, other in pairs]
    x_range = _range([x for x, _ in spots] + [b for one in bounds for b in one[:2]])
    y_range = _range([y for _, y in spots] + [b for one in bounds for b in one[2:]])
    front = find_front(spots)
    points = []
    for place, (x, y), ends in zip(ranked, spots, bounds or [[]] * len(ranked), strict=True):
        points.append(
            Point(
                x=_x(x, x_range),
                y=_y(y, y_range),
                across=tuple(_x(end, x_range) for end in ends[:2]),
                along=tuple(_y(end, y_range) for end in ends[2:]),
                rank=str(place.rank) if len(ranked) <= MOST_WHISKERS else "",
                href=defense_page(place.defense),
                tip=_describe_point(board, place, clean),
                on_front=(x, y) in front,
            )
        )
    shapes = TradeOff(
        points=points[::-1],
        x_ticks=[Tick(_x(value, x_range), f"{value:g}") for value in _ticks(x_range)],
        y_ticks=[Tick(_y(value, y_range), f"{value:g}") for value in _ticks(y_range)],
        y_name=board.by,
        front=_front_path([(_x(x, x_range), _y(y, y_range)) for x, y in front]),
    )
    whiskers = f" Lines: {100 * LEVEL:.0f} % intervals, or the values of both seeds." if bounds else ""
    return SitePlot(
        drawer="tradeoff",
        name="tradeoff",
        title=f"{board.by} against clean accuracy of {len(ranked)} defenses",
        caption="Right is better on clean texts, up is better under attack; the number in a point is its rank. Dashed:"
        f" beyond this line no defense here is better in both.{whiskers}",
        shapes=shapes,
    )


def _describe_point(board: Board, place: BoardRow, clean: int) -> str:
    numbers = [(board.columns[i], place.row.cells[i]) for i in (board.column, clean)]
    shown = [f"{column.name} {texts.estimate_text(cell, column)}" for column, cell in numbers]
    return f"{place.rank}. {place.row.label}: {', '.join(shown)}"


def _percent(cell: Cell) -> float:
    return float(100 * (cell.value or 0))


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis: steps of five around some values, and at least ten points."""
    low, high = 5 * math.floor((min(values) - 1) / 5), 5 * math.ceil((max(values) + 1) / 5)
    low, high = max(low, 0), min(high, 100)
    return (float(low), float(high)) if high - low >= 10 else (float(max(high - 10, 0)), float(max(high, 10)))


def _ticks(ends: tuple[float, float]) -> list[float]:
    step = next(step for step in (2, 5, 10, 20) if (ends[1] - ends[0]) / step <= 7)
    first = step * math.ceil(ends[0] / step)
    return [float(value) for value in range(first, int(ends[1]) + 1, step)]


def _x(percent: float, ends: tuple[float, float]) -> float:
    return round(LEFT + WIDTH * (percent - ends[0]) / (ends[1] - ends[0]), 1)


def _y(percent: float, ends: tuple[float, float]) -> float:
    return round(TOP + HEIGHT * (1 - (percent - ends[0]) / (ends[1] - ends[0])), 1)


def _front_path(front: Sequence[tuple[float, float]]) -> str:
    """Return the border of what some defense reaches in both coordinates, from the left edge to the lower one."""
    if not front:
        return ""
    path = f"M{LEFT:g} {front[0][1]:g}H{front[0][0]:g}"
    for x, y in front[1:]:
        path += f"V{y:g}H{x:g}"
    return path + f"V{TOP + HEIGHT:g}"
