"""Figures of a trade-off: clean accuracy against accuracy under attack, along a swept field and of other defenses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from robench.errors import RobenchError
from robench.escaping import escape_matplotlib, list_values
from robench.report.figures.canvas import Drawing, apply_style, draw_marker, legend_of_sheet, sheet
from robench.report.figures.figure_results import FigureResults
from robench.report.figures.labelling import Line, place_texts
from robench.report.figures.marks import mark_unlearned
from robench.report.figures.palette import Look, looks, title
from robench.report.figures.request import FigureRequest
from robench.report.tables.model import CLEAN
from robench.results.cells import Result, group, identity_text
from robench.results.intervals import wilson
from robench.results.labels import row_labels
from robench.results.paper_contents import Sweep
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


class Place(NamedTuple):
    """Clean accuracy, accuracy under attack, and the mark of a model that learned nothing."""

    clean: SeedMean
    attacked: SeedMean
    mark: str

    @classmethod
    def of(cls, results: Sequence[Result]) -> Place:
        """Return the place of the models of some cells."""
        return cls(average_clean_accuracy(results), average_accuracy_under_attack(results), mark_unlearned(results))


def draw(store: Store, request: FigureRequest) -> Drawing:
    """Draw the path of the swept defense, and each other defense as a point, with whiskers over seeds.

    Raises:
        RobenchError: there are results of fewer than two values of the sweep, or a defense is missing.
    """
    selection, sweep = request.selection, request.figure.sweep
    assert sweep is not None, "the reader of papers checks that"
    chosen = replace(selection, swept=(sweep.defense, sweep.field))
    drawn = FigureResults.choose(read_selection(chosen, store, request.command_options), request, every_form=True)
    block = _of_one_attack(drawn.results)
    swept = [r for r in block if r.defense.name == sweep.defense]
    swept = _of_one_variant(swept, request, sweep.field)
    others_by_name = group((r for r in block if r.defense.name != sweep.defense), lambda r: r.defense.name)
    rest = [r for found in others_by_name.values() for r in _of_one_variant(found, request)]
    by_value = group(sorted(swept, key=lambda r: _value(r, sweep)), lambda r: f"{_value(r, sweep):g}")
    names = [name for name in selection.defenses if name != sweep.defense]
    gaps = [(name, block[0]) for name in names if not any(r.defense.name == name for r in rest)]
    if gaps:
        absent = ", ".join(name for name, _ in gaps)
        raise RobenchError(f"{request.name} lacks {absent}: {_commands(gaps, request)} makes that.")
    if len(by_value) < 2:
        there = list_values(by_value) or "none"
        raise RobenchError(
            f"{request.name} needs results of {sweep.defense} for two or more values of {sweep.field}, and has {there}:"
            f" {_commands([(sweep.defense, block[0])], request)} makes them."
        )
    path = {value: Place.of(found) for value, found in by_value.items()}
    points = {name: Place.of(found) for name, found in group(rest, lambda r: str(r.defense.name)).items()}
    ordered = {name: points[name] for name in names if name in points}
    caption = drawn.make_caption(_describe([*swept, *rest], request, sweep), [*swept, *rest])
    with apply_style():
        return _drawing(path, ordered, block[0], request, sweep, caption)


def _value(result: Result, sweep: Sweep) -> float:
    try:
        return float(result.defense.fields[sweep.field])
    except (KeyError, TypeError, ValueError):
        raise RobenchError(
            f"the cell {result.info.label} is of {sweep.defense} but has no field {sweep.field}; delete its folder"
            " and run again."
        ) from None


def _of_one_attack(block: Sequence[Result]) -> list[Result]:
    """Return the results of the attack's variant that most results are of."""
    return max(group(block, lambda r: r.column).values(), key=lambda members: (len(members), members[0].column))


def _of_one_variant(results: Sequence[Result], request: FigureRequest, swept: str = "") -> list[Result]:
    """Return the results of a defense's variant: if there are several, of that in which only the swept field changes.

    Raises:
        RobenchError: that leaves several variants, whose numbers would be averaged as if they were seeds.
    """

    def variant(result: Result) -> str:
        fields = {name: value for name, value in result.defense.fields.items() if name != swept}
        return identity_text([result.defense.class_, fields, result.defense.code, result.defense.training_changes])

    kept = list(results)
    plain = [r for r in kept if not r.defense.changed.keys() - {swept}]
    variants = group(kept, variant)
    if len(variants) > 1 and plain:
        kept, variants = plain, group(plain, variant)
    if len(variants) < 2:
        # One variant can still have two rows of one place, such as two averages of different networks.
        places = group(kept, lambda r: identity_text([r.seed, r.defense.fields.get(swept)])).values()
        variants = max((group(found, lambda r: r.row) for found in places), key=len, default=variants)
    if len(variants) < 2:
        return kept
    # Of each variant the same point, so that the labels differ in the variant alone.
    names = row_labels([min(found, key=lambda r: str(r.defense.fields.get(swept))) for found in variants.values()])
    gap = (kept[0].defense.name, kept[0])
    advice = (
        "name a --preset that has only one of them" if plain else f"{_commands([gap], request)} makes the plain one"
    )
    raise RobenchError(
        f"{request.name} shows one variant of {kept[0].defense.name}, and the runs folder has"
        f" {' and '.join(sorted(name.text for name in names.values()))}: {advice}."
    )


