"""Parts of a table as plain text, the same in every format."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from robench.escaping import count_noun
from robench.report.tables.legend import has_spread
from robench.report.tables.model import Cell, Column, Row, Table
from robench.results.intervals import LEVEL
from robench.study.command_options import ANY_FOLDER, describe_folder
from robench.study.commands import put_usual_first

DASH = "—"
WIDE = 0.05
"""Width of an interval from which on its bounds are whole points."""


def rounded(value: Fraction | float, digits: int) -> str:
    """Return a number with that many digits behind the point; halves are rounded up, exactly."""
    scaled = math.floor(Fraction(value) * 10**digits + Fraction(1, 2))
    whole, part = divmod(abs(scaled), 10**digits)
    return f"{'-' if scaled < 0 else ''}{whole:,}" + (f".{part:0{digits}d}" if digits else "")


def percent(value: Fraction | float, digits: int = 1) -> str:
    """Return a share in percent; halves are rounded up, exactly."""
    return rounded(Fraction(value) * 100, digits)


def p_text(p: float, level: float = LEVEL) -> str:
    """Return a p value as part of a sentence, with two digits, or as many as show whether a test tells two rows apart.

    Example:
        >>> p_text(0.0123), p_text(0.0496), p_text(0.0504)
        ('p = 0.012', 'p = 0.0496', 'p = 0.0504')

    Args:
        p: the value.
        level: of the test, which tells two rows apart if p is 1 less the level at most.
    """
    alpha = round(1 - level, 12)
    least = min(0.0001, alpha)
    if p < least:
        return f"p < {least:.2g}"
    shown = (f"{p:.{digits}g}" for digits in range(2, 18))
    return f"p = {next(text for text in shown if _side(float(text), alpha) == _side(p, alpha))}"


def _side(p: float, alpha: float) -> int:
    """Return whether a p value is below, at or above the largest that tells two rows apart."""
    return 0 if math.isclose(p, alpha, rel_tol=1e-9) else 1 if p > alpha else -1


def points_text(share: float, *, signed: bool = False) -> str:
    """Return a difference of shares in points, with one digit, or as many as tell it from none.

    Example:
        >>> points_text(0.021), points_text(-0.00013), points_text(0.0, signed=True)
        ('2.1', '-0.01', '+0.0')

    Args:
        share: the difference, -1 to 1; what is smaller than the errors of floating point counts as none.
        signed: whether a number that is not negative has a sign, too.
    """
    points = 100 * share if abs(share) > 1e-11 else 0.0
    shown = (f"{points:{'+' if signed else ''}.{digits}f}" for digits in range(1, 10))
    return next(text for text in shown if float(text) or not points)


def number_text(value: Fraction | float, column: Column, digits: int | None = None) -> str:
    """Return a number in its column's unit."""
    digits = column.digits if digits is None else digits
    if column.unit == "percent":
        return percent(value, digits)
    return rounded(value, 0 if column.unit == "count" else digits)


def value_text(cell: Cell, column: Column) -> str:
    """Return ``61.0``, ``61.0 ± 1.2``, ``50.0 †`` of a model that learned nothing, or a text.

    A number that is search-masked has a ``¶``. The number of errors follows: ``61.0, 2 errors``. A chance that is
    rounded to none is ``<0.0001``.
    """
    if cell.value is None:
        return (cell.text or DASH) + errors_text(cell)
    has_sd = has_spread(cell) and (cell.sd or column.unit != "count")  # a count is often the same with each seed
    spread = f" ± {number_text(cell.sd, column)}" if cell.sd is not None and has_sd else ""
    marks = ("" if cell.learned else " †") + (" ¶" if cell.masked and cell.masked.is_flagged else "")
    shown = _signed_text(cell.value, column)
    if column.is_chance and cell.value > 0 and not shown.strip("0."):
        shown = f"<{rounded(Fraction(1, 10**column.digits), column.digits)}"
    return shown + spread + marks + errors_text(cell)


def _signed_text(value: Fraction | float, column: Column) -> str:
    """Return a number in its column's unit, with its sign if the column has signs: ``+0.0`` and ``-0.0`` differ."""
    if not column.signed:
        return number_text(value, column)
    return f"{'-' if value < 0 else '+'}{number_text(max(value, -value), column)}"


def interval_text(cell: Cell, column: Column, wide: float = WIDE) -> str:
    """Return an interval, such as two bounds with an en dash between them, or of two seeds both values, in parentheses.

    It is empty if there is neither.

    Args:
        cell: the cell.
        column: its column.
        wide: width of an interval, a share, from which on its bounds are whole points.
    """
    if cell.interval is not None:
        # Tenths of a point say nothing about an interval that is many points wide.
        digits = 0 if cell.interval.high - cell.interval.low >= wide else column.digits
        low, high = (number_text(bound, column, digits) for bound in (cell.interval.low, cell.interval.high))
        return f"({low}\N{EN DASH}{high})"
    return f"({', '.join(_signed_text(value, column) for value in cell.by_seed)})" if cell.by_seed else ""


