"""Sections on where a model breaks: words, classes and lengths, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from robench.report.pages.parts import Paragraph, Part, Section, TablePart
from robench.report.tables.comparison import add_interval
from robench.report.tables.model import CLEAN, Block, Cell, Column, Row, Table
from robench.results.intervals import LEVEL
from robench.results.weaknesses import TextGroup, WeakWord

WORDS = 15
"""Words that are shown."""


def words_section(words: Sequence[WeakWord], attacks: str) -> Section:
    """Show the words whose change broke texts most often."""
    shown = words[:WORDS]
    parts: list[Part] = []
    if shown:
        parts += [
            Paragraph(
                f"Words that {attacks} changed in texts that broke, counted once for each attack on a text. Where a"
                " word was the only one changed, nothing else can have broken the text."
            ),
            TablePart(_words_table(shown)),
        ]
        if len(words) > len(shown):
            parts.append(Paragraph(f"And {len(words) - len(shown):,} more words.", quiet=True))
    else:
        parts.append(Paragraph("No attack broke a text, so there is no word to show."))
    return Section("words", "The words that break it", parts)


def groups_section(classes: Sequence[TextGroup], lengths: Sequence[TextGroup], attacks: str, *, seeds: int) -> Section:
    """Show what holds by class and by length of the text.

    Args:
        classes: the groups of texts by class.
        lengths: by length.
        attacks: names of the attacks, as part of a sentence.
        seeds: number of seeds that the groups are means of.
    """
    over = f" Means of {seeds} seeds; the intervals are of the texts alone, other seeds are not covered."
    parts: list[Part] = [
        Paragraph(f"Texts of each kind that are right when clean, and after {attacks}.{over if seeds > 1 else ''}"),
        TablePart(_groups_table("class", "By class, the weakest first", classes)),
        TablePart(_groups_table("length", "By length, as the attack counts words", lengths)),
    ]
    return Section("kinds", "The classes and lengths that break", parts)


def _words_table(words: Sequence[WeakWord]) -> Table:
    columns = (
        Column("attacks that succeeded", "count", better=None),
        Column("with this word alone", "count", better=None),
        Column("attacks on texts with it", "count", better=None),
        Column("most often turned into", "text", better=None),
    )
    rows = [
        Row(
            one.word,
            one.word,
            (*(Cell(Fraction(n)) for n in (one.broken, one.alone, one.texts)), Cell(text=one.instead or "(removed)")),
        )
        for one in words
    ]
    return _plain("words", "The words that break it", "word", columns, rows)


def _groups_table(kind: str, title: str, groups: Sequence[TextGroup]) -> Table:
    columns = (Column(CLEAN), Column("under attack%"), Column("texts", "count", better=None))
    rows = []
    for one in groups:
        shares = [_share(count, one.n, column) for count, column in zip((one.clean, one.held), columns, strict=False)]
        rows.append(Row(one.name, one.name, (*shares, Cell(Fraction(one.n)))))
    return _plain(kind, title, kind, columns, rows)


def _share(right: Fraction | int, n: Fraction | int, column: Column) -> Cell:
    """Return a share of texts with its interval."""
    return add_interval(Cell(Fraction(right) / n, seeds=(0,), measured=round(n)), column, LEVEL)


def _plain(name: str, title: str, kind: str, columns: tuple[Column, ...], rows: Sequence[Row]) -> Table:
    block = Block("", title if name != "words" else "", tuple(rows))
    return Table(name, title, "", columns, (block,), row_kind=kind, is_measured=False)
