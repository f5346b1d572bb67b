"""Tables on a terminal: columns as wide as they have to be, with broken lines on a narrow terminal.

How it works: ways to set the table are tried in turn, from one line a row to whatever can go into a second one, until
its columns fit side by side. If none does, the columns are set in several bands below each other, each with the names
of the rows, so that no number is torn apart.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from robench.console import Console
from robench.escaping import escape_line
from robench.report.rendering.texts import (
    FILL,
    WIDE,
    difference_text,
    ends,
    heads,
    interval_text,
    lead_word,
    lines_below,
    lines_below_commands,
    numeric,
    published_text,
    shared_ends,
    shown_commands,
    value_text,
)
from robench.report.tables.legend import BOLD
from robench.report.tables.model import Cell, Column, Row, Table

NARROWEST_LABEL = 10
"""Characters that are left for a row's name on the narrowest terminal."""
COMPACT = 0.02
"""Width of an interval from which on its bounds are whole points if there is little room."""

_PARTS = r" (?=[(\[+±/-])|(?<=,) (?=[0-9,]+ error)"


class _Form(NamedTuple):
    """A way to set a table.

    Attributes:
        in_cells: the spaces of cells that become line breaks, as a pattern; none if empty.
        in_heads: likewise of headings.
        gap: spaces between columns.
        wide: width of an interval from which on its bounds are whole points.
    """

    in_cells: str
    in_heads: str
    gap: int
    wide: float = WIDE


_FORMS = (
    _Form("", "", 2),
    _Form(r" (?=\[)", r" (?=\()", 2),
    _Form(r" (?=[(\[])", r" (?=\()", 2),
    _Form(_PARTS, _PARTS, 1),
    _Form(_PARTS, r"(?<=:)|" + _PARTS, 1, COMPACT),
    _Form(_PARTS, r"(?<=:)| ", 1, COMPACT),
)
"""From the widest to the narrowest."""


def terminal(table: Table, console: Console | None = None) -> str:
    """Format a table for a console, in its width and colours; without one, in 120 columns of plain text."""
    if console is None:  # in a notebook, too, where rich would show what it captures, and colours are asked for
        console = Console(file=io.StringIO(), width=120, color_system=None, force_jupyter=False)
    grid = _find_grid(table, console.width)
    with console.capture() as capture:
        console.print(_assemble_head(table))
        for block, bands in zip(table.blocks, grid.draw(console.width), strict=True):
            if block.heading:
                console.print(Text(escape_line(block.heading), style="bold"))
            for band in bands:
                console.print(band, "", sep="\n", highlight=False)
        for line in [*grid.notes, *lines_below(table)]:
            if console.color_system is None and line.startswith(BOLD):
                continue  # a pipe or a file, where nothing is bold
            console.print(Text(escape_line(line), style="dim"))
        if table.commands:
            console.print(Text(FILL))
        for command in shown_commands(table):
            console.print(Text(f"  {escape_line(command)}"), soft_wrap=True)
        for line in lines_below_commands(table):
            console.print(Text(f"  {escape_line(line)}"), soft_wrap=True)
    return capture.get()


def _assemble_head(table: Table) -> Text:
    caption = ["\n", escape_line(table.caption)] if table.caption else []
    return Text.assemble((escape_line(table.title), "bold"), *caption, "\n")


