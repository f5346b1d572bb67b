"""What a page of the site is made of beside the parts of other pages; ``templates/site/`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from robench.report.pages.parts import Part, Section

FEW_ROWS, MANY_ROWS = 5, 12
"""Rows up to which a table has no search, with filters and without."""


@dataclass(frozen=True)
class Head:
    """A column of a table that readers sort.

    Attributes:
        name: its heading.
        meaning: what it is, shown when a reader points at it; empty if the heading says enough.
        is_text: whether its cells are texts, which are set flush left.
        wide: whether its texts may take several lines.
        by: whether its numbers rank the rows.
        aside: a few words below the heading.
    """

    name: str
    meaning: str = ""
    is_text: bool = False
    wide: bool = False
    by: bool = False
    aside: str = ""


@dataclass(frozen=True)
class Item:
    """A cell of a table that readers sort.

    Attributes:
        text: what it shows.
        order: what it is sorted by, a number or a text; the text itself if it is None.
        aside: a few words behind it, such as an interval.
        href: the page that it leads to, from the root of the site; empty for none.
        best: whether it cannot be told from the best of its column.
        title: what is shown when a reader points at it.
    """

    text: str
    order: float | str | None = None
    aside: str = ""
    href: str = ""
    best: bool = False
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table that readers sort.

    Attributes:
        items: its cells, one for each column.
        facets: the value of each filter of the table.
        name: its anchor; empty for none.
        unranked: whether it has no rank, which sets it apart from those that have.
    """

    items: Sequence[Item]
    facets: Sequence[str] = ()
    name: str = ""
    unranked: bool = False


@dataclass(frozen=True)
class SortableTable(Part):
    """A table that readers sort, search and filter; without a script it is a table all the same.

    Attributes:
        name: its anchor, one of its own on its page.
        caption: what it shows.
        heads: its columns.
        lines: its rows.
        header: place of the column whose cells name their rows.
        filters: names of the facets that a reader may choose a value of.
        below: how to read it, line by line.
        label: what it is, in a few words that no other table of its page has; the caption if it is empty.
    """

    kind = "sortable"
    name: str
    caption: str
    heads: Sequence[Head]
    lines: Sequence[Line]
    header: int = 0
    filters: Sequence[str] = ()
    below: Sequence[str] = ()
    label: str = ""

    @property
    def has_tools(self) -> bool:
        """Return whether it has so many rows that a reader wants to search them."""
        return len(self.lines) > (FEW_ROWS if self.filters else MANY_ROWS)

    @property
    def choices(self) -> list[tuple[str, list[str]]]:
        """Return each filter with the values that a reader can choose."""
        values = [sorted({line.facets[i] for line in self.lines}) for i in range(len(self.filters))]
        return [(name, found) for name, found in zip(self.filters, values, strict=True)]


class Tick(NamedTuple):
    """A mark on an axis."""

    place: float
    text: str


@dataclass(frozen=True)
class LegendEntry:
    """How a curve or a point of a drawing looks, beside its name."""

    name: str
    hue: str
    pattern: str


@dataclass(frozen=True)
class SitePlot(Part):
    """A drawing as SVG, with a legend in HTML and a caption.

    Attributes:
        drawer: which macro of ``drawn.html`` draws it, ``tradeoff`` or ``curves``.
        name: its anchor, one of its own on its page.
        title: what it shows, for those who do not see it.
        caption: how to read it.
        shapes: what is drawn, as the template takes it.
        legend: names of what is drawn.
    """

    kind = "drawn"
    drawer: str
    name: str
    title: str
    caption: str
    shapes: object
    legend: Sequence[LegendEntry] = ()


@dataclass(frozen=True)
class SitePage:
    """A page of the site.

    Attributes:
        path: where it stands, from the root of the site.
        kicker: what kind of page it is.
        title: its heading.
        lead: sentences below it, which may have links.
        facts: what it is about, in short.
        front: parts beside the lead on the first screen.
        sections: all that follows.
        area: which link of the navigation it belongs to.
        warnings: what makes its numbers misleading.
        badges: a few words each that set it apart.
        template: which template writes it.
    """

    path: str
    kicker: str
    title: str
    lead: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    front: Sequence[Part] = ()
    sections: Sequence[Section] = ()
    area: str = ""
    warnings: Sequence[str] = ()
    badges: Sequence[str] = ()
    template: str = "site/page.html"

    @property
    def root(self) -> str:
        """Return the way from the page to the root of the site."""
        return "../" * self.path.count("/")
