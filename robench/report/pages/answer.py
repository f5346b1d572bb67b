"""The answer of a study in three sentences, read off its tables: which defense holds, how sure that is, the price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robench.report.pages.rows import find_column
from robench.report.rendering.texts import number_text, percent, rounded, value_text
from robench.report.tables.accuracy import CLEAN
from robench.report.tables.model import Block, Cell, Column, Row, Table
from robench.report.tables.price import TIMES
from robench.report.tables.worst import WORST
from robench.results.flags import UNLEARNED
from robench.results.intervals import FEWEST_SEEDS


@dataclass(frozen=True)
class Verdict:
    """What decides which defense holds best: one column of one block of a table.

    Attributes:
        table: the table.
        block: the block.
        place: of the column among the cells.
        attacks: titles of all attacks.
        reference: registered name of the defense that is none.
    """

    table: Table
    block: Block
    place: int
    attacks: Sequence[str]
    reference: str

    @classmethod
    def of(cls, accuracy: Table, worst: Table | None, attacks: Sequence[str], reference: str) -> Verdict | None:
        """Choose what decides: accuracy under the worst of all attacks, if it is known of defenses, else the hardest.

        Args:
            accuracy: the table of accuracies under each attack.
            worst: the table of accuracies under the worst of all attacks, if there is one.
            attacks: titles of all attacks.
            reference: registered name of the defense that is none.

        Returns:
            None if nothing was attacked.
        """
        for table in filter(None, (worst, accuracy) if len(attacks) > 1 else ()):
            place = find_column(table, WORST)
            block = max(table.blocks, key=_count_numbers)
            if place is not None and _count_defenses(block, place) > 1:
                return cls(table, block, place, attacks, reference)
        block = max(accuracy.blocks, key=_count_numbers)
        means = {
            place: mean
            for place, column in enumerate(accuracy.columns)
            if column.name in attacks and (mean := _mean(block, place)) is not None
        }
        hardest = min(means, key=means.__getitem__, default=None)
        return None if hardest is None else cls(accuracy, block, hardest, attacks, reference)

    @property
    def column(self) -> Column:
        """The column that decides."""
        return self.table.columns[self.place]

    @property
    def under(self) -> str:
        """What the texts go through, in words."""
        if self.column.name == WORST:
            return f"each of {join_names(self.attacks)}" if len(self.attacks) > 1 else self.attacks[0]
        count = len(self.attacks)
        return self.column.name if count == 1 else f"{self.column.name}, the hardest of {count} attacks"

    @property
    def ranked(self) -> list[Row]:
        """The rows with a number, the best first; those of models that learned nothing, which nothing fools, last."""
        rows = [row for row in self.block.rows if self.cell(row).value is not None]
        return sorted(rows, key=lambda row: (not self.cell(row).learned, -(self.cell(row).value or 0)))

    def cell(self, row: Row) -> Cell:
        """Return a row's cell in the column."""
        return row.cells[self.place]

    def sentences(self) -> list[str]:
        """Return which defense holds best, and how sure that is."""
        ranked = [row for row in self.ranked if self.cell(row).learned]
        if not ranked:
            return [
                "Nobody can tell yet which defense holds best: none is sure to have learned the task, as each"
                f" {UNLEARNED}."
            ]
        if len(ranked) < 2:
            only, verb = ranked[0], "was attacked" if len(self.ranked) < 2 else "has learned the task"
            return [
                f"Nobody can tell yet which defense holds best: only {only.label} {verb}, and"
                f" {value_text(self.cell(only), self.column)} % of its texts stay right under {self.under}."
            ]
        return [self._who(ranked), self._how_sure(ranked)]

    def _who(self, ranked: Sequence[Row]) -> str:
        best = ranked[0]
        is_claim = best.name != self.table.compared or self.cell(best).p is None or self.cell(best).is_claim
        is_alone = is_claim and not any(self.cell(row).best for row in ranked[1:])
        lead = f"{best.label} {'holds best' if is_alone else 'has the highest number'}"
        base = next((row for row in ranked if row.name == self.reference), None)
        against = f", against {self._percent(base)} of {base.label}" if base and base is not best else ""
        right = f"of {self.cell(best).n:,} attacked texts {self._percent(best)} stay right under {self.under}"
        return f"{lead}: {right}{against}."

    def _how_sure(self, ranked: Sequence[Row]) -> str:
        named = next((row for row in ranked if row.name == self.table.compared), None)
        parts = [] if named is ranked[0] else [self._rivals(ranked)]
        parts += [self._claim(named, ranked[0]) if named else "", _about_seeds(self.cell(ranked[0]))]
        return f"How sure: {'; '.join(part for part in parts if part)}."

    def _rivals(self, ranked: Sequence[Row]) -> str:
        """Return what cannot be told from the best."""
        alike = [row.label for row in ranked[1:] if self.cell(row).best]
        if alike:
            return f"{join_names(alike)} cannot be told from it{self._smallest()}"
        tested = all(self.cell(row).outcomes is not None for row in ranked)
        return "a paired test tells it from every other" if tested else ""

    def _smallest(self) -> str:
        size = self.block.smallest[self.place] if self.block.smallest else None
        return f", and less than {percent(size)} points are often missed with these samples" if size else ""

    def _claim(self, named: Row, best: Row) -> str:
        """Return what can be claimed of the defense that was named beforehand."""
        cell = self.cell(named)
        if cell.difference is None or cell.p is None:
            return ""
        lead = f"{number_text(abs(cell.difference), self.column)} points"
        certain = f"({_p(cell.p)}, adjusted for all others)"
        if named is best:
            verdict = "is more than chance" if cell.is_claim else "may be chance"
            return f"its lead of {lead} over the next {verdict} {certain}{'' if cell.is_claim else self._smallest()}"
        verdict = "more than chance" if cell.is_claim else "possibly by chance"
        return f"{named.label}, which was named for comparison, is {lead} behind the best other, {verdict} {certain}"

    def _percent(self, row: Row) -> str:
        return f"{value_text(self.cell(row), self.column)} %"

    def price(self, prices: Table | None) -> str:
        """Return what the best defense costs, on clean texts and in training.

        Args:
            prices: the table of prices, if there is one.
        """
        best = self.ranked[0]
        base = next((row for row in self.block.rows if row.name == self.reference), None)
        clean = find_column(self.table, CLEAN)
        if base is None or clean is None or base is best:
            return ""
        parts = []
        ours, theirs = best.cells[clean].value, base.cells[clean].value
        if ours is not None and theirs is not None:
            change = ours - theirs
            word = "fewer" if change < 0 else "more"
            size = number_text(abs(change), self.table.columns[clean])
            more = f"{size} points {word} of the clean texts are right than with {base.label}"
            parts.append(more if change else f"none on clean texts, of which as many are right as with {base.label}")
        times = _training_times(prices, self.block, best)
        if times:
            least, most = (rounded(edge, 1) for edge in (min(times), max(times)))
            span = least if least == most else f"{least} to {most}"
            parts.append(f"training takes {span} times as long, the making of adversarial texts included")
        return f"The price of {best.label}: {'; '.join(parts)}." if parts else ""


