"""Tables on the page of an entry that tell of more than its attacks."""

from __future__ import annotations

import sys

from msgspec.structs import replace

from robench.report.site.entry_tables import statistics_section
from robench.report.site.parts import SortableTable
from robench.results.entries import read_entry
from robench.results.entry_form import Entry
from support.many_entries import GOLDEN, make_entry

ENTRY = read_entry(next(GOLDEN.glob("mr-base-*.json")))


def table_of(entry: Entry) -> SortableTable:
    (section,) = statistics_section(entry)
    (table,) = section.parts
    assert isinstance(table, SortableTable)
    return table


def test_statistics_stand_under_the_attack_that_made_the_pairs() -> None:
    mine = [one for one in ENTRY.statistics if not one.before]
    assert len(mine) < len(ENTRY.statistics), "those of the encoder before fine-tuning are left out"
    table = table_of(ENTRY)
    assert [head.name for head in table.heads[3:5]] == ["KL (pos, ↓)", "KL (neg, ↑)"]
    assert len(table.lines) == len(mine)
    first = table.lines[0].items
    assert first[0].text == mine[0].attack.title and first[3].order == mine[0].kl_pos
    assert first[3].text == f"{mine[0].kl_pos:.4f}" and first[6].text == str(mine[0].n)


def test_infinite_divergence_is_shown_as_such_and_sorted_last() -> None:
    endless = tuple(replace(one, kl_pos=None) for one in ENTRY.statistics)
    cell = table_of(replace(ENTRY, statistics=endless)).lines[0].items[3]
    assert (cell.text, cell.order) == ("∞", sys.float_info.max)


def test_entry_without_statistics_has_no_section() -> None:
    assert statistics_section(make_entry("pgd", texts=20)) == []
