"""Published numbers beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from robench.report.tables.accuracy import CLEAN
from robench.report.tables.model import Block, Column, Row, Table
from robench.results.papers import NUMBERS, PAPER, PublishedRow, PublishedTable, plain_name, published
from robench.study.presets import PAPER_ATTACKS

LEGEND = "In square brackets: the paper's number, and ours less it."


def against_paper(table: Table) -> Table:
    """The table with the paper's numbers in its cells, and notes of what makes the two differ.

    A row is matched by task, defense and attack; in table 6, and there alone, by encoder, too. A defense with changed
    hyper-parameters, or an attack with other resources than the published ones, has no match.
    """
    if table.name not in NUMBERS:
        note = f"the paper's table {table.name} has no numbers to compare with"
        return replace(table, notes=(*table.notes, note), against=PAPER)
    paper = published(table.name)
    blocks = tuple(_beside(table, block, paper) for block in table.blocks)
    notes = [*table.notes, *paper.notes, *_differences(table, blocks, paper)]
    legend = (*table.legend, LEGEND) if _matched(blocks) else table.legend
    return replace(table, blocks=blocks, legend=legend, notes=tuple(notes), against=PAPER)


def _beside(table: Table, block: Block, paper: PublishedTable) -> Block:
    return replace(block, rows=tuple(_row_beside(table, block, row, paper) for row in block.rows))


def _row_beside(table: Table, block: Block, row: Row, paper: PublishedTable) -> Row:
    if row.label != row.name:  # changed fields, or a version that only a key tells from another one
        return row
    cells = []
    for column, cell in zip(table.columns, row.cells, strict=True):
        found = _match(table, block, row, column, paper)
        name = CLEAN if table.name == "4" else column.key or column.name
        cells.append(replace(cell, published=found.numbers.get(name) if found else None))
    return replace(row, cells=tuple(cells))


def _matched(blocks: Iterable[Block]) -> list[tuple[Block, Row]]:
    """Rows that have a published number."""
    return [(b, row) for b in blocks for row in b.rows if any(cell.published is not None for cell in row.cells)]


def _match(table: Table, block: Block, row: Row, column: Column, paper: PublishedTable) -> PublishedRow | None:
    if table.of == "task":
        return paper.find(task=row.name)
    attack = column.key if table.name == "4" else str(block.setting.get("attack", ""))
    return paper.find(task=block.task, defense=row.name, attack=attack, encoder=str(block.setting["encoder"]))


def _differences(table: Table, blocks: Sequence[Block], paper: PublishedTable) -> list[str]:
    """What makes our numbers and the paper's differ, beside chance."""
    matched = _matched(blocks)
    if not matched:
        return ["the paper has none of these rows"]
    if table.of == "task":
        return []
    encoders = dict.fromkeys(plain_name(str(block.setting["encoder"])) for block in blocks)
    others = ", ".join(name for name in encoders if name not in paper.encoders)
    if not others:
        notes = []
    elif len(paper.encoders) > 1:
        notes = [f"the paper has no numbers of the encoder {others}"]
    else:
        notes = [f"the encoder here is {others}, in the paper {paper.encoders[0]}"]
    if table.name in ("5", "6"):
        notes += dict.fromkeys(note for _, row in matched if (note := _mean_of_others(table, row)))
    return notes


def _mean_of_others(table: Table, row: Row) -> str:
    """What clean% of a row is a mean over, where that is not the paper's four attacks."""
    there = {column.name for column, cell in zip(table.columns, row.cells, strict=True) if cell.seeds} - {CLEAN}
    if not row.per_attack or there == set(PAPER_ATTACKS):
        return ""
    return f"here, clean% of {row.name} is the mean over {', '.join(sorted(there))} alone"
