"""Published numbers beside ours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from robench.report.tables.accuracy import CLEAN, attacks_of
from robench.report.tables.model import Block, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.paper_contents import PaperTable
from robench.results.published import PublishedRow, PublishedTable, read_published_table, strip_owner

LEGEND = "In square brackets: the paper's number, and ours less it."


def add_published(table: Table, request: TableRequest) -> Table:
    """Return a table with the paper's numbers in its cells, and notes on what makes the two differ.

    A row is matched by task, defense and attack; if the paper has the table for several encoders, by encoder, too. A
    defense with changed hyper-parameters, or an attack with other resources than the published ones, has no match.

    Args:
        table: without published numbers.
        request: what the table was made for.

    Raises:
        RobenchError: the file of the published numbers is broken.
    """
    numbers = read_published_table(request.paper, request.table.number)
    if numbers is None:
        note = f"the paper's table {table.name} has no numbers to compare with"
        return replace(table, notes=(*table.notes, note), against=request.paper.name)
    blocks = tuple(_beside(table, block, request.table, numbers) for block in table.blocks)
    notes = [*table.notes, *numbers.notes, *_differences(table, blocks, request.table, numbers)]
    legend = (*table.legend, LEGEND) if _matched(blocks) else table.legend
    return replace(table, blocks=blocks, legend=legend, notes=tuple(notes), against=request.paper.name)


def _beside(table: Table, block: Block, spec: PaperTable, numbers: PublishedTable) -> Block:
    return replace(block, rows=tuple(_row_beside(table, block, row, spec, numbers) for row in block.rows))


def _row_beside(table: Table, block: Block, row: Row, spec: PaperTable, numbers: PublishedTable) -> Row:
    if not row.is_plain:  # changed fields, or a version that only a key distinguishes from another one
        return row
    cells = []
    for column, cell in zip(table.columns, row.cells, strict=True):
        match = _match(block, row, column, spec, numbers)
        name = CLEAN if spec.kind == "label-conflict" else column.key or column.name
        cells.append(replace(cell, published=match.numbers.get(name) if match else None))
    return replace(row, cells=tuple(cells))


def _matched(blocks: Iterable[Block]) -> list[tuple[Block, Row]]:
    """Return the rows that have a published number."""
    return [(b, row) for b in blocks for row in b.rows if any(cell.published is not None for cell in row.cells)]


def _match(block: Block, row: Row, column: Column, spec: PaperTable, numbers: PublishedTable) -> PublishedRow | None:
    if spec.kind == "datasets":
        return numbers.find(task=row.name)
    attack = column.key if spec.kind == "label-conflict" else str(block.setting.get("attack", ""))
    return numbers.find(task=block.task, defense=row.name, attack=attack, encoder=str(block.setting["encoder"]))


def _differences(table: Table, blocks: Sequence[Block], spec: PaperTable, numbers: PublishedTable) -> list[str]:
    """Return what makes our numbers and the paper's differ, beside chance."""
    matched = _matched(blocks)
    if not matched:
        return ["the paper has none of these rows"]
    if spec.kind == "datasets":
        return []
    encoders = dict.fromkeys(strip_owner(str(block.setting["encoder"])) for block in blocks)
    others = ", ".join(name for name in encoders if name not in numbers.encoders)
    if not others:
        notes = []
    elif len(numbers.encoders) > 1:
        notes = [f"the paper has no numbers of the encoder {others}"]
    else:
        notes = [f"the encoder here is {others}, in the paper {numbers.encoders[0]}"]
    if spec.kind == "high-order" and numbers.pairs:
        notes += _ceilings([block for block, _ in matched], numbers.pairs)
    if spec.kind in ("accuracy", "encoders"):
        notes += dict.fromkeys(note for _, row in matched if (note := _mean_of_others(table, row, spec)))
    return notes


def _ceilings(blocks: Sequence[Block], pairs: int) -> list[str]:
    """Return how far a contrastive loss of other numbers of pairs than the paper's can rise, which is about ln(N - 1).

    That is its value if a text is as similar to its own counterpart as to all others.
    """
    counts = dict.fromkeys(int(block.setting["pairs"]) for block in blocks)
    return [
        f"CTR of N pairs is at most about ln(N - 1): {math.log(n - 1):.2f} for the {n:,} pairs here,"
        f" {math.log(pairs - 1):.2f} for the paper's {pairs:,}, so the two cannot be compared"
        for n in counts
        if n != pairs and n > 1
    ]


def _mean_of_others(table: Table, row: Row, spec: PaperTable) -> str:
    """Return what clean% of a row is a mean over, if that is not the attacks of the paper."""
    there = set(attacks_of(table.columns, row))
    if not row.per_attack or there == set(spec.attacks):
        return ""
    return (
        f"here, clean% of {row.name} is the mean over {', '.join(sorted(there))} alone, in the paper over"
        f" {', '.join(spec.attacks)}"
    )
