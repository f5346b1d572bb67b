"""Figure ``trade-off``: accuracy under the worst of all attacks against clean accuracy, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from robench.escaping import escape_matplotlib
from robench.report.figures.canvas import INK, Drawing, apply_style, draw_marker, sheet
from robench.report.figures.figure_results import FigureResults
from robench.report.figures.labelling import place_texts
from robench.report.figures.marks import mark_unlearned
from robench.report.figures.palette import Look, looks, title
from robench.report.figures.request import FigureRequest
from robench.report.tables.cells import clean_cell, outcome_cell
from robench.report.tables.comparison import add_interval
from robench.report.tables.model import CLEAN, WORST, Cell, Column
from robench.report.tables.worst import average_worst
from robench.results.adaptive import leave_out_adaptive
from robench.results.cells import Result, group, keep_shared_models, read_model_results
from robench.results.info import CellInfo
from robench.results.intervals import FEWEST_SEEDS, LEVEL
from robench.results.labels import column_labels, row_labels
from robench.results.sample_reader import SampleReader
from robench.results.selection import NoResultsError
from robench.results.store import Store
from robench.results.worst import WorstReader
from robench.study.commands import make_run_command, name_defenses

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKER_SIZE = 8
"""Width of a point that no other one hides, in points."""


@dataclass(frozen=True)
class Point:
    """A defense: its name, its clean and worst accuracy with intervals, and the results that they are of."""

    name: str
    clean: Cell
    worst: Cell
    results: Sequence[Result]

    @property
    def title(self) -> str:
        """Return the name as the figure shows it, with the mark of a model that learned nothing."""
        return title(self.name) + mark_unlearned(self.results)

    @property
    def training_attacks(self) -> list[str]:
        """Return the titles of the attacks that its models were trained against."""
        return sorted({r.info.training_attack.title for r in self.results if r.info.training_attack})

    @property
    def has_learned(self) -> bool:
        """Return whether each of its models has learned something."""
        return all(r.has_learned for r in self.results)

    @property
    def place(self) -> tuple[float, float]:
        """Return clean and worst accuracy in percent."""
        return float(100 * (self.clean.value or 0)), float(100 * (self.worst.value or 0))


def draw(store: Store, request: FigureRequest) -> Drawing:
    """Draw a point for each defense of which every model met every attack, and the front of those that none dominates.

    Raises:
        NoResultsError: there are no results, or no defense met every attack.
    """
    selection = request.selection
    cells = store.stages(CellInfo)
    kept = leave_out_adaptive(selection.keep(cells), cells)
    if not kept:
        command = make_run_command(name_defenses(selection, cells), ["--table", "worst", *request.command_options])
        raise NoResultsError(f"{store.root} has no {selection.describe()} yet; `{command}` makes it.")
    drawn = FigureResults.choose(read_model_results(kept), request)
    points, absent = find_points(drawn.results, request.reader)
    if not points:
        raise NoResultsError(
            f"{request.name} shows models that met every attack, of which there are none; {_point_to_table(request)}."
        )
    text = _describe(drawn.results, request, points, absent) + _describe_training_attacks(points)
    caption = drawn.make_caption(text, [r for point in points for r in point.results])
    with apply_style():
        figure, axes = sheet(6.2, 4.6, caption)
        shown = looks([point.name for point in points])
        for point in points:
            _draw_whiskers(axes, point, shown[point.name].colour)
        axes.margins(0.18)
        _draw_front(axes, find_front([point.place for point in points if point.has_learned]))
        _mark(axes, points, [shown[point.name] for point in points])
        axes.set_xlabel(CLEAN)
        axes.set_ylabel(WORST)
        axes.grid()
        figure.suptitle(escape_matplotlib(request.heading), x=0.01, ha="left", fontsize=11)
        whiskers = [line for point in points for line in _lines(point)]
        place_texts(axes, [(point.title, point.place) for point in points], whiskers)
    return Drawing(figure, request.file_name(request.task), caption)


def find_points(block: Sequence[Result], reader: SampleReader | None = None) -> tuple[list[Point], list[str]]:
    """Return the points of the defenses of a block, and the names of those that did not meet every attack.

    A defense that is trained once for each attack has several models. The outcomes of those that all its seeds have are
    averaged sample by sample.

    Args:
        block: results that can be compared.
        reader: of their runs folder, if it has read something already.
    """
    reader = SampleReader.of(block, reader)
    worst, labels = WorstReader(reader, block), row_labels(block)
    points, absent = [], []
    for of_defense in group(block, lambda r: r.defense_identity).values():
        found = keep_shared_models(of_defense)
        is_one_model = len({r.row for r in of_defense}) == 1
        name = labels[found[0].row].text if is_one_model else found[0].defense.name
        samples = average_worst(worst, found)
        of_seeds = [r for r in found if r.seed in samples]
        cells = clean_cell(reader, of_seeds), outcome_cell(samples, of_seeds)
        if cells[1].value is None:  # not every attack was met, or each sample ended in an error
            absent.append(name)
            continue
        clean, worst_cell = (add_interval(cell, Column("%"), LEVEL) for cell in cells)
        points.append(Point(name, clean, worst_cell, of_seeds))
    return points, absent


def find_front(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the places that no other one is at least as good as in both coordinates and better in one, by the first.

    Example:
        >>> find_front([(90, 10), (80, 30), (79, 30), (70, 20)])
        [(80, 30), (90, 10)]
    """
    return sorted({(x, y) for x, y in places if not any(a >= x and b >= y and (a, b) != (x, y) for a, b in places)})


