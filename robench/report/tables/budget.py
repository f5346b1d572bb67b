"""Table ``budget``: accuracy against searches that took only so many queries, or changed only so many words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from robench.report.tables.by_attack import arrange_by_attack
from robench.report.tables.cells import attacked_cell, outcome_cell
from robench.report.tables.model import Block, Cell, Column, Table
from robench.report.tables.options import TableRequest
from robench.results.budgets import stands_after_changes, stands_after_queries
from robench.results.cells import Result, read_results
from robench.results.columns import SUCCEEDED, RecordColumns
from robench.results.info import CellInfo
from robench.results.sample_reader import SampleReader
from robench.results.samples import Outcome
from robench.results.store import StoredStage

QUERIES = (50, 100, 200, 500)
"""Budgets of queries; those that no successful attack needed are not shown."""
SHARES = (10, 25)
"""Budgets of changed words, in percent; likewise."""

_ABOUT_WHOLE = (
    "attack%: failed / attacked samples, whatever the attack spent, as in table 5; wrong before counts as wrong."
)
_ABOUT_QUERIES = (
    "N queries: likewise, but a sample that fell counts as wrong only if the whole search took N queries or fewer, as"
    " TextAttack counts them. With the attack's option query_budget=N more samples fall, above all under attacks that"
    " ask for all words at once."
)
_ABOUT_SHARES = (
    "N % words: likewise if the attack may change at most N % of a text's words; as found, not minimal: the search did"
    " not look for the smallest change. Inserted words are not counted."
)


@dataclass(frozen=True)
class _Budget:
    """A column: its name, and whether samples stand after that budget."""

    name: str
    outcomes: Callable[[RecordColumns], Sequence[Outcome]]


def budget_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of accuracies after searches of so many queries, and so large a share of changed words."""
    results = read_results(request.select(cells))
    reader = SampleReader.of(results, request.reader)
    queries, shares = _choose_budgets([reader.columns(r.folder) for r in results])
    columns = [*(Column(one.name) for one in queries), Column("attack%")]
    columns += [Column(one.name) for one in shares]

    def cells_of(found: Sequence[Result]) -> tuple[Cell, ...]:
        after = partial(_cell, reader, found)
        return *map(after, queries), attacked_cell(reader, found), *map(after, shares)

    found, caption = arrange_by_attack(results, request.paper)
    arranged = [Block(one.setting["task"], one.heading, one.rows(cells_of), one.setting) for one in found]
    infos = (r.info for one in found for r in one.results)
    legend = [_ABOUT_WHOLE, *([_ABOUT_QUERIES] if queries else []), *([_ABOUT_SHARES] if shares else [])]
    return request.finish(arranged, columns, caption=caption, legend=legend, infos=infos)


def _choose_budgets(records: Sequence[RecordColumns]) -> tuple[list[_Budget], list[_Budget]]:
    """Return the budgets that some successful attack exceeded: any other one changes nothing."""
    most_queries = most_share = 0.0
    for one in records:
        spent = zip(one.status, one.queries, one.words_changed, one.words, strict=True)
        fallen = [
            (queries, 100 * changed / (words or 1)) for letter, queries, changed, words in spent if letter == SUCCEEDED
        ]
        most_queries = max(most_queries, max((queries for queries, _ in fallen), default=0))
        most_share = max(most_share, max((share for _, share in fallen), default=0))
    return (
        [_Budget(f"{n:,} queries", partial(stands_after_queries, most=n)) for n in QUERIES if n < most_queries],
        [_Budget(f"{n} % words", partial(stands_after_changes, percent=n)) for n in SHARES if n < most_share],
    )


def _cell(reader: SampleReader, found: Sequence[Result], budget: _Budget) -> Cell:
    return outcome_cell(reader.attacked(((r.seed, r.folder) for r in found), budget.outcomes), found)
