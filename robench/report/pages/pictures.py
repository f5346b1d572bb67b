"""Figures inside of a page: SVG that follows the page's colours, and that says what it shows."""

from __future__ import annotations

import re

from markupsafe import Markup

from robench.escaping import escape_line, hide_folders, slug
from robench.report.figures.canvas import INK, Drawing, draw_svg
from robench.report.figures.palette import HUES
from robench.report.pages.parts import Picture

_ID = re.compile(r'(\bid="|url\(#|href="#)')
_OURS = re.compile(r"<metadata>.*?</metadata>|<title>.*?</title>|<style.*?</style>|<desc>.*?</desc>", re.DOTALL)
"""Parts that would speak for the whole page, not for the picture."""
_SIZE = re.compile(r' (width|height)="[^"]*"')
_COLOURS = {
    INK: "var(--ink)",
    "#000000": "var(--ink)",
    "#dddddd": "var(--line)",
    HUES["grey"]: "var(--hue-grey)",
    HUES["blue"]: "var(--hue-blue)",
}
"""Colours that would not show on a dark page, and the page's own for them."""


def make_picture(drawing: Drawing) -> Picture:
    """Put a drawing into a page: its caption becomes text of the page, and its background is the page's."""
    svg = draw_svg(drawing)
    # The name has that of the task, which may be a stranger's.
    svg = _ID.sub(rf"\g<1>{slug(drawing.name)}-", _OURS.sub("", svg[svg.index("<svg") :]))
    for colour, ours in _COLOURS.items():
        svg = re.sub(re.escape(colour), ours, svg, flags=re.IGNORECASE)
    end = svg.index(">") + 1
    label = Markup('<svg role="img" aria-label="{}"').format(escape_line(hide_folders(_find_title(drawing))))
    # Matplotlib has escaped the texts of others.
    svg = _SIZE.sub("", svg[:end]).removeprefix("<svg") + svg[end:].strip()
    return Picture(label + Markup(svg), drawing.caption)


def _find_title(drawing: Drawing) -> str:
    """Return the heading of a figure, which is that of its legend if all panels share one."""
    figure = drawing.figure
    headings = [figure.get_suptitle(), *(legend.get_title().get_text() for legend in figure.legends)]
    return next(filter(None, headings), drawing.name).replace(r"\$", "$")
