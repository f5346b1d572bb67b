"""The figures of the TaiChi paper, drawn from what a runs folder holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robench.errors import RobenchError
from robench.plugins.suggestions import explain_unknown
from robench.report.figures.canvas import Drawing, save
from robench.results.selection import Selection
from robench.results.store import Store

__all__ = ["FIGURES", "Drawing", "draw", "save"]


def _plane(store: Store, selection: Selection, device: str) -> Drawing:
    from robench.report.figures import plane

    return plane.draw(store, selection, device=device)


def _ablation(store: Store, selection: Selection, device: str) -> Drawing:
    from robench.report.figures import ablation

    return ablation.draw(store, selection)


def _tradeoff(store: Store, selection: Selection, device: str) -> Drawing:
    from robench.report.figures import tradeoff

    return tradeoff.draw(store, selection)


@dataclass(frozen=True)
class Kind:
    """A figure of the paper.

    Attributes:
        summary: what it shows.
        attacks: the paper's; empty for all that there are.
        defenses: the paper's.
        single: whether it is about one attack.
        sweeps: whether only `robench run --figure` makes all of its cells.
    """

    summary: str
    attacks: tuple[str, ...]
    defenses: tuple[str, ...]
    single: bool
    draw: Callable[[Store, Selection, str], Drawing]
    sweeps: bool = False


FIGURES = {
    "1": Kind(
        summary="representations of clean and adversarial test samples in the plane of the classifier",
        attacks=("pwws",),
        defenses=("base",),
        single=True,
        draw=_plane,
    ),
    "4": Kind(
        summary="what each part of TaiChi is good for",
        attacks=(),
        defenses=("base", "taichi-no-ctr", "clean", "taichi-no-adv", "taichi"),
        single=False,
        draw=_ablation,
    ),
    "5": Kind(
        summary="fusion by KL divergence against the linear average of two networks",
        attacks=("textfooler",),
        defenses=("average", "taichi"),
        single=True,
        draw=_tradeoff,
        sweeps=True,
    ),
}
"""Figures by their number in the paper."""


def draw(
    number: str,
    store: Store,
    *,
    task: str = "sst2",
    attacks: Sequence[str] = (),
    defenses: Sequence[str] = (),
    encoders: Sequence[str] = (),
    presets: Sequence[str] = (),
    seeds: Sequence[int] = (),
    device: str = "auto",
    options: Sequence[str] = (),
) -> Drawing:
    """Draw a figure of the paper; :func:`save` writes it.

    Results that cannot be compared never meet in one figure: of several settings the one with most results is drawn,
    and the caption counts the others.

    Args:
        number: 1, 4 or 5.
        store: the runs folder.
        task: name of the task.
        attacks: names; none takes the paper's for this figure, or for figure 4 all that there are.
        defenses: names, in the order in which they are shown; none takes the paper's for this figure.
        encoders: only these; none takes all.
        presets: likewise.
        seeds: likewise.
        device: where the model of figure 1 runs.
        options: what to add to the commands in errors, such as ``["--runs", "elsewhere"]``.

    Raises:
        RobenchError: there is no such figure, or results that it needs are missing; the error says what makes them.
    """
    if number not in FIGURES:
        raise RobenchError(explain_unknown("figure", number, list(FIGURES), "`robench figure all` draws each"))
    kind = FIGURES[number]
    if kind.single and len(attacks) > 1:
        raise RobenchError(f"figure {number} is about one attack, not {', '.join(attacks)}; draw it for each.")
    selection = Selection(
        task=task,
        attacks=tuple(attacks) or kind.attacks,
        defenses=tuple(defenses) or kind.defenses,
        encoders=encoders,
        presets=presets,
        seeds=seeds,
        # A run for figure 5 averages at every weight.
        options=[*options, "--figure", number] if kind.sweeps else options,
    )
    return kind.draw(store, selection, device)
