"""Tables of rows: what a file or a split of a data set holds, before it is known which columns are texts and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from robench.data.task import Row
from robench.data.tsv import Cells
from robench.errors import RobenchError
from robench.escaping import list_values, name_type, show_value

NumberedCells = tuple[int, Sequence[Any]]
"""The number of a row in its file, and the cells of the columns that were asked for."""
NumberedRow = tuple[int, Row]
"""The number of a row in its file, and the row."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a file or of a split.

    Attributes:
        place: where it is, for messages: a path, or a split of a data set.
        unit: what its numbers count, from 1: ``line`` or ``row``.
        names: names of its columns.
        read_cells: yields the cells of some columns of each row, with the row's number.
        classes: for each column of class numbers, the names of the classes, as ``datasets`` stores them.
        cells: the cells of a tab-separated file, with what was made of its quotation marks.
    """

    place: str
    unit: str = "line"
    names: tuple[str, ...]
    read_cells: Callable[[Sequence[str]], Iterator[NumberedCells]]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cells: Cells | None = None

    def read_rows(self, text: str, label: str) -> list[NumberedRow]:
        """Return the numbers, texts and labels of all rows.

        Args:
            text: name of the text column.
            label: name of the label column.

        Raises:
            RobenchError: a row is malformed, or has no text or no label; the message names it.
        """
        rows: list[NumberedRow] = []
        for number, pair in self.read_cells((text, label)):
            for name, cell in zip((text, label), pair, strict=True):
                if cell is None:
                    raise RobenchError(f"{self.describe_place(number)}: no {name}.")
            if not isinstance(pair[0], str):
                raise RobenchError(f"{self.describe_place(number)}: its {text} is not a text but {name_type(pair[0])}.")
            if isinstance(pair[1], str) and not pair[1].strip():
                raise RobenchError(
                    f"{self.describe_place(number)}: its {label} is empty; give the row a label, or remove it."
                )
            rows.append((number, (pair[0], pair[1])))
        if not rows:
            raise RobenchError(f"{self.place} has no rows: give it at least one below its header, or remove it.")
        return rows

    def refuse_copies(self, name: str) -> None:
        """Raise a RobenchError if several columns have a name."""
        if self.names.count(name) > 1:
            raise RobenchError(
                f"{self.place} has {self.names.count(name)} columns {name!r}: keep one, or rename the others."
            )

    def describe_place(self, number: int) -> str:
        """Name a row by its number."""
        return f"{self.place}, {self.unit} {number}"


def list_columns(names: Sequence[str]) -> str:
    """Return the names of columns for a message."""
    return list_values(show_value(name) for name in names)