def estimate_text(cell: Cell, column: Column) -> str:
    """Return a number with its interval, or of two seeds with both values, in parentheses; alone without either."""
    return f"{value_text(cell, column)} {interval_text(cell, column)}".strip()


def errors_text(cell: Cell) -> str:
    """Return ``, 2 errors``, with a mark if they are many; empty if there are none."""
    return f", {count_noun(cell.errors, 'error')}{' !' if cell.has_many_errors else ''}" if cell.errors else ""


def difference_text(cell: Cell, column: Column) -> str:
    """Return ``(↑ 6.4)``, with a star if it is a claim; empty if nothing is compared."""
    if cell.difference is None:
        return ""
    arrow = "↑" if cell.difference > 0 else "↓" if cell.difference < 0 else "="
    return f"({arrow} {number_text(abs(cell.difference), column)}{'*' if cell.is_claim else ''})"


def lead_word(cell: Cell, column: Column) -> str:
    """Return whether the lead of a cell is ``better`` or ``worse`` than none; empty if there is no lead."""
    if not cell.difference:
        return ""
    return "better" if (cell.difference > 0) == (column.better == "higher") else "worse"


def published_text(cell: Cell, column: Column) -> str:
    """Return ``[57.0, +4.0]``: the paper's number, and ours minus it; empty if the paper has none."""
    if cell.published is None:
        return ""
    if cell.less_published is None:
        return f"[{number_text(cell.published, column)}]"
    less = number_text(cell.less_published, column)
    sign = "" if less.startswith("-") or not less.strip("0.,") else "+"
    return f"[{number_text(cell.published, column)}, {sign}{less}]"


def samples_text(row: Row) -> str:
    """Return ``500 / 200``: clean and attacked samples."""
    counts = [str(count) for count in (row.clean_n, row.attacked_n) if count is not None]
    return " / ".join(counts) or DASH


def seeds_text(row: Row) -> str:
    """Return the number of seeds; ``1-3`` if not every number of the row has as many."""
    counts = {len(cell.seeds) for cell in row.cells if cell.seeds}
    if not counts:
        return DASH
    return str(max(counts)) if len(counts) == 1 else f"{min(counts)}-{max(counts)}"


def heads(table: Table) -> list[str]:
    """Return the headings of all columns, that of the rows' names included."""
    return [table.row_kind, *(column.name for column in table.columns), *_end_heads(table)]


def numeric(table: Table) -> list[bool]:
    """Return for each column whether it has numbers, which are set flush right."""
    return [False, *(column.unit != "text" for column in table.columns), *(True for _ in _end_heads(table))]


def ends(table: Table, row: Row) -> Sequence[str]:
    """Return what follows a row's cells: its samples and seeds."""
    texts = {"samples": samples_text(row), "seeds": seeds_text(row)}
    return [texts[head] for head in _end_heads(table)]


def shared_ends(table: Table) -> str:
    """Return a sentence that says what samples and seeds all rows with numbers have; empty if they differ."""
    names = _end_heads(table)
    found = {tuple(ends(table, row)) for block in table.blocks for row in block.rows}
    found = {texts for texts in found if set(texts) != {DASH}}
    if not names or len(found) != 1:
        return ""
    return f"In all rows: {', '.join(f'{name} {text}' for name, text in zip(names, *found, strict=True))}."


def _end_heads(table: Table) -> list[str]:
    shown = {"samples": table.is_measured and table.samples, "seeds": table.is_measured}
    return [head for head, applies in shown.items() if applies]


def lines_below(table: Table) -> list[str]:
    """Return legend and notes."""
    return [*table.legend, *(f"Note: {note}" for note in table.notes)]


def shown_commands(table: Table) -> list[str]:
    """Return the first commands that fill the gaps of a table: usual forms of defenses come before changed ones."""
    return put_usual_first(table.commands)[:MOST_COMMANDS]


def lines_below_commands(table: Table) -> list[str]:
    """Return how many commands are not shown, and what the folders are that readers have to name in them."""
    hidden = len(table.commands) - MOST_COMMANDS
    lines = [f"{hidden} more commands stand in the table as --format json writes it."] if hidden > 0 else []
    if any(f" {ANY_FOLDER} " in f"{command} " for command in table.commands):
        settings = [block.setting for block in table.blocks if "data_digest" in block.setting]
        folders = (describe_folder(one["task"], one["data"], one["data_digest"]) for one in settings)
        lines += dict.fromkeys(filter(None, folders))
    return lines


FILL = f"{DASH}: no result yet. To fill the gaps:"
MOST_COMMANDS = 6
"""Most commands that are shown; a sweep of one setting has one for each value."""
