"""What a page is made of, as data: sections, and parts in them; ``leaderboards/templates/parts.html`` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

from robench.report.tables.model import Table
from robench.results.changes import Span


class Part:
    """A part of a section; ``kind`` is the name of the macro that writes it."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Paragraph(Part):
    """A paragraph.

    Attributes:
        text: its text.
        quiet: whether it is an aside.
    """

    kind = "paragraph"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class TablePart(Part):
    """A table of :mod:`robench.report.tables`, with its legend, notes and commands."""

    kind = "table"
    table: Table


@dataclass(frozen=True)
class Picture(Part):
    """A picture.

    Attributes:
        svg: an element ``svg`` that describes itself.
        caption: what it shows.
    """

    kind = "picture"
    svg: Markup
    caption: str


@dataclass(frozen=True)
class Bar:
    """A share with its interval.

    Attributes:
        label: whose share it is.
        value: 0 to 1; None if it is not known.
        text: the value and its interval in words.
        low: lower bound of the interval; None without one.
        high: upper bound.
        tone: ``clean``, ``attack`` or ``worst``, which decides its colour.
        note: a few words about it.
    """

    label: str
    value: float | None
    text: str
    low: float | None = None
    high: float | None = None
    tone: str = "attack"
    note: str = ""


@dataclass(frozen=True)
class Bars(Part):
    """Shares as bars, one below the other, as a table with headings for those who do not see them.

    Attributes:
        heads: of the columns: whose shares they are, and what is shown.
        bars: the shares.
        caption: what they are shares of.
        note: how to read them.
    """

    kind = "bars"
    heads: tuple[str, str]
    bars: Sequence[Bar]
    caption: str = ""
    note: str = ""


@dataclass(frozen=True)
class AttackedExample:
    """An attacked text.

    Attributes:
        heading: which text under which attack.
        outcome: ``broken`` or ``held``.
        spans: its equal and different parts in order.
        facts: label, predictions and costs, in words.
    """

    heading: str
    outcome: str
    spans: Sequence[Span]
    facts: Sequence[str] = ()


@dataclass(frozen=True)
class Examples(Part):
    """Attacked texts, with what the attack changed in them."""

    kind = "examples"
    examples: Sequence[AttackedExample]


@dataclass(frozen=True)
class Facts(Part):
    """Names and texts, side by side."""

    kind = "facts"
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Points(Part):
    """Sentences, one below the other; ``ordered`` numbers them."""

    kind = "points"
    sentences: Sequence[str]
    ordered: bool = False


@dataclass(frozen=True)
class Commands(Part):
    """Commands to copy."""

    kind = "commands"
    lines: Sequence[str]


@dataclass(frozen=True)
class Fold(Part):
    """Parts that are folded away below a summary until a reader opens them."""

    kind = "fold"
    summary: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Section:
    """A section with a heading.

    Attributes:
        name: its anchor.
        title: its heading.
        parts: its content, in order.
    """

    name: str
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        kicker: what kind of page it is.
        question: its title.
        answer: sentences that answer it.
        facts: what the answer is about, in short.
        front: parts beside the answer on the first screen.
        sections: all that follows.
        foot: what made it.
    """

    kicker: str
    question: str
    answer: Sequence[str]
    facts: Sequence[tuple[str, str]]
    front: Sequence[Part]
    sections: Sequence[Section]
    foot: str
    warnings: Sequence[str] = field(default_factory=tuple)


def write_page(page: Page) -> str:
    """Write a page as HTML that needs no network, no script and no other file."""
    from robench.report.rendering.templates import render_page

    return render_page("page.html", page=page)
