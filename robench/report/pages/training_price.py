"""What the training of a defense costs, as a part of a sentence, read off the table of prices."""

from __future__ import annotations

from robench.report.pages.rows import find_column
from robench.report.rendering.texts import rounded
from robench.report.tables.model import Block, Cell, Row, Table
from robench.report.tables.price import TIMES, TRAINING


def describe_training(prices: Table | None, block: Block, best: Row, base: Row) -> str:
    """Return how many times as long as the reference the models of a row train; empty if that is not known.

    Args:
        prices: the table of prices, if there is one.
        block: of both rows.
        best: the row.
        base: the row of the reference.
    """
    cells = _find_prices(prices, TIMES, block, best)
    times = [float(cell.value) for cell in cells if cell.value is not None]
    if not times:
        return ""
    is_rough = _is_uneven(cells) or _is_uneven(_find_prices(prices, TRAINING, block, base))
    least, most = (_times_text(edge, is_rough) for edge in (min(times), max(times)))
    span = least if least == most else f"{least} to {most}"
    span = "" if span in ("1", "1.0") else f"{span} times "
    about = "about " if is_rough or not span else ""
    return f"training takes {about}{span}as long, the making of adversarial texts included"


def _is_uneven(cells: list[Cell]) -> bool:
    """Return whether a number, mean plus and less standard deviation over seeds, spans more than 20 % of the mean."""
    return any(cell.sd is not None and cell.value is not None and 2 * cell.sd > cell.value / 5 for cell in cells)


def _find_prices(prices: Table | None, name: str, block: Block, row: Row) -> list[Cell]:
    """Return the cells of a column of the table of prices that are of a row's models.

    That table has a row for each model, so that its labels may differ: a defense with a model for each attack has as
    many rows there.
    """
    place = find_column(prices, name) if prices else None
    if prices is None or place is None or not row.identity:
        return []
    blocks = [one for one in prices.blocks if one.setting == block.setting]
    rows = [one for found in blocks for one in found.rows if one.identity == row.identity]
    rows = [one for one in rows if one.label == row.label] or rows
    return [one.cells[place] for one in rows]


def _times_text(times: float, is_rough: bool) -> str:
    return f"{float(f'{times:.2g}'):g}" if is_rough else rounded(times, 1)