def _commands(gaps: Sequence[tuple[str, Result]], request: FigureRequest) -> str:
    return describe_commands(gaps, request.command_options)


def _describe(block: Sequence[Result], request: FigureRequest, sweep: Sweep) -> str:
    text = f" The line joins {sweep.caption}; between its points nothing was measured. Up and right is better."
    notes = "".join(f" {note}." for note in request.figure.notes)
    return f"{text} {describe_seeds(block)}{_describe_samples(block)}{notes}"


def _describe_samples(block: Sequence[Result]) -> str:
    """Return a sentence on how far other samples could move a point, which whiskers over seeds do not show."""
    clean = [_half_width(r.clean_accuracy, r.info.clean.n) for r in block]
    attacked = [
        _half_width(r.accuracy_under_attack, r.attacked_n - r.outcome.errors)
        for r in block
        if r.accuracy_under_attack is not None
    ]
    widths = f"{max(clean):.1f} points to the side and {max(attacked):.1f} up and down"
    return f" The samples alone leave a model's place uncertain by up to {widths}, at 95 %."


def _half_width(share: Fraction, n: int) -> float:
    low, high = wilson(float(share * n), n)
    return 50 * (high - low)


def _drawing(
    path: dict[str, Place],
    points: dict[str, Place],
    example: Result,
    request: FigureRequest,
    sweep: Sweep,
    caption: str,
) -> Drawing:
    task, attack = example.info.task, example.info.attack
    figure, axes = sheet(6.2, 4.6, caption)
    shown = looks([sweep.defense, *points])
    xs, ys = [p.clean.percent for p in path.values()], [p.attacked.percent for p in path.values()]
    axes.plot(xs, ys, color=shown[sweep.defense].colour, linewidth=1.4, zorder=2)
    for index, place in enumerate(path.values()):
        _mark(axes, place, shown[sweep.defense], sweep.title if index == 0 else None, size=5)
    for name, place in points.items():
        _mark(axes, place, shown[name], title(name) + place.mark, size=11 if name == request.paper.compared else 8)
    axes.set_xlabel(CLEAN)
    axes.set_ylabel(escape_matplotlib(f"{attack.title}%"))
    axes.grid()
    axes.margins(0.13)
    legend_of_sheet(figure, f"{request.heading} under {attack.title}", columns=3)
    texts = [
        (_text(value, sweep) + place.mark, (x, y)) for (value, place), x, y in zip(path.items(), xs, ys, strict=True)
    ]
    # The longest go first, while there is room.
    place_texts(axes, sorted(texts, key=lambda text: -len(text[0])), _obstacles(path, points))
    return Drawing(figure, request.file_name(task, attack.name), caption)


def _text(value: str, sweep: Sweep) -> str:
    text = f"{sweep.symbol} = {value}"
    return f"{text}: {sweep.ends[value]}" if value in sweep.ends else text


def _obstacles(path: dict[str, Place], points: dict[str, Place]) -> list[Line]:
    """Return what a text should not cover: the line and the whiskers; a point is a line of no length."""
    means = [(clean.percent, attacked.percent) for clean, attacked, _ in path.values()]
    lines = list(pairwise(means))
    for clean, attacked, _ in (*path.values(), *points.values()):
        x, y, x_sd, y_sd = clean.percent, attacked.percent, clean.percent_sd, attacked.percent_sd
        lines += [((x - x_sd, y), (x + x_sd, y)), ((x, y - y_sd), (x, y + y_sd))]
    return lines


def _mark(axes: Axes, place: Place, look: Look, label: str | None, *, size: float) -> None:
    clean, attacked, _ = place
    order = 4 if size > 5 else 3
    axes.errorbar(
        [clean.percent],
        [attacked.percent],
        xerr=[clean.percent_sd] if clean.percent_sd else None,
        yerr=[attacked.percent_sd] if attacked.percent_sd else None,
        color=look.colour,
        linestyle="none",
        elinewidth=0.8,
        capsize=1.6,
        zorder=order,
    )
    draw_marker(
        axes,
        [clean.percent],
        [attacked.percent],
        colour=look.colour,
        marker="*" if size > 10 else look.marker,
        size=size,
        linestyle="none",
        label=None if label is None else escape_matplotlib(label),
        zorder=order,
    )
