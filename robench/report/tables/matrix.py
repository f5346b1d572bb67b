"""Tables ``matrix`` and ``worst``: trained models under all attacks, each attack alone and the worst of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from robench.plugins import registry
from robench.report.tables.cells import attacked_cell, clean_cell
from robench.report.tables.layout import CellsOf, Layout
from robench.report.tables.legend import HOW_ATTACKED, describe_clean
from robench.report.tables.model import CLEAN, WORST, Block, Cell, Column, Table
from robench.report.tables.options import Commands, TableRequest
from robench.report.tables.worst import HOW_WORST, lowest_cell, worst_cell
from robench.results.cells import Result, read_model_results
from robench.results.info import CellInfo
from robench.results.labels import MODEL_LEGEND, model_labels
from robench.results.sample_reader import SampleReader
from robench.results.selection import NoResultsError
from robench.results.store import StoredStage
from robench.results.worst import WorstReader
from robench.study.commands import Gap, make_commands

LOWEST = "lowest%"


def matrix_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of models trained against one attack, under all attacks; the reference stands beside them."""
    kept = request.select(cells, crossed=True)
    results = read_model_results(kept)
    shown = [r for r in results if r.info.adversarial or r.defense.name == registry.reference()]
    if not any(r.info.adversarial for r in shown):
        raise NoResultsError(
            f"no results in {request.runs} of a defense that trains on adversarial texts: {request.hint}"
        )
    layout = Layout.of(request.paper, shown, label=model_labels)
    reader = SampleReader.of(shown, request.reader)

    def cells_of(found: Sequence[Result], columns: Sequence[str]) -> tuple[Cell, ...]:
        attacked = (attacked_cell(reader, [r for r in found if r.column == column]) for column in columns)
        return clean_cell(reader, found), *attacked

    columns = [Column(CLEAN), *layout.list_columns()]
    legend = [MODEL_LEGEND, _clean(shown), f"Attacks: {HOW_ATTACKED}."]
    return _fill(request, layout, columns, cells_of, legend)


def worst_table(cells: Sequence[StoredStage[CellInfo]], request: TableRequest) -> Table:
    """Make a table of the accuracy of each trained model under the worst of all attacks on it."""
    results = read_model_results(request.select(cells, crossed=True))
    layout = Layout.of(request.paper, results, label=model_labels)
    reader = SampleReader.of(results, request.reader)
    worst = WorstReader(reader, results)

    def cells_of(found: Sequence[Result], columns: Sequence[str]) -> tuple[Cell, ...]:
        return clean_cell(reader, found), lowest_cell(reader, worst, found), worst_cell(worst, found)

    met = {layout.list_attacks(members) for members in layout.blocks.values()}
    titles = ", ".join(met.pop()) if len(met) == 1 else "those of its block"
    lowest = f"lowest%: accuracy under the single attack that the model is worst under, of {titles}."
    columns = [Column(CLEAN), Column(LOWEST), Column(WORST)]
    return _fill(request, layout, columns, cells_of, [MODEL_LEGEND, _clean(results), lowest, HOW_WORST])


def _clean(results: Sequence[Result]) -> str:
    return f"{describe_clean(r.info for r in results)}."


def _fill(
    request: TableRequest, layout: Layout, columns: Sequence[Column], cells_of: CellsOf, legend: Sequence[str]
) -> Table:
    arranged, caption = layout.arrange(cells_of)
    return request.finish(
        _name_attacks(arranged),
        columns,
        caption=caption,
        legend=legend,
        infos=(r.info for r in layout.results),
        commands=_make_commands(layout, request),
    )


def _name_attacks(blocks: Sequence[Block]) -> list[Block]:
    """Add the attacks to the headings of blocks that have met others than each other."""
    if len({block.attacks for block in blocks}) == 1:
        return list(blocks)
    return [replace(block, heading=f"{block.heading}, under {', '.join(block.attacks)}") for block in blocks]


def _make_commands(layout: Layout, request: TableRequest) -> Commands:
    """Return the commands that complete the rows, and the number of cells that no command makes.

    A row of a defense that trains on adversarial texts is completed by a run that crosses all attacks of its block.
    """
    gaps = layout.gaps()
    plain = [gap for gap in gaps if not gap.row.info.adversarial]
    crossed = list(_widen(gap for gap in gaps if gap.row.info.adversarial))
    commands, hopeless = make_commands(plain, request.command_options)
    more, lost = make_commands(_cross(crossed, layout), ["--table", request.table.number, *request.command_options])
    return (*commands, *more), hopeless + lost


def _widen(gaps: Iterable[Gap]) -> Iterable[Gap]:
    """Yield one gap for each block, defense and seed."""
    seen: dict[tuple[str, str, int], Gap] = {}
    for gap in gaps:
        seen.setdefault((gap.row.block, repr(gap.row.defense), gap.seed), gap)
    return seen.values()


def _cross(gaps: Iterable[Gap], layout: Layout) -> Iterable[Gap]:
    """Yield a gap for each attack of the block, so that one command names all of them."""
    example = {r.column: r for r in layout.results}
    for gap in gaps:
        for column in layout.columns:
            yield gap._replace(column=example[column], named=not layout.columns[column].ambiguous)
