"""Table ``transfer``: how many adversarial texts that were made against another model fool each defense."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from robench.report.tables.cells import clean_cell, success_cell
from robench.report.tables.layout import Layout
from robench.report.tables.legend import describe_clean
from robench.report.tables.model import CLEAN, Cell, Column, Table
from robench.report.tables.options import TableRequest
from robench.results.cells import Result, read_results
from robench.results.info import TransferInfo
from robench.results.sample_reader import SampleReader
from robench.results.store import StoredStage
from robench.results.transfer import view_as_cell
from robench.study.commands import make_commands

LEGEND = (
    "Attacks: of the texts that this model and the next seed's undefended model classify correctly when clean, how many"
    " fool this model after the attack has changed them against the other; lower is better."
)


def transfer_table(transfers: Sequence[StoredStage[TransferInfo]], request: TableRequest) -> Table:
    """Make a table of the shares of another model's adversarial texts that fool each defense, by task."""
    kept = request.select(transfers, hint=f"transfers are another stage: {request.hint}")
    layout = Layout.of(request.paper, read_results([view_as_cell(stage) for stage in kept]))
    columns = [Column(CLEAN), *layout.list_columns(better="lower")]
    arranged, caption = layout.arrange(partial(_cells, SampleReader.of(layout.results, request.reader)))
    return request.finish(
        arranged,
        columns,
        caption=caption,
        legend=[f"{describe_clean(r.info for r in layout.results)}. {LEGEND}"],
        infos=(r.info for r in layout.results),
        commands=make_commands(layout.gaps(), ["--table", request.table.number, *request.command_options]),
    )


def _cells(reader: SampleReader, found: Sequence[Result], columns: Sequence[str]) -> tuple[Cell, ...]:
    cells = [clean_cell(reader, found)]
    return *cells, *(success_cell(reader, [r for r in found if r.column == column]) for column in columns)
