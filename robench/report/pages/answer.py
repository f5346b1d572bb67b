"""The answer of a study in three sentences, read off its tables: which defense holds, how sure that is, the price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from robench.report.pages.phrases import (
    Tested,
    describe_ahead,
    describe_doubts,
    describe_unpaired,
    join_names,
    share_text,
)
from robench.report.pages.rows import find_column
from robench.report.pages.training_price import describe_training
from robench.report.rendering.texts import number_text, p_text, percent
from robench.report.tables.legend import explain_few_seeds
from robench.report.tables.model import CLEAN, WORST, Block, Cell, Column, Row, Table
from robench.results.flags import UNLEARNED
from robench.results.intervals import FEWEST_SEEDS, LEVEL

_OTHERS = "the best other defense that is compared"


@dataclass(frozen=True)
class Verdict:
    """What decides which defense holds best: one column of one block of a table.

    Attributes:
        table: the table.
        block: the block.
        place: of the column among the cells.
        reference: registered name of the defense that is none.
    """

    table: Table
    block: Block
    place: int
    reference: str

    @classmethod
    def of(cls, accuracy: Table, worst: Table | None, identity: str, reference: str) -> Verdict | None:
        """Choose what decides: accuracy under the worst of all attacks, if it is known of defenses, else the hardest.

        Args:
            accuracy: the table of accuracies under each attack.
            worst: the table of accuracies under the worst of all attacks, if there is one.
            identity: of the block that the answer is about; a table that lacks it has another, of the most numbers.
            reference: registered name of the defense that is none.

        Returns:
            None if nothing was attacked.
        """
        for table in filter(None, (worst, accuracy)):
            place, block = find_column(table, WORST), _find_block(table, identity)
            if place is not None and len(block.attacks) > 1 and _count_defenses(block, place) > 1:
                return cls(table, block, place, reference)
        block = _find_block(accuracy, identity)
        met = {
            place: _count_defenses(block, place)
            for place, column in enumerate(accuracy.columns)
            if column.name in block.attacks and any(row.cells[place].value is not None for row in block.rows)
        }
        places = [place for place, count in met.items() if count == max(met.values())]
        hardest = min(places, key=lambda place: _mean(block, place, places), default=None)
        return None if hardest is None else cls(accuracy, block, hardest, reference)

    @property
    def column(self) -> Column:
        """The column that decides."""
        return self.table.columns[self.place]

    @property
    def split(self) -> str:
        """The split whose texts were attacked."""
        return str(self.block.setting.get("split", "test"))

    @property
    def under(self) -> str:
        """What the texts go through, in words."""
        attacks = self.block.attacks
        if self.column.name == WORST:
            return f"each of {join_names(attacks)}" if len(attacks) > 1 else attacks[0]
        count = len(attacks)
        return self.column.name if count == 1 else f"{self.column.name}, the hardest of {count} attacks"

    @property
    def ranked(self) -> list[Row]:
        """The rows with a number, the best first; those of models that learned nothing, which nothing fools, last.

        Where two rows or more have seeds enough for a statement on defenses, they alone are ranked.
        """
        rows = [row for row in self.block.rows if self.cell(row).value is not None and row not in self.few_seeds]
        return sorted(rows, key=lambda row: (not self.cell(row).learned, -(self.cell(row).value or 0)))

    @property
    def few_seeds(self) -> list[Row]:
        """The rows with a number that are not ranked."""
        few = [row for row in self.block.rows if 0 < len(self.cell(row).seeds) < FEWEST_SEEDS]
        compared = [row for row in self.block.rows if self.cell(row).is_compared]
        return few if len(compared) > 1 and not any(row in few for row in compared) else []

    def cell(self, row: Row) -> Cell:
        """Return a row's cell in the column."""
        return row.cells[self.place]

    @property
    def rivals(self) -> list[Row]:
        """The rows that are compared with each other, the best first: none that learned nothing, and no ablation."""
        return [row for row in self.ranked if self.cell(row).is_compared]

    def sentences(self) -> list[str]:
        """Return which defense holds best, and how sure that is."""
        ranked = [row for row in self.ranked if self.cell(row).learned]
        if not ranked:
            return [
                "Nobody can tell yet which defense holds best: none is sure to have learned the task, as each"
                f" {UNLEARNED}."
            ]
        if len(ranked) < 2:
            only, verb = ranked[0], self._describe_only()
            return [
                f"Nobody can tell yet which defense holds best: only {only.label} {verb}, and"
                f" {self._percent(only)} of its texts stay right under {self.under}{describe_doubts(self.cell(only))}."
            ]
        return [self._who(ranked), self._how_sure(ranked[0])]

    def _describe_only(self) -> str:
        """Return what sets the only row with a number, or the only one of a model that learned something, apart."""
        if len(self.ranked) > 1:
            return "has learned the task"
        columns = [place for place, column in enumerate(self.table.columns) if column.name in self.block.attacks]
        others = [row for row in self.block.rows if row is not self.ranked[0]]
        met = any(row.cells[place].value is not None for row in others for place in columns)
        return f"was attacked by {self.column.name}" if met else "was attacked"

    def _who(self, ranked: Sequence[Row]) -> str:
        best, rivals = ranked[0], self.rivals
        lead = f"{best.label} {'holds best' if self._is_alone(rivals) else 'has the highest number'}"
        tied = self._level_with_first(ranked)
        if len(tied) > 1:
            lead = f"{join_names([row.label for row in tied])} share the highest number"
        elif best not in rivals:
            lead = f"{best.label}, an ablation of {self.table.compared} and not compared, has the highest number"
        base = self._find_form(ranked, self.reference)
        others = [base] if base and base not in tied else []
        against = "".join(f", against {self._percent(row)} of {row.label}" for row in others)
        texts = "texts" if self.split == "test" else f"{self.split} texts"
        right = f"of {self.cell(best).n:,} attacked {texts} {self._percent(best)} stay right under {self.under}"
        doubts = "".join(describe_doubts(self.cell(row), of=row.label) for row in [*tied, *others])
        return f"{lead}: {right}{against}{doubts}."

    def _level_with_first(self, rows: Sequence[Row]) -> list[Row]:
        """Return the first of rows, and those with the same number."""
        return [row for row in rows if self.cell(row).value == self.cell(rows[0]).value]

    def _is_alone(self, rivals: Sequence[Row]) -> bool:
        """Return whether the best rival is told from all others, and what was named beforehand by its own test."""
        if len(rivals) < 2 or self._unpaired(rivals) or any(self.cell(row).best for row in rivals[1:]):
            return False
        cell = self.cell(rivals[0])
        return rivals[0].name != self.table.compared or cell.p is None or cell.is_claim

    def _how_sure(self, best: Row) -> str:
        """Return what tests say of the rows that are compared; the best of all may be an ablation, which is not."""
        rivals = self.rivals
        if len(rivals) < 2:
            return "How sure: nothing was tested, since ablations are not compared."
        named = self._find_form(rivals, self.table.compared)
        claim = self._claim(named, best) if named else ""
        tests = "" if claim and named is rivals[0] else self._describe_tests(rivals)
        if tests and best is not rivals[0]:
            tied = [row.label for row in self._level_with_first(rivals)]
            verb = "share" if len(tied) > 1 else "has"
            tests = f"of those that are compared {join_names(tied)} {verb} the highest number; {tests}"
        aside = best is rivals[0] and any(self.cell(row).learned and row not in rivals for row in self.ranked)
        parts = [tests, claim, f"the ablations of {self.table.compared} were not compared" if aside else ""]
        if few := len(self.few_seeds):
            were = "row of fewer than {} seeds was" if few == 1 else "rows of fewer than {} seeds were"
            parts.append(f"{few} {were.format(FEWEST_SEEDS)} not compared")
            parts.append(explain_few_seeds(self.block.rows, self.place, self.table.compared))
        tested = rivals if tests or not named else [named, self._best_other(named, rivals)]
        return f"How sure: {'; '.join(filter(None, [*parts, self._about_seeds(tested)]))}."

    def _best_other(self, named: Row, rivals: Sequence[Row]) -> Row:
        """Return what the defense that was named beforehand is compared with: the best model of another."""
        return next(row for row in rivals if row.name != named.name)

    def _describe_tests(self, rivals: Sequence[Row]) -> str:
        """Return what cannot be told from the best of the rows that are compared."""
        found = Tested.of([(row.label, self.cell(row)) for row in rivals])
        best = found.level[0] if len(found.level) > 1 else "it"
        parts = [f"no test tells {join_names(found.level)} apart"] if len(found.level) > 1 else []
        if found.alike:
            parts.append(f"{join_names(found.alike)} cannot be told from {best}")
        if parts:
            parts[-1] += self._smallest()
        if found.ahead:
            parts.append(describe_ahead(join_names(found.ahead), several=len(found.ahead) > 1))
        if found.unpaired:
            parts.append(describe_unpaired(join_names(found.unpaired), best))
        return "; ".join(parts) or "a paired test tells it from every other"

    def _unpaired(self, rivals: Sequence[Row]) -> list[Row]:
        """Return the rows that no test can compare with the best."""
        return [row for row in rivals[1:] if not self.cell(row).is_paired]

    def _smallest(self) -> str:
        size = self.block.smallest[self.place] if self.block.smallest else None
        if not size or size > 1:  # no test, or so few samples that they find no difference
            return ""
        return f", and less than {percent(size)} points are often missed with these samples"

    def _claim(self, named: Row, best: Row) -> str:
        """Return what can be claimed of the defense that was named beforehand."""
        cell = self.cell(named)
        if cell.difference is None or cell.p is None:
            return ""
        lead = f"{number_text(abs(cell.difference), self.column)} points"
        certain = f"({p_text(cell.p, cell.interval.level if cell.interval else LEVEL)}, adjusted for all others)"
        if named is best and cell.difference > 0:
            verdict = "is more than chance" if cell.is_claim else "may be chance"
            return f"its lead of {lead} over {_OTHERS} {verdict} {certain}"
        if not cell.difference:
            return f"{named.label}, which was named for comparison, is level with {_OTHERS}"
        place = f"{lead} {'ahead of' if cell.difference > 0 else 'behind'}"
        verdict = "more than chance" if cell.is_claim else "possibly by chance"
        return f"{named.label}, which was named for comparison, is {place} {_OTHERS}, {verdict} {certain}"

    def _about_seeds(self, rivals: Sequence[Row]) -> str:
        """Return what tests are about, by the seeds that all rows have of which they are."""
        seeds = [set(self.cell(row).seeds) for row in rivals]
        count = len(set.intersection(*seeds))
        text = f"{count} seeds were" if count > 1 else "one seed was"
        how = f"{text} run"
        if any(one != seeds[0] for one in seeds):
            text = f"{count} seeds are" if count > 1 else "only one seed is" if count else "no seed is"
            how = f"{text} common to all that are compared"
        verdict = "the methods" if count >= FEWEST_SEEDS else "these trained models, and not yet about the methods"
        return f"{how}, so this is about {verdict}"

    def _percent(self, row: Row) -> str:
        return share_text(self.cell(row), self.column)

    def _find_form(self, rows: Sequence[Row], name: str) -> Row | None:
        """Return the row of a defense; of several forms the one with no field changed, whichever is the best."""
        found = [row for row in self.block.rows if row.name == name and row in rows]
        return min(found, key=lambda row: row.is_changed, default=None)

    def price(self, prices: Table | None) -> str:
        """Return what the best defense costs, on clean texts and in training.

        It is empty if several share the best number, or fewer than two have learned the task: then none holds best.

        Args:
            prices: the table of prices, if there is one.
        """
        if sum(self.cell(row).learned for row in self.ranked) < 2:
            return ""
        best = self.ranked[0]
        base = self._find_form(self.block.rows, self.reference)
        clean = find_column(self.table, CLEAN)
        if base is None or clean is None or base is best or len(self._level_with_first(self.ranked)) > 1:
            return ""
        parts = []
        ours, theirs = best.cells[clean].value, base.cells[clean].value
        if ours is not None and theirs is not None:
            change = ours - theirs
            word = "fewer" if change < 0 else "more"
            size = number_text(abs(change), self.table.columns[clean])
            more = f"{size} points {word} of the clean texts are right than with {base.label}"
            parts.append(more if change else f"none on clean texts, of which as many are right as with {base.label}")
        parts += filter(None, [describe_training(prices, self.block, best, base)])
        return f"The price of {best.label}: {'; '.join(parts)}." if parts else ""


def _find_block(table: Table, identity: str) -> Block:
    found = [block for block in table.blocks if block.identity == identity]
    return found[0] if found else max(table.blocks, key=_count_numbers)


def _count_numbers(block: Block) -> int:
    return sum(cell.value is not None for row in block.rows for cell in row.cells)


def _count_defenses(block: Block, place: int) -> int:
    """Count the defenses with a number in a column, as far as they learned something."""
    cells = [(row.name, row.cells[place]) for row in block.rows]
    return len({name for name, cell in cells if cell.value is not None and cell.learned})


def _mean(block: Block, place: int, shared: Sequence[int]) -> float:
    """Return the mean of a column over the rows that have all of some columns, or else over its own rows."""
    whole = [row for row in block.rows if all(row.cells[other].value is not None for other in shared)]
    return fmean(float(value) for row in whole or block.rows if (value := row.cells[place].value) is not None)