def _training_times(prices: Table | None, block: Block, best: Row) -> list[float]:
    """Return how many times as long as the reference the models of a row train, by the table of prices."""
    place = find_column(prices, TIMES) if prices else None
    if prices is None or place is None:
        return []
    rows = [row for one in prices.blocks if one.task == block.task for row in one.rows if row.name == best.name]
    rows = [row for row in rows if row.label == best.label] or rows
    return [float(value) for row in rows if (value := row.cells[place].value) is not None]


def _about_seeds(cell: Cell) -> str:
    count = len(cell.seeds)
    if count >= FEWEST_SEEDS:
        return f"{count} seeds were run, so this is about the methods"
    seeds = "one seed was" if count == 1 else f"{count} seeds were"
    return f"{seeds} run, so this is about these trained models, and not yet about the methods"


def _count_numbers(block: Block) -> int:
    return sum(cell.value is not None for row in block.rows for cell in row.cells)


def _count_defenses(block: Block, place: int) -> int:
    return len({row.name for row in block.rows if row.cells[place].value is not None})


def _mean(block: Block, place: int) -> float | None:
    values = [float(row.cells[place].value or 0) for row in block.rows if row.cells[place].value is not None]
    return sum(values) / len(values) if values else None


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.01 else f"p = {value:.2f}"


def join_names(names: Sequence[str]) -> str:
    """Return names as part of a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