@dataclass(frozen=True)
class _Grid:
    """The texts of a table, with their line breaks.

    Attributes:
        titles: headings.
        blocks: rows of each block.
        gap: spaces between columns.
        flush_right: whether a column has numbers.
        tail: number of columns behind the cells, which stay together.
        notes: what is said below the table instead of in columns.
    """

    titles: Sequence[Text]
    blocks: Sequence[Sequence[Sequence[Text]]]
    gap: int
    flush_right: Sequence[bool]
    tail: int
    notes: Sequence[str]

    @classmethod
    def of(cls, table: Table, form: _Form, *, shared: str = "") -> _Grid:
        """Set a table in a form; without the columns behind its cells if ``shared`` says what they hold."""
        names = heads(table)
        count = 1 + len(table.columns) if shared else len(names)
        return cls(
            [_broken(Text(escape_line(name)), form.in_heads) for name in names[:count]],
            [
                [[_broken(text, form.in_cells) for text in _row(table, row, form.wide)][:count] for row in block.rows]
                for block in table.blocks
            ],
            form.gap,
            numeric(table)[:count],
            count - 1 - len(table.columns),
            [shared] if shared else [],
        )

    @property
    def widths(self) -> list[int]:
        """The width of each column."""
        columns = zip(self.titles, *(row for block in self.blocks for row in block), strict=True)
        return [max(len(line) for text in column for line in text.plain.split("\n")) for column in columns]

    def room_for_label(self, width: int) -> int:
        """Return what all other columns, side by side, leave for the names of the rows."""
        others = self.widths[1:]
        return width - sum(others) - self.gap * len(others)

    def bands(self, width: int) -> list[list[int]]:
        """Return the columns of each band, without that of the rows' names."""
        label, *others = self.widths
        if self.room_for_label(width) >= min(label, NARROWEST_LABEL):
            return [list(range(1, len(others) + 1))]
        bands: list[list[int]] = []
        left = 0
        for place, one in enumerate(others, start=1):
            together = others[place - 1 :] if place == len(others) - self.tail + 1 else [one]
            if not bands or left < sum(together) + self.gap * len(together):
                bands.append([])
                left = width - label
            bands[-1].append(place)
            left -= one + self.gap
        return bands

    def count_lines(self, width: int) -> int:
        """Return the lines of the highest row, over all bands."""
        texts = [text for block in self.blocks for row in block for text in row]
        return len(self.bands(width)) * max((text.plain.count("\n") + 1 for text in texts), default=1)

    def draw(self, width: int) -> Iterator[list[RichTable]]:
        """Yield the bands of each block."""
        widths, bands = self.widths, self.bands(width)
        if len(bands) == 1:
            widths[0] = min(widths[0], max(self.room_for_label(width), NARROWEST_LABEL))
        for block in self.blocks:
            yield [self._draw_band(block, [0, *band], widths) for band in bands]

    def _draw_band(self, rows: Sequence[Sequence[Text]], places: Sequence[int], widths: Sequence[int]) -> RichTable:
        made = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, self.gap - 1, 0, 0))
        for place in places:
            justify = "right" if self.flush_right[place] else "left"
            made.add_column(self.titles[place], justify=justify, width=widths[place], overflow="fold")  # type: ignore[arg-type]
        for label, *cells in rows:
            folded = textwrap.fill(label.plain, widths[0])  # at hyphens, if a name is too long
            made.add_row(Text(folded), *(cells[place - 1] for place in places[1:]))
        return made


def _find_grid(table: Table, width: int) -> _Grid:
    """Return the first grid whose columns fit side by side; else the one with the fewest lines in bands."""
    shared = shared_ends(table)
    grids = []
    for form in _FORMS:
        for told in ("", shared) if shared else ("",):
            grid = _Grid.of(table, form, shared=told)
            if grid.widths[0] <= grid.room_for_label(width):
                return grid
            grids.append(grid)
    if len(grids[-1].bands(width)) == 1:
        return grids[-1]
    whole = [grid for grid in grids if grid.notes or not shared]
    return min(whole, key=lambda grid: (grid.count_lines(width), len(grid.bands(width))))


def _row(table: Table, row: Row, wide: float) -> list[Text]:
    cells = [_cell(cell, column, wide) for cell, column in zip(row.cells, table.columns, strict=True)]
    return [Text(escape_line(row.marked_label)), *cells, *(Text(end, "dim") for end in ends(table, row))]


def _cell(cell: Cell, column: Column, wide: float) -> Text:
    text = Text()
    nothing = cell.value is None and not cell.text
    text.append(escape_line(value_text(cell, column)), style="bold" if cell.best else "dim" if nothing else "")
    if interval := interval_text(cell, column, wide):
        text.append(f" {interval}", style="dim")
    if cell.difference is not None:
        style = {"better": "green", "worse": "red"}.get(lead_word(cell, column), "")
        text.append(f" {difference_text(cell, column)}", style=style)
    if cell.published is not None:
        text.append(f" {published_text(cell, column)}", style="dim")
    return text


def _broken(text: Text, space: str) -> Text:
    """Put a line break in place of each space that a pattern finds; styles stay where they are."""
    broken = text.copy()
    if space:
        broken.plain = re.sub(space, "\n", text.plain)
    return broken
