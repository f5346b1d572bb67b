"""Figures of bars: clean accuracy and accuracy under each attack, of several defenses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from robench.errors import RobenchError
from robench.escaping import escape_matplotlib
from robench.report.figures.canvas import INK, Drawing, apply_style, legend_of_sheet, sheet
from robench.report.figures.figure_results import FigureResults
from robench.report.figures.marks import mark_unlearned
from robench.report.figures.palette import Look, looks, title
from robench.report.figures.request import FigureRequest
from robench.report.tables.model import CLEAN
from robench.results.cells import Result, group, keep_shared_models
from robench.results.labels import column_labels
from robench.results.seeds import (
    SeedMean,
    average_accuracy_under_attack,
    average_clean_accuracy,
    describe_seeds,
)
from robench.results.store import Store
from robench.study.commands import describe_commands, read_selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Bar(NamedTuple):
    """A mean over seeds, and the mark of a model that learned nothing, if one of its models is such."""

    point: SeedMean
    mark: str


def draw(store: Store, request: FigureRequest) -> Drawing:
    """Draw bars of each defense over clean% and each attack that the results have, with whiskers over seeds.

    Raises:
        RobenchError: a defense or one of its attacks is missing.
    """
    drawn = FigureResults.choose(read_selection(request.selection, store, request.command_options), request)
    block, labels, columns = drawn.results, drawn.labels, drawn.columns
    _check(block, columns, request)
    series = {labels[row].text: _make_bars(found, columns) for row, found in group(block, lambda r: r.row).items()}
    heads = [CLEAN, *(label.text + "%" for label in column_labels([c[0] for c in columns]).values())]
    caption = drawn.make_caption(_describe(block, series))
    with apply_style():
        return _drawing(series, heads, request, caption)


def _check(block: Sequence[Result], columns: Sequence[Sequence[Result]], request: FigureRequest) -> None:
    selection = request.selection
    names = list(selection.defenses) or sorted({r.defense.name for r in block})
    gaps = [
        (name, members[0]) for members in columns for name in names if name not in {r.defense.name for r in members}
    ]
    if gaps:
        absent = ", ".join(f"{name} under {result.info.attack.title}" for name, result in gaps)
        raise RobenchError(
            f"{request.name} lacks {absent}: {describe_commands(gaps, request.command_options)} makes that;"
            " or name fewer with --defense and --attack."
        )


def _make_bars(found: Sequence[Result], columns: Sequence[Sequence[Result]]) -> list[Bar]:
    by_column = [[r for r in found if r.column == members[0].column] for members in columns]
    return [
        Bar(average_clean_accuracy(found), mark_unlearned(keep_shared_models(found))),
        *(Bar(average_accuracy_under_attack(members), mark_unlearned(members)) for members in by_column),
    ]


def _describe(block: Sequence[Result], labels: Iterable[str]) -> str:
    names = [f"{title(label)} is {label}" for label in labels if title(label).lower() != label.lower()]
    text = (
        " clean%: the mean over a defense's models, one per attack where it trains on the attack's texts. Others: the"
        f" attacked samples that stay right; wrong before counts as wrong. {describe_seeds(block)}"
    )
    return text + (f" {', '.join(names)}." if names else "")


def _drawing(series: dict[str, list[Bar]], heads: Sequence[str], request: FigureRequest, caption: str) -> Drawing:
    bars = len(series) * len(heads)
    width = min(max(7.2, 1.2 + bars * (0.21 if len(series) < 9 else 0.15) + len(heads) * 0.25), 22.0)
    figure, axes = sheet(width, 4.2, caption)
    shown = looks(series)
    thickness = 0.84 / len(series)
    names = {label: title(label) + max(bar.mark for bar in found) for label, found in series.items()}
    for index, (label, found) in enumerate(series.items()):
        places = [group + (index - (len(series) - 1) / 2) * thickness for group in range(len(heads))]
        _draw_bars(axes, places, found, shown[label], names[label], thickness)
    axes.set_xticks(range(len(heads)), [escape_matplotlib(head) for head in heads])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(heads) - 0.5)
    axes.set_ylim(0, 112)
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="y")
    axes.set_ylabel("accuracy in %")
    legend_of_sheet(figure, request.heading, columns=8)
    return Drawing(figure, request.file_name(request.task), caption)


def _draw_bars(
    axes: Axes, places: Sequence[float], bars: Sequence[Bar], look: Look, name: str, thickness: float
) -> None:
    heights = [bar.point.percent for bar in bars]
    axes.bar(
        places,
        heights,
        thickness * 0.94,
        color=look.colour,
        hatch=look.hatch,
        edgecolor="white" if look.hatch and look.dark else INK,  # which is the hatch's colour too
        linewidth=0.4,
        label=escape_matplotlib(name),
    )
    spread = [bar.point.percent_sd for bar in bars]
    if any(spread):
        axes.errorbar(places, heights, spread, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.6)
    for place, (point, mark) in zip(places, bars, strict=True):
        axes.annotate(
            f"{point.percent:.1f}{mark}",
            (place, point.percent + point.percent_sd),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=90,
            fontsize=6.5,
            color=INK,
        )
