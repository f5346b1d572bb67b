"""A board as data: the defenses that can be compared, in the order of their ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from robench.report.tables.model import Cell, Column, Row
from robench.results.cells import Result
from robench.results.entry_form import Entry
from robench.results.labels import Label
from robench.results.sample_reader import SampleReader

MEAN = "mean%"
"""The column with the mean of the accuracies under the attacks that rank a board."""


@dataclass(frozen=True)
class BoardRow:
    """A defense on a board.

    Attributes:
        row: its numbers, a cell for each column of the board.
        rank: 1 for the best; None if it did not meet every attack that the board is ranked by. Equal numbers share one.
        results: what its numbers are of.
        met: the results of all its models, also under attacks that another model of it is known by.
        entries: its entries, in order.
    """

    row: Row
    rank: int | None
    results: Sequence[Result]
    met: Sequence[Result]
    entries: Sequence[Entry]

    @property
    def defense(self) -> str:
        """Return the registered name of the defense."""
        return self.row.name

    @property
    def knows(self) -> str:
        """Return the name of the attack that it was trained against; empty for none, or if it has several models."""
        attacks = {r.info.training_attack.name for r in self.results if r.info.training_attack}
        return attacks.pop() if len(attacks) == 1 else ""


@dataclass(frozen=True)
class Board:
    """Defenses that can be compared.

    Attributes:
        name: of its pages.
        title: task, encoder, and what else sets it apart from other boards.
        columns: what is known of each defense.
        places: the defenses, the best first.
        attacks: the attacks of its columns, by identity.
        ranking: titles of the attacks that it is ranked by.
        by: name of the column that ranks it.
        lacking: names of the defenses that keep it from being ranked by the worst attack.
        reader: reads outcomes of single texts.
        few_seeds: as in :class:`~robench.report.tables.model.Block`.
        unpaired: likewise.
    """

    name: str
    title: str
    columns: Sequence[Column]
    places: Sequence[BoardRow]
    attacks: Mapping[str, Label]
    ranking: Sequence[str]
    by: str
    lacking: Sequence[str]
    reader: SampleReader
    few_seeds: int = 0
    unpaired: int = 0

    @property
    def page(self) -> str:
        """Return the path of its page."""
        return f"boards/{self.name}.html"

    @property
    def entries_page(self) -> str:
        """Return the path of the page with all of its entries."""
        return f"boards/{self.name}-entries.html"

    @property
    def first(self) -> Result:
        """Return a result, for what all share."""
        return self.places[0].results[0]

    @property
    def ranked(self) -> list[BoardRow]:
        """Return the places that have a rank, the best first."""
        return [place for place in self.places if place.rank is not None]

    @property
    def entries(self) -> list[Entry]:
        """Return all entries, in the order of the places."""
        return [entry for place in self.places for entry in place.entries]

    @cached_property
    def column(self) -> int:
        """Place of the column that ranks it."""
        return [column.name for column in self.columns].index(self.by)

    def cell(self, place: BoardRow) -> Cell:
        """Return the number that decides the rank of a place."""
        return place.row.cells[self.column]


def training_attack(entry: Entry) -> str:
    """Return the title of the attack whose texts a model was trained on; empty if it needed none."""
    against = entry.trained_against
    return (against.attack.title or against.attack.name) if against else ""
