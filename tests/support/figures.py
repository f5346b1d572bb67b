"""Runs folders made by hand for the figures, and whether a drawing can be read."""

from __future__ import annotations

import itertools
from typing import Any

from matplotlib.text import Text
from matplotlib.transforms import Bbox

from robench.report.figures.canvas import Drawing
from robench.results.store import Store
from support.hand_made import add_cell

ABLATION = {"base": 40, "taichi-no-ctr": 80, "clean": 60, "taichi-no-adv": 100, "taichi": 110}


ATTACKS = ("deepwordbug", "pwws", "textfooler", "textbugger")


WEIGHTS = [k / 10 for k in range(11)]


def fill_ablation(store: Store, seeds: tuple[int, ...] = (42,), defenses: Any = ABLATION) -> None:
    for (shift, seed), (row, defense), attack in itertools.product(enumerate(seeds), enumerate(defenses), ATTACKS):
        add_cell(store, defense, attack, 40 + row * 8 + shift * 6, clean=(450 - row, 500), task="sst2", seed=seed)


def fill_fusion(store: Store, seeds: tuple[int, ...] = (42,), weights: Any = WEIGHTS) -> None:
    for shift, seed in enumerate(seeds):
        add_cell(store, "taichi", "textfooler", 50 + 4 * shift, clean=(455, 500), task="sst2", seed=seed)
        for weight in weights:
            made = {"failed": round(40 - 14 * weight) + shift, "clean": (440 + round(20 * weight**0.5), 500)}
            add_cell(store, "average", "textfooler", task="sst2", seed=seed, changed={"weight": weight}, **made)


def shown(drawing: Drawing) -> list[Text]:
    """All that can be read; ticks beyond the limits of their axis exist, but are not drawn."""
    drawing.figure.draw_without_rendering()
    beyond = set()
    for axes in drawing.figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    found = (text for text in drawing.figure.findobj(Text) if text.get_visible() and text.get_text().strip())
    return [text for text in found if text not in beyond]


def texts(drawing: Drawing) -> list[str]:
    return [text.get_text() for text in shown(drawing)]


def assert_readable(drawing: Drawing) -> None:
    """No text covers another one or leaves the sheet."""
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in shown(drawing)]
    sheet = drawing.figure.bbox.padded(0.5)
    assert [text for text, box in boxes if not (sheet.contains(*box.min) and sheet.contains(*box.max))] == []
    covered = []
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        common = Bbox.intersection(first, second)
        if common is not None and common.width > 0.5 and common.height > 0.5:
            covered.append((one, other))
    assert covered == []