def _draw_front(axes: Axes, front: Sequence[tuple[float, float]]) -> None:
    """Draw the border of what some defense reaches in both coordinates; none if no defense has learned anything."""
    if not front:
        return
    (left, _), (bottom, _) = axes.get_xlim(), axes.get_ylim()
    xs, ys = [left, *(x for x, _ in front), front[-1][0]], [front[0][1], *(y for _, y in front), bottom]
    axes.step(xs, ys, where="pre", color=INK, linewidth=0.9, linestyle="--", zorder=2.1)  # over the whiskers
    axes.set_xlim(max(left, 0), min(axes.get_xlim()[1], 100.5))
    axes.set_ylim(max(bottom, 0), min(axes.get_ylim()[1], 100.5))


def _lines(point: Point) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the whiskers of a point."""
    x, y = point.place
    (x_low, x_high), (y_low, y_high) = point.clean.ends, point.worst.ends
    return [((x_low, y), (x_high, y)), ((x, y_low), (x, y_high))]


def _draw_whiskers(axes: Axes, point: Point, colour: str) -> None:
    for (x_low, y_low), (x_high, y_high) in _lines(point):
        axes.plot([x_low, x_high], [y_low, y_high], color=colour, linewidth=0.9, zorder=2)


def _mark(axes: Axes, points: Sequence[Point], shown: Sequence[Look]) -> None:
    """Draw the points, the later over the earlier; one that others would hide is larger, so that its rim is seen.

    The limits of the axes have to be final, but for what they follow from.
    """
    axes.autoscale_view()
    figure = axes.get_figure(root=True)
    assert figure is not None, "axes are made by a figure"
    places = 72 / figure.dpi * axes.transData.transform([point.place for point in points])
    for number, ((x, y), look) in enumerate(zip((point.place for point in points), shown, strict=True)):
        over = sum(math.dist(places[number], other) < MARKER_SIZE / 2 for other in places[number + 1 :])
        size = MARKER_SIZE * (1 + over / 2)
        draw_marker(axes, [x], [y], colour=look.colour, marker=look.marker, size=size, zorder=2.2)


def _describe_training_attacks(points: Sequence[Point]) -> str:
    """Return a sentence for each set of attacks that defenses were trained against; empty if there is none."""
    by_attacks = group(points, lambda point: ", ".join(point.training_attacks))
    return "".join(
        f" Trained against {attacks}: {', '.join(title(point.name) for point in found)}."
        for attacks, found in by_attacks.items()
        if attacks
    )


def _describe_whiskers(points: Sequence[Point]) -> str:
    """Return a clause for each number of seeds that a point can have."""
    counts = sorted({min(len(point.worst.seeds), FEWEST_SEEDS) for point in points})
    if len(counts) == 1:
        return _WHISKERS[counts[0]]
    return "; ".join(f"with {_SEEDS[count]}, {_WHISKERS[count]}" for count in counts)


_WHISKERS = {
    1: "95 % intervals of the samples, seeds not covered",
    2: "the values of both seeds",
    FEWEST_SEEDS: "95 % intervals over seeds and samples",
}
"""Meaning of a whisker by the number of seeds; the last one is for all larger numbers, too."""
_SEEDS = {1: "one seed", 2: "two seeds", FEWEST_SEEDS: "three seeds or more"}


def _describe(block: Sequence[Result], request: FigureRequest, points: Sequence[Point], absent: Sequence[str]) -> str:
    attacks = sorted({label.text for label in column_labels(block).values()})
    text = (
        f" {WORST}: a sample counts only if the model survives"
        f" all of {', '.join(attacks)}; of a defense that is trained once for each attack, the mean over its models"
        " of the attacks that all its seeds have."
        f" Whiskers: {_describe_whiskers(points)}. Dashed: the Pareto front, beyond which"
        " no defense here is better in both; that points lie on it may be chance where whiskers overlap."
    )
    if absent:
        reason = "Left out, because not every model has results of every attack"
        text += f" {reason}: {', '.join(absent)}; {_point_to_table(request)}."
    return text


def _point_to_table(request: FigureRequest) -> str:
    """Return a clause with the table that names the commands for what is missing, in the settings of the rest."""
    return f"{request.table_command('worst')} names the commands that make them"
