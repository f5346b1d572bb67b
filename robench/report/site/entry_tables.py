"""Tables on the page of an entry: its high-order statistics, and what others got who ran the same."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from robench.report.pages.parts import Section
from robench.report.rendering.texts import number_text, percent
from robench.report.site.board_tables import describe_mark
from robench.report.site.links import entry_page
from robench.report.site.parts import Head, Item, Line, SortableTable
from robench.report.tables.high_order import LEGEND
from robench.report.tables.model_statistics import MEASURES
from robench.results.entry_form import Entry, HighOrder
from robench.results.reruns import RerunAgreement, compare_runs


def statistics_section(entry: Entry) -> list[Section]:
    """Show the statistics of an entry's own model; without such there is no section."""
    found = sorted((one for one in entry.statistics if not one.before), key=lambda one: one.attack.title)
    if not found:
        return []
    heads = [
        Head("attack", is_text=True),
        *(Head(column.name) for column in MEASURES),
        Head("pairs", "attacked texts of the undefended model, without those on which the attack ended in an error"),
        Head("unchanged", "pairs whose two texts are the same"),
    ]
    lines = [_statistics_line(one) for one in found]
    table = SortableTable("statistics-table", "Clean texts beside adversarial ones", heads, lines, below=LEGEND)
    return [Section("statistics", "High-order statistics", [table])]


def _statistics_line(found: HighOrder) -> Line:
    numbers = [(getattr(found.statistics, column.key), column) for column in MEASURES]
    return Line(
        [
            Item(found.attack.title),
            *(
                Item("∞" if math.isinf(number) else number_text(number, column), order=min(number, sys.float_info.max))
                for number, column in numbers
            ),
            Item(f"{found.n:,}", order=found.n),
            Item("" if found.unchanged is None else f"{found.unchanged:,}", order=found.unchanged),
        ]
    )


def reruns_section(entry: Entry, reruns: Sequence[Entry]) -> list[Section]:
    """Compare an entry with others of the same model; without such there is no section.

    Args:
        entry: the entry.
        reruns: entries of others who ran the same again; of such an entry, the original.
    """
    if not reruns:
        return []
    heads = [
        Head("attack", is_text=True),
        Head("made by", is_text=True),
        Head("here", "accuracy under attack of this entry, with its interval"),
        Head("there", "accuracy under attack of the other one"),
        Head("same outcome", "attacked rows with the same outcome in both"),
    ]
    lines = [
        Line(
            [
                Item(one.attack),
                Item(describe_mark(other), href=entry_page(other)),
                Item(percent(one.first), order=float(one.first), aside=_describe_interval(one)),
                Item(percent(one.second), order=float(one.second), aside="" if one.is_within else "outside"),
                Item(_describe_same(one), order=one.same),
            ]
        )
        for other in reruns
        for one in compare_runs(entry, other)
    ]
    below = ["Here: accuracy under attack of this entry, and its interval. Outside: the other one lies outside of it."]
    table = SortableTable("reruns-table", "The same model, run by several", heads, lines, below=below)
    return [Section("reruns", "Run again", [table])]


def _describe_interval(found: RerunAgreement) -> str:
    low, high = map(percent, found.interval)
    return f"({low}\N{EN DASH}{high})"


def _describe_same(found: RerunAgreement) -> str:
    if found.is_equal:
        return f"all {found.n}, to the last digit"
    return "not known" if found.same is None else f"{found.same} of {found.n}"
