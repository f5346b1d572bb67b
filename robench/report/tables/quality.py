"""Table ``quality``: what each attack had to do to a text to fool each defense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Unpack

from robench.report.tables.captions import headings, notes_of, setting_of
from robench.report.tables.cells import judged, mean_cell
from robench.report.tables.layout import legend_of
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import Asked, chosen
from robench.report.tables.orders import PAPER_TASKS, defense_order, paper_order
from robench.results.cells import Result, group, identity_text, read_results
from robench.results.info import CellInfo
from robench.results.labels import Label, column_labels, row_labels
from robench.results.store import StoredStage
from robench.study.presets import PAPER_ATTACKS

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


def quality(cells: Sequence[StoredStage[CellInfo]], **asked: Unpack[Asked]) -> Table:
    """Attack success rate, queries, words changed and similarity, a block for each task and attack.

    Args:
        cells: finished cells.
        asked: see :class:`~robench.report.tables.options.Asked`.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: a cell's files are missing or broken.
    """
    found = read_results(chosen(cells, asked))
    attacks, rows = column_labels(found), row_labels(found)
    found = [replace(r, block=identity_text([r.block, r.column])) for r in found]
    found.sort(key=lambda r: (*_order(r, attacks), *defense_order(r.defense.name), r.row, r.seed))
    members = group(found, lambda r: r.block)
    settings = [_setting(first, attacks[first.column]) for first, *_ in members.values()]
    heads, caption = headings(settings)
    blocks = tuple(
        Block(setting["task"], heading, judged(_rows(results, rows), COLUMNS, compare=False), setting)
        for heading, setting, results in zip(heads, settings, members.values(), strict=True)
    )
    return Table(
        name="quality",
        title="Quality: what it took to fool a model",
        caption=caption,
        columns=COLUMNS,
        blocks=blocks,
        legend=legend_of(blocks, LEGEND),
        notes=notes_of(r.info for r in found),
    )


def _order(result: Result, attacks: dict[str, Label]) -> tuple[Any, ...]:
    info = result.info
    attack = paper_order(info.attack.name, PAPER_ATTACKS)
    return *paper_order(info.task, PAPER_TASKS), *attack, attacks[result.column].text, result.block


def _setting(result: Result, attack: Label) -> dict[str, Any]:
    counted = {"clean_n": result.info.clean.n, "attacked_n": result.attacked_n}
    return setting_of(result.info, attack=attack.text, attack_identity=result.column, **counted)


def _rows(results: Sequence[Result], labels: dict[str, Label]) -> list[Row]:
    return [
        Row(
            label=labels[row].text,
            name=found[0].info.defense.name,
            cells=tuple(_cell(found, value) for value in _VALUES),
            per_attack=found[0].info.adversarial is not None,
            clean_n=found[0].info.clean.n,
            attacked_n=found[0].attacked_n,
            seeds=tuple(sorted({r.seed for r in found})),
        )
        for row, found in group(results, lambda r: r.row).items()
    ]


def _cell(found: Sequence[Result], value: Callable[[Result], Fraction | float | None]) -> Cell:
    numbers = [(r.seed, number) for r in found if (number := value(r)) is not None]
    learned = all(r.learned for r in found)
    return mean_cell([(seed, Fraction(number)) for seed, number in numbers], found[0].attacked_n, learned=learned)


def _success_rate(result: Result) -> Fraction | None:
    tried = result.outcome.tried
    return Fraction(result.outcome.succeeded, tried) if tried else None


_VALUES: tuple[Callable[[Result], Fraction | float | None], ...] = (
    lambda r: r.clean,
    lambda r: r.attacked,
    _success_rate,
    lambda r: r.outcome.queries,
    lambda r: r.outcome.words_changed,
    lambda r: r.info.similarity.mean if r.info.similarity else None,
)
