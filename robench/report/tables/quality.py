"""Table ``quality``: what each attack had to do to a text to fool each defense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from robench.report.tables.by_attack import arrange_by_attack
from robench.report.tables.cells import attacked_cell, clean_cell, mean_cell, success_cell
from robench.report.tables.legend import HOW_ATTACKED, describe_clean
from robench.report.tables.model import CLEAN, Block, Cell, Column, Table
from robench.report.tables.options import TableRequest
from robench.results.cells import Result, read_results
from robench.results.info import CellInfo
from robench.results.sample_reader import SampleReader, Samples, share_changed
from robench.results.store import StoredStage

COLUMNS = (
    Column(CLEAN),
    Column("attack%"),
    Column("success rate%", better="lower"),
    Column("queries", "number", 1, "higher"),
    Column("words changed%", better=None),
    Column("similarity", "number", 3, better=None),
)
LEGEND = (
    "success rate%: succeeded / samples that were right before. queries: mean over these.",
    "Over the successes: words changed%, the mean share of a text's words, without inserted words; similarity, the mean"
    " cosine of a text before and after, by the bundled sentence encoder.",
)


def quality_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of attack success rate, queries, words changed and similarity, a block for each task and attack."""
    results = read_results(request.select(cells))
    found, caption = arrange_by_attack(results, request.paper)
    reader = SampleReader.of(results, request.reader)
    arranged = [
        Block(one.setting["task"], one.heading, one.rows(partial(quality_cells, reader)), one.setting) for one in found
    ]
    infos = [r.info for one in found for r in one.results]
    accuracies = f"{describe_clean(infos)}. attack%: {HOW_ATTACKED}."
    return request.finish(arranged, COLUMNS, caption=caption, legend=[accuracies, *LEGEND], infos=infos)


def quality_cells(reader: SampleReader, found: Sequence[Result]) -> tuple[Cell, ...]:
    """Return the cells of a row: clean and attacked accuracy, and what it took to fool the model."""
    places = [(r.seed, r.folder) for r in found]
    return (
        clean_cell(reader, found),
        attacked_cell(reader, found),
        success_cell(reader, found),
        _cell(found, lambda r: r.outcome.queries),
        _cell(found, lambda r: r.outcome.words_changed, outcomes=reader.attacked(places, share_changed)),
        _cell(found, lambda r: r.info.similarity.mean if r.info.similarity else None),
    )


def _cell(
    found: Sequence[Result],
    value: Callable[[Result], Fraction | float | None],
    outcomes: Mapping[int, Samples] | None = None,
) -> Cell:
    numbers = [(r.seed, number) for r in found if (number := value(r)) is not None]
    learned = all(r.has_learned for r in found)
    values = [(seed, Fraction(number)) for seed, number in numbers]
    return mean_cell(values, found[0].attacked_n, learned=learned, outcomes=outcomes)
