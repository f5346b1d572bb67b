"""Figure 5: fusion by KL divergence, which is TaiChi, against the linear average of CLEAN and ADVERSARIAL."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.escaping import escape_matplotlib
from robench.report.figures.canvas import INK, Drawing, legend_above, sheet, styled
from robench.report.figures.labelling import Line, place_texts
from robench.report.figures.palette import Look, looks, title
from robench.results.cells import Result, group
from robench.results.seeds import Point, attacked_point, clean_point, seeds_text
from robench.results.selection import Selection, largest_block, prefer_unchanged
from robench.results.store import Store
from robench.study.commands import missing_commands, read_selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AVERAGE = "average"
"""Name of the defense whose field ``weight`` is lambda: 1 is CLEAN alone, 0 ADVERSARIAL alone."""

Place = tuple[Point, Point]
"""Clean accuracy and accuracy under attack."""


def draw(store: Store, selection: Selection) -> Drawing:
    """The path of the average over lambda, and every other defense that is selection as a point; whiskers over seeds.

    Raises:
        RobenchError: there are fewer than two averages, or a defense is missing.
    """
    block, others = largest_block(read_selection(selection, store))
    block = _of_one_attack(block)
    fused = [r for r in block if r.defense.name == AVERAGE]
    rest = prefer_unchanged([r for r in block if r.defense.name != AVERAGE])
    by_weight = group(sorted(fused, key=_weight), lambda r: f"{_weight(r):g}")
    names = [name for name in selection.defenses if name != AVERAGE]
    gaps = [(name, block[0]) for name in names if not any(r.defense.name == name for r in rest)]
    if gaps:
        absent = ", ".join(name for name, _ in gaps)
        raise RobenchError(
            f"figure 5 on {selection.task} lacks {absent}: {missing_commands(gaps, selection.options)} makes that."
        )
    if len(by_weight) < 2:
        found = ", ".join(by_weight) or "none"
        raise RobenchError(
            f"figure 5 on {selection.task} needs the average of two networks for two or more weights, and has {found}:"
            f" {missing_commands([(AVERAGE, block[0])], selection.options)} makes them."
        )
    path = {weight: (clean_point(found), attacked_point(found)) for weight, found in by_weight.items()}
    points = {
        name: (clean_point(found), attacked_point(found))
        for name, found in group(rest, lambda r: str(r.defense.name)).items()
    }
    ordered = {name: points[name] for name in names if name in points}
    with styled():
        return _drawn(path, ordered, block[0], _caption(block, selection.task, others))


def _weight(result: Result) -> float:
    try:
        return float(result.defense.fields["weight"])
    except (KeyError, TypeError, ValueError):
        raise RobenchError(
            f"the cell {result.info.label} averages networks but has no field weight; delete its folder and run again."
        ) from None


def _of_one_attack(block: Sequence[Result]) -> list[Result]:
    """The variant of the attack that most results are of."""
    return max(group(block, lambda r: r.column).values(), key=lambda members: (len(members), members[0].column))


def _caption(block: Sequence[Result], task: str, others: int) -> str:
    info = block[0].info
    text = (
        f"{task}, encoder {info.encoder.name}, {info.train_rows:,} training rows, {info.clean.n:,} clean"
        f" and {block[0].attacked_n:,} attacked test samples. The line joins the models whose parameters are"
        " λ·CLEAN + (1 - λ)·ADVERSARIAL; between its points nothing was measured. Up and right is better."
        f" {seeds_text(block)}"
    )
    left = f" Other settings of this task in the runs folder, not shown: {others}." if others else ""
    return text + left


def _drawn(path: dict[str, Place], points: dict[str, Place], example: Result, caption: str) -> Drawing:
    task, attack = example.info.task, example.info.attack
    figure, axes = sheet(6.2, 4.6, caption)
    shown = looks([AVERAGE, *points])
    xs, ys = [p.mean for p, _ in path.values()], [p.mean for _, p in path.values()]
    axes.plot(xs, ys, color=shown[AVERAGE].colour, linewidth=1.4, zorder=2)
    for index, place in enumerate(path.values()):
        _mark(axes, place, shown[AVERAGE], "linear average" if index == 0 else None, size=5)
    for name, place in points.items():
        _mark(axes, place, shown[name], title(name), size=11 if name == "taichi" else 8)
    axes.set_xlabel("clean%")
    axes.set_ylabel(f"{attack.title}%")
    axes.grid()
    axes.margins(0.13)
    figure.suptitle(f"Two ways to fuse two networks: {task} under {attack.title}", x=0.01, ha="left", fontsize=11)
    legend_above(axes, columns=3)
    texts = [(_text(w), (x, y)) for w, x, y in zip(path, xs, ys, strict=True)]
    # The longest go first, while there is room.
    place_texts(axes, sorted(texts, key=lambda text: -len(text[0])), _obstacles(path, points))
    return Drawing(figure, f"figure5-{task}-{attack.name}", caption)


def _text(weight: str) -> str:
    ends = {"0": "λ = 0: ADVERSARIAL", "1": "λ = 1: CLEAN"}
    return ends.get(weight, f"λ = {weight}")


def _obstacles(path: dict[str, Place], points: dict[str, Place]) -> list[Line]:
    """What a text should not cover: the line and the whiskers; a point is a line of no length."""
    means = [(clean.mean, attacked.mean) for clean, attacked in path.values()]
    lines = list(pairwise(means))
    for clean, attacked in (*path.values(), *points.values()):
        x, y = clean.mean, attacked.mean
        lines += [((x - clean.sd, y), (x + clean.sd, y)), ((x, y - attacked.sd), (x, y + attacked.sd))]
    return lines


def _mark(axes: Axes, place: Place, look: Look, label: str | None, *, size: float) -> None:
    clean, attacked = place
    order = 4 if size > 5 else 3
    axes.errorbar(
        [clean.mean],
        [attacked.mean],
        xerr=[clean.sd] if clean.sd else None,
        yerr=[attacked.sd] if attacked.sd else None,
        color=look.colour,
        linestyle="none",
        elinewidth=0.8,
        capsize=1.6,
        zorder=order,
    )
    axes.plot(
        [clean.mean],
        [attacked.mean],
        color=look.colour,
        marker="*" if size > 10 else look.marker,
        markersize=size,
        markeredgecolor=INK,
        markeredgewidth=0.5,
        linestyle="none",
        label=None if label is None else escape_matplotlib(label),
        zorder=order,
    )
