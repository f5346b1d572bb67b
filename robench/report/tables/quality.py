"""Table ``quality``: what each attack had to do to a text to fool each defense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from robench.report.tables.captions import headings, result_notes, setting_of
from robench.report.tables.cells import attacked_cell, clean_cell, mean_cell
from robench.report.tables.layout import legend_of
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.cells import Result, group, identity_text, read_results
from robench.results.info import CellInfo
from robench.results.labels import Label, column_labels, row_labels
from robench.results.paper_contents import Paper, PaperTable, rank
from robench.results.sample_reader import SampleReader, Samples, falls, share_changed
from robench.results.store import StoredStage

QUALITY = PaperTable(
    number="quality",
    kind="quality",
    title="what it took to fool a model",
    summary="success rate, queries, words changed and similarity of each attack",
)
"""A table of robench, for the results of every paper."""
COLUMNS = (
    Column("clean%"),
    Column("attack%"),
    Column("success rate%", better="lower"),
    Column("queries", "number", 1, "higher"),
    Column("words changed%", better=None),
    Column("similarity", "number", 3, better=None),
)
LEGEND = (
    "clean%: correct / all test samples. attack%: failed / attacked samples; wrong before counts as wrong.",
    "success rate%: succeeded / samples that were right before. queries: mean over these.",
    "Over the successes: words changed%, the mean share of a text's words; similarity, the mean cosine of a text before"
    " and after, by the bundled sentence encoder.",
)


def quality_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of attack success rate, queries, words changed and similarity, a block for each task and attack.

    Args:
        cells: finished cells.
        request: which table to make.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: a cell's files are missing or broken.
    """
    paper = request.paper
    results = read_results(request.select(cells))
    attacks, rows = column_labels(results), row_labels(results)
    results = [replace(r, block=identity_text([r.block, r.column])) for r in results]
    results.sort(key=lambda r: _order(r, paper, attacks))
    by_block = group(results, lambda r: r.block)
    settings = [_setting(first, attacks[first.column]) for first, *_ in by_block.values()]
    heads, caption = headings(settings, paper)
    reader = SampleReader.of(results)
    arranged = [
        Block(setting["task"], heading, _rows(reader, members, rows), setting)
        for heading, setting, members in zip(heads, settings, by_block.values(), strict=True)
    ]
    blocks, comparison = request.compare(arranged, COLUMNS)
    return request.fill(
        caption=caption,
        columns=COLUMNS,
        blocks=blocks,
        compared=comparison.defense,
        legend=legend_of(blocks, COLUMNS, LEGEND, comparison),
        notes=result_notes(r.info for r in results),
    )


def _order(result: Result, paper: Paper, attacks: dict[str, Label]) -> tuple[Any, ...]:
    info = result.info
    block = *rank(info.task, paper.tasks), *rank(info.attack.name, paper.attacks)
    row = *rank(info.defense.name, paper.defense_order), result.row
    return *block, attacks[result.column].text, result.block, *row, result.seed


def _setting(result: Result, attack: Label) -> dict[str, Any]:
    counted = {"clean_n": result.info.clean.n, "attacked_n": result.attacked_n}
    return setting_of(result.info, attack=attack.text, attack_identity=result.column, **counted)


def _rows(reader: SampleReader, results: Sequence[Result], labels: dict[str, Label]) -> tuple[Row, ...]:
    return tuple(
        Row(
            label=labels[row].text,
            name=found[0].info.defense.name,
            cells=_cells(reader, found),
            per_attack=found[0].info.adversarial is not None,
            clean_n=found[0].info.clean.n,
            attacked_n=found[0].attacked_n,
            seeds=tuple(sorted({r.seed for r in found})),
        )
        for row, found in group(results, lambda r: r.row).items()
    )


def _cells(reader: SampleReader, found: Sequence[Result]) -> tuple[Cell, ...]:
    places = [(r.seed, r.folder) for r in found]
    return (
        clean_cell(reader, found),
        attacked_cell(reader, found),
        _cell(found, _success_rate, measured=found[0].outcome.attempts, outcomes=reader.attacked(places, falls)),
        _cell(found, lambda r: r.outcome.queries),
        _cell(found, lambda r: r.outcome.words_changed, outcomes=reader.attacked(places, share_changed)),
        _cell(found, lambda r: r.info.similarity.mean if r.info.similarity else None),
    )


def _cell(
    found: Sequence[Result],
    value: Callable[[Result], Fraction | float | None],
    measured: int = 0,
    outcomes: Mapping[int, Samples] | None = None,
) -> Cell:
    numbers = [(r.seed, number) for r in found if (number := value(r)) is not None]
    learned = all(r.has_learned for r in found)
    values = [(seed, Fraction(number)) for seed, number in numbers]
    return mean_cell(values, found[0].attacked_n, learned=learned, measured=measured, outcomes=outcomes)


def _success_rate(result: Result) -> Fraction | None:
    tried = result.outcome.attempts
    return Fraction(result.outcome.succeeded, tried) if tried else None
