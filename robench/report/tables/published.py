"""Published numbers beside ours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from robench.report.tables.accuracy import attacks_of
from robench.report.tables.model import CLEAN, Block, Column, Row, Table
from robench.report.tables.options import TableRequest
from robench.results.paper_contents import Paper, PaperTable
from robench.results.published import PublishedRow, PublishedTable, read_published_table, strip_owner

LEGEND = "In square brackets: the published number, and ours minus it."


@dataclass(frozen=True)
class _Published:
    """A published table, the contents that its paper gives it, and what notes call the paper."""

    numbers: PublishedTable
    spec: PaperTable
    paper: str


def add_published(table: Table, request: TableRequest, paper: Paper) -> Table:
    """Return a table with published numbers in its cells, and notes on what makes the two differ.

    A row is matched by task, defense and attack; if the paper has the table for several encoders, by encoder, too. A
    defense with changed hyper-parameters has no match. Neither has an attack with other resources than the published
    ones, unless the numbers are there to be compared with such stand-ins.

    Args:
        table: without published numbers.
        request: what the table was made for.
        paper: whose table of the same number and kind has the numbers: the request's own paper, or another.

    Raises:
        RobenchError: the file of the published numbers is broken.
    """
    name = "the paper" if paper.folder == request.paper.folder else paper.name
    spec = paper.tables.get(request.table.number)
    fits = spec is not None and spec.kind == request.table.kind
    numbers = read_published_table(paper, request.table.number) if fits else None
    if spec is None or numbers is None:
        note = f"{name}'s table {table.name} has no numbers to compare with"
        return replace(table, notes=(*table.notes, note), against=paper.name)
    there = _Published(numbers, spec, name)
    blocks = tuple(_beside(table, block, there) for block in table.blocks)
    notes = [*table.notes, *numbers.notes, *_differences(table, blocks, there)]
    legend = (*table.legend, LEGEND) if _matched(blocks) else table.legend
    return replace(table, blocks=blocks, legend=legend, notes=tuple(notes), against=paper.name)


def _beside(table: Table, block: Block, there: _Published) -> Block:
    return replace(block, rows=tuple(_row_beside(table, block, row, there) for row in block.rows))


def _row_beside(table: Table, block: Block, row: Row, there: _Published) -> Row:
    # Changed fields, a version that only a key distinguishes from another one, or rows that no paper has numbers of.
    if not row.is_plain or "split" in block.setting:
        return row
    cells = []
    for column, cell in zip(table.columns, row.cells, strict=True):
        match = _match(block, row, column, there)
        name = CLEAN if there.spec.kind == "label-conflict" else _name(column, there)
        cells.append(replace(cell, published=match.numbers.get(name) if match else None))
    return replace(row, cells=tuple(cells))


def _name(column: Column, there: _Published) -> str:
    """Return the name that a column has among the published numbers."""
    title = column.key or column.name
    return column.attack or title if there.numbers.stand_ins else title


def _matched(blocks: Iterable[Block]) -> list[tuple[Block, Row]]:
    """Return the rows that have a published number."""
    return [(b, row) for b in blocks for row in b.rows if any(cell.published is not None for cell in row.cells)]


def _match(block: Block, row: Row, column: Column, there: _Published) -> PublishedRow | None:
    numbers = there.numbers
    if there.spec.kind == "datasets":
        return numbers.find(task=row.name)
    attack = str(block.setting.get("attack", ""))
    if there.spec.kind == "label-conflict":
        attack = _name(column, there)
    elif numbers.stand_ins:
        attack = block.attack or attack
    return numbers.find(task=block.task, defense=row.name, attack=attack, encoder=str(block.setting["encoder"]))


def _differences(table: Table, blocks: Sequence[Block], there: _Published) -> list[str]:
    """Return what makes our numbers and the published ones differ, beside chance."""
    matched, numbers, kind = _matched(blocks), there.numbers, there.spec.kind
    if not matched:
        return [f"{there.paper} has none of these rows"]
    if kind == "datasets":
        return []
    encoders = dict.fromkeys(strip_owner(str(block.setting["encoder"])) for block in blocks)
    others = ", ".join(name for name in encoders if name not in numbers.encoders)
    if not others:
        notes = []
    elif len(numbers.encoders) > 1:
        notes = [f"{there.paper} has no numbers of the encoder {others}"]
    else:
        notes = [f"the encoder here is {others}, in {there.paper} {numbers.encoders[0]}"]
    if kind == "high-order" and numbers.pairs:
        notes += _ceilings([block for block, _ in matched], numbers.pairs, there.paper)
    if kind in ("accuracy", "encoders"):
        notes += dict.fromkeys(note for _, row in matched if (note := _mean_of_others(table, row, there)))
    if titles := _on_stand_ins(table.columns, matched):
        notes.append(f"here, {', '.join(titles)} ran on stand-ins, in {there.paper} on TextAttack's own resources")
    return notes


def _on_stand_ins(columns: Sequence[Column], matched: Iterable[tuple[Block, Row]]) -> list[str]:
    """Return the titles of the attacks that have a published number, but not the published resources."""
    titles: dict[str, str] = {}
    for block, row in matched:
        titles[str(block.setting.get("attack", ""))] = block.attack
        cells = zip(columns, row.cells, strict=True)
        titles |= {c.key or c.name: c.attack for c, cell in cells if cell.published is not None}
    return [title for title, attack in titles.items() if attack not in ("", title)]


def _ceilings(blocks: Sequence[Block], pairs: int, paper: str) -> list[str]:
    """Return how far a contrastive loss of another number of pairs than the published one can rise: about ln(N - 1).

    That is its value if a text is as similar to its own counterpart as to all others.
    """
    counts = dict.fromkeys(int(block.setting["pairs"]) for block in blocks)
    return [
        f"CTR of N pairs is at most about ln(N - 1): {math.log(n - 1):.2f} for the {n:,} pairs here,"
        f" {math.log(pairs - 1):.2f} for {paper}'s {pairs:,}, so the two cannot be compared"
        for n in counts
        if n != pairs and n > 1
    ]


def _mean_of_others(table: Table, row: Row, there: _Published) -> str:
    """Return what clean% of a row is a mean over, if that is not the attacks of the paper."""
    names = {column.name: _name(column, there) for column in table.columns}
    here = {names[title] for title in attacks_of(table.columns, row)}
    if not row.per_attack or here == set(there.spec.attacks):
        return ""
    return (
        f"here, clean% of {row.name} is the mean over {', '.join(sorted(here))} alone, in {there.paper} over"
        f" {', '.join(there.spec.attacks)}"
    )
