"""Parts of sentences about the numbers of a table."""

from __future__ import annotations

from collections.abc import Sequence

from robench.report.rendering.texts import number_text
from robench.report.tables.model import Cell, Column


def share_text(cell: Cell, column: Column) -> str:
    """Return ``61.0 %`` as part of a sentence, without the marks and counts that it has in a table."""
    return "an unknown share" if cell.value is None else f"{number_text(cell.value, column)} %"


def describe_doubts(cell: Cell, of: str = "") -> str:
    """Return what the marks of a number mean, as clauses; empty if it has none.

    Args:
        cell: with the number.
        of: whose number it is, if that is not clear.
    """
    whose = f" of {of}" if of else ""
    verb = "is" if cell.errors == 1 else "are"  # a case is a text with a seed
    errors = (
        f"; {cell.errors:,} of {cell.samples:,} cases{whose}, in which an attack ended in an error, {verb} left out"
    )
    masked = f"; the number{whose} is search-masked, and so too high"
    return (errors if cell.errors else "") + (masked if cell.masked and cell.masked.is_flagged else "")


def join_names(names: Sequence[str]) -> str:
    """Return names as part of a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
