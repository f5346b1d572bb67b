"""Parts of sentences about the numbers of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Tested:
    """What tests say of rows that are compared with the best of them; all are names, and the best is one of ``level``.

    Attributes:
        level: the best, and what has the same number and is not one of those below.
        alike: what a test cannot tell from the best.
        ahead: what a test tells from the best, and for the better, of the seeds that both have.
        unpaired: what no test can compare with the best.
    """

    level: Sequence[str]
    alike: Sequence[str]
    ahead: Sequence[str]
    unpaired: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[tuple[str, Cell]]) -> Tested:
        """Sort names of rows by what the marks of their cells say, the best first."""
        (best, first), *others = rows
        unpaired = [name for name, cell in others if not cell.is_paired]
        ahead = [name for name, cell in others if cell.is_ahead]
        rest = [(name, cell) for name, cell in others if name not in unpaired and name not in ahead]
        level = [name for name, cell in rest if cell.value == first.value]
        alike = [name for name, cell in rest if cell.best and name not in level]
        return cls([best, *level], alike, ahead, unpaired)


def describe_ahead(names: str, *, several: bool) -> str:
    """Return that rows are better than the best of all, by the seeds that both have."""
    return f"of the seeds that both have {names} {'are' if several else 'is'} the better by a paired test"


def describe_unpaired(names: str, best: str) -> str:
    """Return that no test could compare rows with the best."""
    return f"{names} could not be tested against {best}, for want of outcomes of the same seeds and texts"


def join_names(names: Sequence[str]) -> str:
    """Return names as part of a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
