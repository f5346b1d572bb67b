"""Curves as SVG with tooltips: what is left of an accuracy after attacks that spend so much.

How it works: as in :mod:`robench.report.site.tradeoff`, this module computes coordinates and a template writes them.
The curves are those of ``robench figure budget``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from robench.report.figures.budget import Curve, changes_curve, queries_curve
from robench.report.figures.palette import Look, looks
from robench.report.site.board import Board
from robench.report.site.parts import LegendEntry, SitePlot, Tick
from robench.results.cells import Result
from robench.results.labels import Label, column_labels
from robench.results.sample_reader import SampleReader

MOST_CURVES = 8
"""Defenses of one picture of curves; as many colours can be told apart."""
KNEE = 10.0
"""Queries up to which their axis is linear; beyond, it is logarithmic."""
LEFT, TOP, WIDTH, HEIGHT = 34.0, 8.0, 276.0, 168.0
"""Place and size of the area of a panel, in the units of its picture."""


@dataclass(frozen=True)
class Line:
    """A curve of steps: the data of its path, how it looks, and what it says when a reader points at it."""

    path: str
    hue: str
    pattern: str
    tip: str


_NamedCurve: TypeAlias = tuple[str, Look, Curve]
"""The name of a defense, its look, and its curve."""


@dataclass(frozen=True)
class Panel:
    """Curves of one attack against one kind of budget."""

    title: str
    x_name: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Line]
    left, top, width, height = LEFT, TOP, WIDTH, HEIGHT


def draw_board_curves(board: Board) -> SitePlot | None:
    """Draw what is left of the accuracy of the first defenses after so many queries, a panel for each attack."""
    places = [place for place in board.places if place.rank is not None][:MOST_CURVES]
    shown = {place.row.label: place.results for place in places}
    note = _describe_choice(board, len(places))
    return _draw_curves(board.attacks, shown, board.reader, queries_only=True, note=note)


def draw_entry_curves(board: Board, name: str, results: Sequence[Result], reader: SampleReader) -> SitePlot | None:
    """Draw the same of one entry, and what is left after so large a share of changed words.

    Args:
        board: whose names and order the attacks have; those that are not on it come last.
        name: of the entry's defense.
        results: of the entry, which may be a rerun that the board does not show.
        reader: of the entry itself, since the board's knows the records of the entries that it shows.
    """
    attacks = {**board.attacks, **{c: own for c, own in column_labels(results).items() if c not in board.attacks}}
    return _draw_curves(attacks, {name: results}, reader, queries_only=False, note="")


def _draw_curves(
    attacks: Mapping[str, Label],
    rows: Mapping[str, Sequence[Result]],
    reader: SampleReader,
    *,
    queries_only: bool,
    note: str,
) -> SitePlot | None:
    shown = _choose_looks(rows)
    panels = []
    for column, label in attacks.items():
        queries, changes = [], []
        for name, results in rows.items():
            read = [reader.columns(r.folder) for r in results if r.column == column]
            by_queries, by_changes = queries_curve(read), changes_curve(read)
            if by_queries is None or by_changes is None:
                continue
            queries.append((name, shown[name], by_queries))
            changes.append((name, shown[name], by_changes))
        if queries:
            panels.append(_panel(label.text, queries, is_log=True))
            if not queries_only:
                panels.append(_panel(label.text, changes, is_log=False))
    if not panels:
        return None
    caption = (
        "What is left of the accuracy, in %, after attacks that spend so much on a text. At its right end a curve is"
        f" the accuracy under attack.{note}"
    )
    legend = [LegendEntry(name, shown[name].hue, shown[name].pattern) for name in rows]
    return SitePlot(
        drawer="curves",
        name="curves",
        title="accuracy against the attacker's budget",
        caption=caption,
        shapes=panels,
        legend=legend if len(legend) > 1 else (),
    )


def _choose_looks(rows: Mapping[str, Sequence[Result]]) -> dict[str, Look]:
    """Return the look of each defense, that of all figures; of several models of one, the first has it."""
    names: dict[str, str] = {}
    for label, results in rows.items():
        defense = results[0].defense
        names[label] = label if defense.changed or defense.name in names.values() else defense.name
    shown = looks(names.values())
    return {label: shown[name] for label, name in names.items()}


def _panel(title: str, curves: Sequence[_NamedCurve], *, is_log: bool) -> Panel:
    """Make the panel of an attack; a logarithmic one is about queries, the other about the share of changed words."""
    most = max([*(price for _, _, curve in curves for price in curve.prices), 100.0 if is_log else 10.0])
    axis, unit = _Axis(most, is_log), "queries" if is_log else "% of the words"
    lines = [
        Line(
            _step_path(curve, axis),
            look.hue,
            look.pattern,
            tip=f"{name} under {title}: {_describe_curve(curve, axis, unit)}",
        )
        for name, look, curve in curves
    ]
    ticks = [Tick(LEFT + WIDTH * axis.place(value), f"{value:,.0f}") for value in axis.ticks]
    heights = [Tick(_panel_y(value), str(value)) for value in (0, 25, 50, 75, 100)]
    return Panel(title, "queries spent" if is_log else "words changed in %", ticks, heights, lines)


@dataclass(frozen=True)
class _Axis:
    """An axis of prices from 0 to the highest one.

    Attributes:
        most: the highest price.
        is_log: whether it is linear up to the knee, so that 0 has a place, and logarithmic beyond.
    """

    most: float
    is_log: bool

    def place(self, price: float) -> float:
        """Return the place of a price, 0 to 1."""
        return _bend(price) / _bend(self.most) if self.is_log else price / self.most

    @property
    def ticks(self) -> list[float]:
        """Return the prices that have a mark."""
        if self.is_log:
            return [0.0, *(10.0**power for power in range(1, 9) if 10**power <= self.most)]
        step = next(step for step in (2, 5, 10, 20, 25, 50) if self.most / step <= 5 or step == 50)
        return [float(value) for value in range(0, int(self.most) + 1, step)]


def _bend(queries: float) -> float:
    return queries / KNEE if queries <= KNEE else 1 + math.log10(queries / KNEE)


def _step_path(curve: Curve, axis: _Axis) -> str:
    """Return the data of a path; steps that a reader could not tell apart are drawn as one."""
    path, last_x, last_y = "", 0.0, 0.0
    for price, accuracy in zip(curve.prices, curve.accuracies, strict=True):
        x, y = round(LEFT + WIDTH * axis.place(price), 1), round(_panel_y(accuracy), 1)
        if not path:
            path = f"M{x:g} {y:g}"
        elif x - last_x < 0.5 and y - last_y < 1:
            continue
        else:
            path += f"H{x:g}V{y:g}"
        last_x, last_y = x, y
    end = round(_panel_y(curve.accuracies[-1]), 1)
    return path + (f"V{end:g}" if end != last_y else "") + f"H{LEFT + WIDTH:g}"


def _describe_curve(curve: Curve, axis: _Axis, unit: str) -> str:
    marks = [value for value in axis.ticks if 0 < value < axis.most][:4]
    parts = [f"{_value_at(curve, 0):.1f} % at first"]
    parts += [f"{_value_at(curve, mark):.1f} after {mark:,.0f} {unit}" for mark in marks]
    return ", ".join([*parts, f"{curve.accuracies[-1]:.1f} in the end"])


def _value_at(curve: Curve, price: float) -> float:
    return next((a for p, a in zip(curve.prices[::-1], curve.accuracies[::-1], strict=True) if p <= price), 0.0)


def _panel_y(percent: float) -> float:
    return TOP + HEIGHT * (1 - percent / 100)


def _describe_choice(board: Board, count: int) -> str:
    more = len(board.ranked) - count
    return f" Shown are the first {count} of the board." if more else ""
