"""The paper's tables as data: which rows and columns, and the numbers in them, from stored results.

Numbers stay exact fractions, so that ties are ties; :mod:`robench.report.rendering` only formats. But for tables 2 and
3, nothing more than the standard library is imported: a table of a thousand cells is there in a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from robench.errors import RobenchError
from robench.plugins.suggestions import explain_unknown
from robench.report.tables.accuracy import table4, table5, table6
from robench.report.tables.against import against_paper
from robench.report.tables.datasets import table3
from robench.report.tables.high_order import table7
from robench.report.tables.methods import table2
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.options import Asked
from robench.report.tables.orders import DEFENSE_ORDER
from robench.report.tables.quality import quality
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.papers import PAPER
from robench.results.selection import NoResultsError
from robench.results.store import Store

__all__ = [
    "DEFENSE_ORDER",
    "NUMBERS",
    "PAPER_NUMBERS",
    "Asked",
    "Block",
    "Cell",
    "Column",
    "Row",
    "Table",
    "against_paper",
    "make",
    "make_all",
    "quality",
    "table2",
    "table3",
    "table4",
    "table5",
    "table6",
    "table7",
]

_MAKERS: dict[str, Callable[[Store, Asked], Table]] = {
    "2": lambda store, asked: table2(**asked),
    "3": lambda store, asked: table3(**asked),
    "4": lambda store, asked: table4(store.stages(CellInfo), **asked),
    "5": lambda store, asked: table5(store.stages(CellInfo), **asked),
    "6": lambda store, asked: table6(store.stages(CellInfo), **asked),
    "7": lambda store, asked: table7(store.stages(StatisticsInfo), **asked),
    "quality": lambda store, asked: quality(store.stages(CellInfo), **asked),
}
NUMBERS = tuple(_MAKERS)
"""The tables that can be made: by their number in the paper, and one of ours by its name."""

PAPER_NUMBERS = tuple(name for name in NUMBERS if name.isdigit())
"""The paper's."""


def make(number: str, store: Store, *, against: str | None = None, **asked: Unpack[Asked]) -> Table:
    """A table of the paper, filled with what a runs folder holds.

    Args:
        number: one of :data:`NUMBERS`.
        store: the runs folder.
        against: ``paper`` puts the published numbers beside ours.
        asked: what to show, see :class:`~robench.report.tables.options.Asked`.

    Raises:
        NoResultsError: the runs folder has nothing for it.
        RobenchError: there is no such table, something that was asked for is unknown, or a stored file is broken.
    """
    if number not in _MAKERS:
        raise RobenchError(
            explain_unknown("table", number, list(NUMBERS), "without a number, all that have data are shown")
        )
    if against not in (None, PAPER):
        raise RobenchError(explain_unknown("publication", str(against), [PAPER], "--against takes its name"))
    table = _MAKERS[number](store, asked)
    return against_paper(table) if against else table


def make_all(
    store: Store, *, against: str | None = None, **asked: Unpack[Asked]
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """All tables of the paper that have data, and for each other one a sentence that says why it has none.

    Table 3 fetches nothing: it has the tasks that are on this machine. Table 6 is left out where it has but one
    encoder and would repeat rows of table 5.

    Args:
        store: the runs folder.
        against: as in :func:`make`.
        asked: as in :func:`make`.

    Raises:
        RobenchError: as in :func:`make`, but for a table without data.
    """
    tables, reasons = [], []
    here: Asked = {**asked, "offline": True}
    for number in PAPER_NUMBERS:
        try:
            made = make(number, store, against=against, **here)
        except NoResultsError as error:
            reasons.append(f"table {number}: {error}")
            continue
        if reason := _empty(made, asked):
            reasons.append(f"table {number}: {reason}")
        else:
            tables.append(made)
    return tuple(tables), tuple(reasons)


def _empty(table: Table, asked: Asked) -> str:
    """Why a table is not worth showing among others; empty where it is."""
    if table.name == "3" and not any(cell.value is not None for row in table.blocks[0].rows for cell in row.cells):
        return "none of the tasks' data is on this machine; `robench table 3` fetches what can be had."
    encoders = {block.setting.get("encoder_digest") for block in table.blocks}
    if table.name == "6" and len(encoders) < 2 and not asked.get("encoders"):
        return "there are results of one encoder only, which table 5 has; `robench table 6` shows them all the same."
    return ""
