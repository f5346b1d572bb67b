"""Figure ``budget``: accuracy against the queries that an attacker spends, and against the words that it changes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from robench.escaping import escape_matplotlib
from robench.report.figures.canvas import Drawing, apply_style, blank_sheet, legend_of_sheet
from robench.report.figures.figure_results import FigureResults
from robench.report.figures.marks import mark_unlearned
from robench.report.figures.palette import Look, looks, title
from robench.report.figures.request import FigureRequest
from robench.results.cells import Result, group
from robench.results.columns import ERROR, SKIPPED, SUCCEEDED, RecordColumns
from robench.results.labels import column_labels
from robench.results.sample_reader import SampleReader
from robench.results.seeds import describe_seeds
from robench.results.store import Store
from robench.study.commands import read_selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ATTACKS = 6
"""Attacks of one figure; it has a row of panels for each."""
LINE_WIDTH = 1.5
"""Width of a curve, in points."""


class Curve(NamedTuple):
    """A falling curve of steps: from each price on, the accuracy in percent."""

    prices: list[float]
    accuracies: list[float]


def draw(store: Store, request: FigureRequest) -> Drawing:
    """Draw two panels for each attack, with a curve for each defense in both.

    Raises:
        RobenchError: there are no results.
    """
    drawn = FigureResults.choose(read_selection(request.selection, store, request.command_options), request)
    block, labels, attacks = drawn.results, drawn.labels, column_labels(drawn.results)
    by_attack, left = drawn.columns[:MOST_ATTACKS], drawn.columns[MOST_ATTACKS:]
    reader = SampleReader.of(block, request.reader)
    caption = drawn.make_caption(_describe(block, request, [attacks[found[0].column].text for found in left]))
    with apply_style():
        figure = blank_sheet(8.2, 0.7 + 2.5 * len(by_attack), caption)
        grid = figure.subplots(len(by_attack), 2, sharey=True, squeeze=False)
        rows = group(block, lambda r: r.row)
        shown = looks(labels[row].text for row in rows)
        titles = {row: title(labels[row].text) + mark_unlearned(found) for row, found in rows.items()}
        for (left_axes, right_axes), found in zip(grid, by_attack, strict=True):
            for row, results in group(found, lambda r: r.row).items():
                records = [reader.columns(r.folder) for r in results]
                for axes, curve in ((left_axes, queries_curve(records)), (right_axes, changes_curve(records))):
                    if curve is not None:
                        _plot(axes, curve, shown[labels[row].text], escape_matplotlib(titles[row]))
            _label(left_axes, right_axes, attacks[found[0].column].text)
        legend_of_sheet(figure, request.heading, columns=6, handlelength=3.2)
    return Drawing(figure, request.file_name(request.task), caption)


def queries_curve(records: Sequence[RecordColumns]) -> Curve | None:
    """Return the accuracy from each number of queries on: a text whose search took q queries is right before q.

    Args:
        records: of one defense and attack, for each seed; accuracies are averaged over seeds.

    Returns:
        The curve; None if there is no record, or all attacks ended in an error.
    """
    return _make_curve([[(float(q), s) for q, s in zip(one.queries, one.status, strict=True)] for one in records])


def changes_curve(records: Sequence[RecordColumns]) -> Curve | None:
    """Return the accuracy from each share of changed words on, in percent; likewise."""
    return _make_curve(
        [
            [(100 * c / max(w, 1), s) for c, w, s in zip(one.words_changed, one.words, one.status, strict=True)]
            for one in records
        ]
    )


def _make_curve(seeds: Sequence[Sequence[tuple[float, str]]]) -> Curve | None:
    """Return the mean curve of several seeds, of pairs of a price and a status; None if nothing is known."""
    start, falls, counted = 0.0, dict[float, float](), 0
    for pairs in seeds:
        known = sum(status != ERROR for _, status in pairs)
        if not known:
            continue
        counted += 1
        start += 100 * sum(status not in (ERROR, SKIPPED) for _, status in pairs) / known
        for price, status in pairs:
            if status == SUCCEEDED:
                falls[price] = falls.get(price, 0.0) + 100 / known
    if not counted:
        return None
    prices = sorted(falls)
    accuracies = accumulate((-falls[price] / counted for price in prices), initial=start / counted)
    return Curve([0.0, *prices], list(accuracies))


def _plot(axes: Axes, curve: Curve, look: Look, label: str) -> None:
    lengths = [length / LINE_WIDTH for length in look.dashes]
    dashes: Any = (0, lengths) if lengths else "-"
    place = curve.prices, curve.accuracies
    axes.step(*place, where="post", color=look.colour, linewidth=LINE_WIDTH, linestyle=dashes, label=label)


def _label(left: Axes, right: Axes, attack: str) -> None:
    left.set_xscale("symlog", linthresh=10)
    left.xaxis.set_major_formatter("{x:,.0f}")
    left.set_xlabel("queries spent")
    right.set_xlabel("words changed in %, as found, not minimal")
    left.set_ylabel(escape_matplotlib(f"{attack}:\naccuracy in %"))
    left.set_ylim(0, 100)
    for axes in (left, right):
        axes.set_xlim(left=0)
        axes.grid()
        end = axes.get_xlim()[1]
        for line in axes.get_lines():  # nothing falls any more beyond its last step
            xs, ys = line.get_xdata(), line.get_ydata()
            line.set_data([*xs, end], [*ys, ys[-1]])  # type: ignore[misc, index]
        axes.set_xlim(0, end)


def _describe(block: Sequence[Result], request: FigureRequest, left: Sequence[str]) -> str:
    number = request.paper.first_accuracy_table.number
    table = f" of table {number}" if number else ""
    text = (
        " An attacked sample that fell after a search of q queries is right before q; an attack that may ask only so"
        " often would turn more. A sample's share of changed words is that of the text that the attack found, for"
        " which it did not look for the smallest change; inserted words are not counted. At its right end a curve is"
        f" the accuracy under attack{table}, of a random model that of the attack's own draws."
        f" {describe_seeds(block, 'Means')}"
        f" {request.table_command('budget')} has the intervals of some points."
    )
    return text + (f" Not shown: {', '.join(left)}." if left else "")
