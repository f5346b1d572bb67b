"""What all figures share: size, type, a footer, and files that are the same byte for byte each time."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.errors import RobenchError
from robench.escaping import escape_line, escape_matplotlib, hide_folders
from robench.paths import absolute_path, atomic_write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")
INK = "#222222"
_FOOTER_SIZE = 7.0
_FOOTER = "footer"
"""The id of the caption among a figure's texts."""
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that text is as wide on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "robench",
    "savefig.dpi": 200,
}


@dataclass(frozen=True)
class Drawing:
    """A figure, ready to be saved.

    Attributes:
        name: of its files, without suffix.
        caption: what it shows, of what, and what in it is exact.
    """

    figure: Figure
    name: str
    caption: str


@contextmanager
def apply_style() -> Iterator[None]:
    """Draw inside the block: the style of robench, whatever the user's own matplotlibrc says."""
    from matplotlib import style

    with style.context(_STYLE, after_reset=True):
        yield


def sheet(width: float, height: float, caption: str) -> tuple[Figure, Axes]:
    """Make an empty figure of that size in inches, with its caption below in small type, and its axes."""
    figure = blank_sheet(width, height, caption)
    return figure, figure.subplots()


def blank_sheet(width: float, height: float, caption: str) -> Figure:
    """Make such a figure without axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = textwrap.wrap(hide_folders(caption), int(width * 19.5), break_on_hyphens=False)
    below = (len(lines) * _FOOTER_SIZE * 1.35 + 8) / 72
    figure = Figure(figsize=(width, height + below), layout="constrained")
    FigureCanvasAgg(figure)
    engine: Any = figure.get_layout_engine()
    share = below / (height + below)
    engine.set(rect=(0, share, 1, 1 - share))
    figure.text(
        0.06 / width,
        4 / 72 / (height + below),
        escape_matplotlib("\n".join(lines)),
        fontsize=_FOOTER_SIZE,
        color=INK,
        va="bottom",
        linespacing=1.3,
        gid=_FOOTER,
    )
    return figure


def draw_marker(
    axes: Axes, xs: Sequence[float], ys: Sequence[float], *, colour: str, marker: str, size: float, **options: Any
) -> None:
    """Draw points of one size with a dark rim, which parts them from what they lie on.

    Args:
        axes: where to draw.
        xs: their places.
        ys: likewise.
        colour: of all.
        marker: likewise.
        size: of a point, in points.
        options: of ``axes.plot``.
    """
    axes.plot(xs, ys, color=colour, marker=marker, markersize=size, markeredgecolor=INK, markeredgewidth=0.5, **options)


def legend_of_sheet(figure: Figure, heading: str, *, columns: int, handlelength: float = 1.6) -> None:
    """Put a legend with a heading above all panels, in as many columns as the sheet has room for.

    Args:
        figure: the sheet; what several panels draw under one label is there once.
        heading: of the figure.
        columns: most columns.
        handlelength: length of what stands before a label, in sizes of its font.
    """
    legends = [axes.get_legend_handles_labels() for axes in figure.axes]
    handles = {label: handle for legend in legends for handle, label in zip(*legend, strict=True)}
    for count in range(min(columns, max(len(handles), 1)), 0, -1):
        legend = figure.legend(
            list(handles.values()),
            list(handles),
            title=escape_matplotlib(heading),
            title_fontsize=11,
            alignment="left",
            loc="outside upper left",
            ncols=count,
            handlelength=handlelength,
        )
        if count == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def save(drawing: Drawing, out: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a drawing to ``out/NAME.png`` and ``.svg``; the text of the latter stays text.

    Raises:
        RobenchError: an unknown format, or the folder cannot be written.
    """
    for format in formats:
        if format not in FORMATS:
            raise RobenchError(f"unknown format {format!r} of a figure: there are {', '.join(FORMATS)}.")
    out = absolute_path(out)
    written = []
    for format in formats:
        path = out / f"{drawing.name}.{format}"
        atomic_write_bytes(path, _draw(drawing, format))
        written.append(path)
    return written


def draw_svg(drawing: Drawing) -> str:
    """Return a drawing as SVG without background and caption, which belong to the page around it."""
    for text in drawing.figure.texts:
        text.set_visible(text.get_gid() != _FOOTER)
    engine: Any = drawing.figure.get_layout_engine()
    engine.set(rect=(0, 0, 1, 1))
    return _draw(drawing, "svg", transparent=True).decode()


def _draw(drawing: Drawing, format: str, **options: Any) -> bytes:
    about = {"Title": escape_line(drawing.name), "Description": escape_line(hide_folders(drawing.caption))}
    # Leave out what differs from day to day, or from one matplotlib to the next.
    about |= {"Date": None} if format == "svg" else {"Software": None}  # type: ignore[dict-item]
    content = io.BytesIO()
    with apply_style():
        drawing.figure.savefig(content, format=format, metadata=about, **options)
    return content.getvalue()
